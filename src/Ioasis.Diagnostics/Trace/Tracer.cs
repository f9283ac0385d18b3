using System.Text;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.State;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// Writes what happens in a machine, from its making to its disposal, as lines of text or JSON. A thread of its own
/// writes, so that no program waits for it; where it is too slow, events are lost, and the trace says how many.
/// </summary>
internal sealed class Tracer : IDisposable
{
    private const int MostText = 4096; // characters

    private readonly TextWriter? _output; // or the files:
    private readonly TraceFiles? _files;
    private readonly LinesByProcess? _byProcess;
    private readonly OpenNodes _nodes = new();
    private readonly EventThread _events;
    private readonly TraceLines _lines;
    private readonly StringBuilder _text = new(); // lines that are not written yet

    /// <summary>Begins to trace.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nameOf">What the machine calls a device.</param>
    /// <param name="options">What is traced.</param>
    /// <param name="output">Where it is written. The caller disposes of it, after this.</param>
    /// <param name="stacks">The lines of the stack of a call, by the call's number; null for no stacks.</param>
    /// <exception cref="IOException">The host has no thread to give.</exception>
    /// <exception cref="ArgumentException">The options name something that cannot be traced.</exception>
    public Tracer(Observers observers, Func<Endpoint, string> nameOf, TraceOptions options, TextWriter output,
        Func<long, IReadOnlyList<string>?>? stacks = null)
        : this(observers, nameOf, options, output, null, stacks)
    {
    }

    /// <summary>Begins to trace each process to a file of its own.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nameOf">What the machine calls a device.</param>
    /// <param name="options">What is traced.</param>
    /// <param name="files">The files. The caller disposes of them, after this.</param>
    /// <param name="stacks">The lines of the stack of a call, by the call's number; null for no stacks.</param>
    /// <exception cref="IOException">The host has no thread to give.</exception>
    /// <exception cref="ArgumentException">The options name something that cannot be traced.</exception>
    public Tracer(Observers observers, Func<Endpoint, string> nameOf, TraceOptions options, TraceFiles files,
        Func<long, IReadOnlyList<string>?>? stacks = null)
        : this(observers, nameOf, options, null, files, stacks)
    {
    }

    private Tracer(Observers observers, Func<Endpoint, string> nameOf, TraceOptions options, TextWriter? output,
        TraceFiles? files, Func<long, IReadOnlyList<string>?>? stacks)
    {
        ArgumentNullException.ThrowIfNull(observers);
        (_output, _files) = (output, files);
        if (TraceLines.HeaderOf(options) is { } header && files is null) _text.AppendLine(header);
        _lines = new TraceLines(options, new EventLines(_nodes, nameOf), stacks);
        EventKinds kinds = _lines.Filter.Kinds;
        if (files is not null)
        {
            _byProcess = new LinesByProcess(files.WriteLine);
            kinds |= EventKinds.Call; // which say what belongs to which process
        }

        _events = new EventThread(
            observers, _nodes, kinds, "the trace", files is null ? WriteAll : WriteByProcess);
    }

    /// <summary>Writes what there still is, and ends.</summary>
    public void Dispose() => _events.Dispose();

    private void WriteAll(IReadOnlyList<KeptEvent> taken, long lost, bool isLast)
    {
        if (lost != 0) _output!.WriteLine(_lines.LineOfLost(lost));
        foreach (KeptEvent e in taken)
        {
            if (!_lines.TryAppend(_text, in e)) continue;
            _text.AppendLine();
            if (_text.Length >= MostText) WriteText();
        }

        WriteText();
        _output!.Flush();
    }

    private void WriteText()
    {
        _output!.Write(_text);
        _text.Clear();
    }

    private void WriteByProcess(IReadOnlyList<KeptEvent> taken, long lost, bool isLast)
    {
        if (lost != 0)
        {
            _byProcess!.GiveUp(); // the calls may be among the lost events
            _files!.WriteLine(0, _lines.LineOfLost(lost));
        }

        foreach (KeptEvent e in taken) _byProcess!.Add(in e, _lines.LineOf(e));
        if (isLast) _byProcess!.GiveUp();
        _files!.Flush();
    }
}
