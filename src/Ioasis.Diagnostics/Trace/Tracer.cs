using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.State;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// Writes what happens in a machine, from its making to its disposal, as lines of text or JSON. A thread of its own
/// writes, so that no program waits for it; where it is too slow, events are lost, and the trace says how many.
/// </summary>
public sealed class Tracer : IDisposable
{
    private const int Capacity = 1 << 17;
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1);

    private readonly Observers _observers;
    private readonly TextWriter? _output; // or the files:
    private readonly TraceFiles? _files;
    private readonly LinesByProcess? _byProcess;
    private readonly OpenNodes _nodes = new();
    private readonly EventRing _ring;
    private readonly TraceLines _lines;
    private readonly Thread _thread;
    private bool _hasFailed;

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
        (_observers, _output, _files) = (observers, output, files);
        _lines = new TraceLines(options, new EventLines(_nodes, nameOf), stacks);
        EventKinds kinds = _lines.Filter.Kinds;
        if (files is not null)
        {
            _byProcess = new LinesByProcess(files.WriteLine);
            kinds |= EventKinds.Call; // which say what belongs to which process
        }

        _ring = new EventRing(kinds, Capacity);
        _thread = HostThread.Start("ioasis trace", Write);
        observers.Add(_nodes);
        observers.Add(_ring);
    }

    /// <summary>Writes what there still is, and ends.</summary>
    public void Dispose()
    {
        _observers.Remove(_ring);
        _observers.Remove(_nodes);
        _ring.Close();
        _thread.Join();
    }

    private void Write()
    {
        List<KeptEvent> taken = [];
        for (bool goesOn = true; goesOn; taken.Clear())
        {
            goesOn = _ring.Take(s_look, taken, out long lost);
            if (_hasFailed) continue;
            try
            {
                if (_files is null) WriteAll(taken, lost);
                else WriteByProcess(taken, lost, isLast: !goesOn);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The program goes on without a trace.
                _hasFailed = true;
                HostMessages.Tell($"the trace ends: {e.Message}");
            }
        }
    }

    private void WriteAll(List<KeptEvent> taken, long lost)
    {
        if (lost != 0) _output!.WriteLine(_lines.LineOfLost(lost));
        foreach (KeptEvent e in taken)
            if (_lines.LineOf(e) is { } line) _output!.WriteLine(line);
        _output!.Flush();
    }

    private void WriteByProcess(List<KeptEvent> taken, long lost, bool isLast)
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
