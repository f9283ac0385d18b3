using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.State;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// The lines of a trace, taken step by step. Reads and writes of a device's registers are counted only: a driver polls.
/// </summary>
internal sealed class StepTrace : IDisposable
{
    private readonly Observers _observers;
    private readonly OpenNodes _nodes = new();
    private readonly EventRing _ring = new(EventKinds.All & ~(EventKinds.Doorbell | EventKinds.Reset));
    private readonly TraceLines _lines;
    private readonly List<KeptEvent> _taken = [];

    /// <summary>Begins to trace.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nameOf">What the machine calls a device.</param>
    internal StepTrace(Observers observers, Func<Endpoint, string> nameOf)
    {
        _observers = observers;
        _lines = new TraceLines(new TraceOptions(), new EventLines(_nodes, nameOf));
        observers.Add(_nodes);
        observers.Add(_ring);
    }

    /// <summary>What happened since the last time.</summary>
    /// <param name="accesses">How many reads and writes of registers there were beside.</param>
    internal IReadOnlyList<TracedLine> Take(out int accesses)
    {
        accesses = 0;
        _taken.Clear();
        _ring.Take(TimeSpan.Zero, _taken, out _);
        List<TracedLine> calls = [];
        foreach (KeptEvent e in _taken)
        {
            NodeCall? call = (e.Event as CallEvent?)?.Call;
            if (call is not null && IsOfRegisters(call)) accesses++;
            else if (_lines.LineOf(e) is { } line) calls.Add(new TracedLine(call is not null, line.Trim()));
        }

        return calls;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _observers.Remove(_ring);
        _observers.Remove(_nodes);
    }

    private static bool IsOfRegisters(NodeCall call) =>
        call.Name is not "ioctl" && call.Path.StartsWith("/dev/vfio/", StringComparison.Ordinal);
}

/// <summary>A line of a trace.</summary>
/// <param name="IsCall">Whether the program made it; else it came of a call or of a device.</param>
/// <param name="Text">The line.</param>
internal sealed record TracedLine(bool IsCall, string Text);
