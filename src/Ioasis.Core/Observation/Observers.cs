using System.Diagnostics;
using System.Runtime.CompilerServices;
using Ioasis.Core.Dma;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Observation;

/// <summary>
/// The observers of one machine, which come and go while it runs. Without one that wants an event, telling it is one
/// branch.
/// </summary>
public sealed class Observers
{
    // Guards changes of the lists. Innermost.
    private readonly RankedLock _lock = new(LockRank.Observers);
    private volatile Entry[] _entries = [];
    private readonly HashSet<DmaPort> _ports = []; // which are told whether accesses are watched or counted
    private readonly Dictionary<DeviceId, AccessCounts> _counts = []; // of ports that are closed
    private readonly ConditionalWeakTable<IMapTotals, object?> _spaces = []; // weak: some are never finished
    private volatile EventKinds _wanted;
    private long _sequence;
    private long _files; // that programs have open

    /// <summary>Tells an observer of everything of its kinds from now on.</summary>
    /// <exception cref="ArgumentException">It is told already.</exception>
    public void Add(MachineObserver observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        var entry = new Entry(observer, observer.Kinds);
        using (_lock.Enter())
        {
            if (Array.Exists(_entries, e => e.Observer == observer))
                throw new ArgumentException("The machine has this observer already.", nameof(observer));
            Set([.. _entries, entry]);
        }
    }

    /// <summary>Takes an observer off. A call that is under way may still end after this.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(MachineObserver observer)
    {
        using (_lock.Enter())
        {
            Entry[] left = [.. _entries.Where(e => e.Observer != observer)];
            if (left.Length == _entries.Length) return false;
            Set(left);
            return true;
        }
    }

    /// <summary>Whether some observer is told of a kind. To be asked before an event is made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Want(EventKinds kind) => (_wanted & kind) != 0;

    /// <summary>The stamp of an event that happens now.</summary>
    public EventStamp Stamp() =>
        new(Interlocked.Increment(ref _sequence), Stopwatch.GetTimestamp(), CurrentCall.Number);

    /// <summary>Tells an event to all who want its kind. Nothing that an observer does reaches the caller.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Tell<TEvent>(in TEvent e) where TEvent : struct, IMachineEvent
    {
        foreach (Entry entry in _entries)
        {
            if ((entry.Kinds & TEvent.Kind) == 0) continue;
            try
            {
                e.Tell(entry.Observer);
            }
            catch (Exception failure)
            {
                TakeOff(entry.Observer, failure);
            }
        }
    }

    /// <summary>A port was opened: from now on it knows whether somebody wants its accesses.</summary>
    internal void Add(DmaPort port)
    {
        using (_lock.Enter())
        {
            _ports.Add(port);
            port.Watch(Want(EventKinds.Watched));
            port.Meter(Want(EventKinds.AccessCounts));
        }
    }

    /// <summary>A port was closed.</summary>
    internal void Remove(DmaPort port)
    {
        using (_lock.Enter())
        {
            if (_ports.Remove(port)) Add(_counts, port);
        }
    }

    /// <summary>
    /// What each device that has, or had, a port accessed while an observer wanted
    /// <see cref="EventKinds.AccessCounts"/>.
    /// </summary>
    public IReadOnlyDictionary<DeviceId, AccessCounts> CountAccesses()
    {
        using (_lock.Enter())
        {
            var counts = new Dictionary<DeviceId, AccessCounts>(_counts);
            foreach (DmaPort port in _ports) Add(counts, port);
            return counts;
        }
    }

    /// <summary>The sum of <see cref="CountAccesses"/>.</summary>
    internal AccessCounts SumAccesses()
    {
        AccessCounts sum = default;
        foreach (AccessCounts device in CountAccesses().Values) sum += device;
        return sum;
    }

    private static void Add(Dictionary<DeviceId, AccessCounts> counts, DmaPort port)
    {
        AccessCounts counted = port.Counted;
        if (counted == default) return;
        counts[port.Device] = counts.GetValueOrDefault(port.Device) + counted;
    }

    /// <summary>
    /// What programs have at this moment, whenever the observer came. Costs a read for each I/O address space, and
    /// nobody waits for it.
    /// </summary>
    public MachineTotals ReadTotals()
    {
        long maps = 0;
        ulong bytes = 0;
        foreach ((IMapTotals space, _) in _spaces)
        {
            maps += space.MapCount;
            bytes += space.MappedBytes;
        }

        return new MachineTotals(maps, bytes, Volatile.Read(ref _files));
    }

    /// <summary>An I/O address space of a program was made.</summary>
    internal void Add(IMapTotals space) => _spaces.Add(space, null);

    /// <summary>It has no mappings any more, and will have none.</summary>
    internal void Remove(IMapTotals space) => _spaces.Remove(space);

    /// <summary>A program opened a file, or closed it.</summary>
    internal void CountFile(bool isOpen) => Interlocked.Add(ref _files, isOpen ? 1 : -1);

    private void Set(Entry[] entries)
    {
        EventKinds before = _wanted;
        _entries = entries;
        EventKinds wanted = EventKinds.None;
        foreach (Entry entry in entries) wanted |= entry.Kinds;
        _wanted = wanted;
        if (((before ^ _wanted) & (EventKinds.Watched | EventKinds.AccessCounts)) == 0) return;
        foreach (DmaPort port in _ports)
        {
            port.Watch(Want(EventKinds.Watched));
            port.Meter(Want(EventKinds.AccessCounts));
        }
    }

    /// <summary>Takes an observer off that threw. The user is told once, and elsewhere: locks are held here.</summary>
    private void TakeOff(MachineObserver observer, Exception failure)
    {
        if (!Remove(observer)) return;
        ThreadPool.QueueUserWorkItem(
            static told => HostMessages.Tell($"observer {told.observer.GetType().Name}", told.failure),
            (observer, failure), preferLocal: false);
    }

    private sealed record Entry(MachineObserver Observer, EventKinds Kinds);
}
