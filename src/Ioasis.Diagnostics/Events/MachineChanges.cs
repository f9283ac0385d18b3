using System.Buffers;
using System.Text.Json;
using Ioasis.Core.Dma;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.State;

namespace Ioasis.Diagnostics.Events;

/// <summary>
/// How much happened in a machine, for a reader that looks now and then: sums, and which of its questions have other
/// answers than before. The program pays for a counter, not for a line.
/// </summary>
internal sealed class MachineChanges : IDisposable
{
    private const EventKinds OfState = EventKinds.Map | EventKinds.Unmap | EventKinds.Attach | EventKinds.Detach
        | EventKinds.PageRequest | EventKinds.PageResponse | EventKinds.Reset | EventKinds.Bind | EventKinds.Unbind
        | EventKinds.Open | EventKinds.Close | EventKinds.Mdev;

    private readonly Observers _observers;
    private readonly OpenNodes _nodes;
    private readonly EventLines _lines;
    private readonly Func<int> _busyEngines;
    private readonly EventCounts _counts = new();
    private readonly AccessCounts _before; // what earlier counters saw
    private AccessCounts _accesses;
    private ContextTotals _totals;
    private long _stateEvents, _faults;
    private int _busy;
    private bool _hasBegun;

    /// <summary>Begins to count.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nodes">The contexts that live.</param>
    /// <param name="lines">Which writes the machine's other events, and knows when it began.</param>
    /// <param name="busyEngines">A number that is another when other engines are busy.</param>
    public MachineChanges(Observers observers, OpenNodes nodes, EventLines lines, Func<int> busyEngines)
    {
        ArgumentNullException.ThrowIfNull(observers);
        (_observers, _nodes, _lines, _busyEngines) = (observers, nodes, lines, busyEngines);
        _before = observers.SumAccesses();
        observers.Add(_counts);
    }

    /// <summary>The line for what happened since the last one; null for nothing. The first time there is one.</summary>
    public byte[]? Next()
    {
        AccessCounts accesses = _observers.SumAccesses().Since(_before);
        bool any = _counts.TakeChanged() | (accesses != _accesses);
        _accesses = accesses;
        ContextTotals totals = ContextTotals.Of(_nodes);
        int busy = _busyEngines();
        long stateEvents = 0;
        foreach (EventKinds kind in EventNames.Kinds)
            if ((kind & OfState) != 0) stateEvents += _counts.Of(kind);
        long faults = _counts.Of(EventKinds.Fault);
        bool isState = !_hasBegun || stateEvents != _stateEvents || totals != _totals || busy != _busy;
        bool isFaults = !_hasBegun || faults != _faults;
        if (!any && !isState && !isFaults) return null;
        (_totals, _busy, _stateEvents, _faults, _hasBegun) = (totals, busy, stateEvents, faults, true);
        return Write(totals, isState, isFaults);
    }

    /// <summary>Counts nothing more.</summary>
    public void Dispose() => _observers.Remove(_counts);

    private byte[] Write(ContextTotals totals, bool isState, bool isFaults)
    {
        var line = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("event", "changes");
            json.WriteNumber("time", Math.Round(_lines.Seconds, 6));
            json.WriteStartObject("counts");
            foreach (EventKinds kind in EventNames.Kinds)
                if ((kind & EventKinds.All) != 0) json.WriteNumber(EventNames.Of(kind), _counts.Of(kind));
            json.WriteEndObject();
            json.WriteNumber("dmaBytes", _accesses.ReadBytes + _accesses.WrittenBytes);
            json.WriteNumber("iotlbHits", _accesses.Hits);
            json.WriteNumber("iotlbMisses", _accesses.Misses);
            json.WriteNumber("maps", totals.Maps);
            json.WriteNumber("mappedBytes", totals.MappedBytes);
            json.WriteBoolean("state", isState);
            json.WriteBoolean("faults", isFaults);
            json.WriteEndObject();
        }

        return line.WrittenSpan.ToArray();
    }
}
