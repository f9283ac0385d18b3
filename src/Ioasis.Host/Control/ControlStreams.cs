using System.Text.Json;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Machine;

namespace Ioasis.Host.Control;

/// <summary>Lines that follow one another as long as a subscriber stays and the program runs.</summary>
internal interface IControlStream : IDisposable
{
    /// <summary>The next lines.</summary>
    /// <param name="longest">How long to wait for one.</param>
    /// <param name="lines">Gets them.</param>
    /// <returns>False when nothing more will come.</returns>
    bool TryNext(TimeSpan longest, List<byte[]> lines);

    /// <summary>Nothing new will happen: what there is can still be read.</summary>
    void Close();
}

/// <summary>The events of a machine, as lines.</summary>
internal sealed class EventStream : IControlStream
{
    private readonly SoftwareMachine _machine;
    private readonly EventRing _ring;
    private readonly Func<KeptEvent, byte[]?> _lineOf;
    private readonly Func<long, byte[]> _lineOfLost;
    private readonly List<KeptEvent> _taken = [];

    /// <summary>Begins to keep events.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="kinds">Their kinds.</param>
    /// <param name="lineOf">The line for an event; null for none.</param>
    /// <param name="lineOfLost">The line that says how many were lost.</param>
    public EventStream(
        SoftwareMachine machine, EventKinds kinds, Func<KeptEvent, byte[]?> lineOf, Func<long, byte[]> lineOfLost)
    {
        (_machine, _ring, _lineOf, _lineOfLost) = (machine, new EventRing(kinds), lineOf, lineOfLost);
        machine.Observers.Add(_ring);
    }

    public bool TryNext(TimeSpan longest, List<byte[]> lines)
    {
        _taken.Clear();
        bool goesOn = _ring.Take(longest, _taken, out long lost);
        if (lost != 0) lines.Add(_lineOfLost(lost));
        foreach (KeptEvent e in _taken)
            if (_lineOf(e) is { } line) lines.Add(line);
        return goesOn;
    }

    public void Close() => _ring.Close();

    public void Dispose() => _machine.Observers.Remove(_ring);
}

/// <summary>The faults that units keep, and those that come. A gap in their numbers tells of lost ones.</summary>
internal sealed class FaultStream : IControlStream
{
    private readonly SoftwareMachine _machine;
    private readonly EventRing _ring = new(EventKinds.Fault);
    private readonly Dictionary<string, long> _told = [];
    private readonly List<KeptEvent> _taken = [];
    private bool _hasBegun;

    public FaultStream(SoftwareMachine machine)
    {
        _machine = machine;
        machine.Observers.Add(_ring); // after the logs of the units, which have a fault when it is told here
    }

    public bool TryNext(TimeSpan longest, List<byte[]> lines)
    {
        _taken.Clear();
        bool goesOn = _ring.Take(_hasBegun ? longest : TimeSpan.Zero, _taken, out _);
        _hasBegun = true;
        foreach (ControlFault fault in ControlAnswers.FaultsOf(_machine))
        {
            if (fault.Sequence <= _told.GetValueOrDefault(fault.Unit)) continue;
            _told[fault.Unit] = fault.Sequence;
            lines.Add(JsonSerializer.SerializeToUtf8Bytes(fault));
        }

        return goesOn;
    }

    public void Close() => _ring.Close();

    public void Dispose() => _machine.Observers.Remove(_ring);
}
