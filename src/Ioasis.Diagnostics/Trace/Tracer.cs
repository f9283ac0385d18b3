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
    private readonly TextWriter _output;
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
    {
        ArgumentNullException.ThrowIfNull(observers);
        (_observers, _output) = (observers, output);
        _lines = new TraceLines(options, new EventLines(_nodes, nameOf), stacks);
        _ring = new EventRing(_lines.Filter.Kinds, Capacity);
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
                if (lost != 0) _output.WriteLine(_lines.LineOfLost(lost));
                foreach (KeptEvent e in taken)
                    if (_lines.LineOf(e) is { } line) _output.WriteLine(line);
                _output.Flush();
            }
            catch (IOException e)
            {
                // The program goes on without a trace.
                _hasFailed = true;
                HostMessages.Tell($"the trace ends: {e.Message}");
            }
        }
    }
}
