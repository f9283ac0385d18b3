using Ioasis.Core.Observation;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.Events;

/// <summary>
/// Keeps the newest events for one subscriber until it takes them. The thread that tells an event never waits: where
/// the subscriber is too slow, events are lost and counted.
/// </summary>
/// <param name="kinds">The kinds of event that are kept.</param>
/// <param name="capacity">How many are kept at most.</param>
internal sealed class EventRing(EventKinds kinds, int capacity = EventRing.DefaultCapacity) : MachineObserver
{
    private const int Many = 1024;

    /// <summary>How many events are kept unless something else is said.</summary>
    public const int DefaultCapacity = 16384;

    // Guards what follows. Innermost. The subscriber waits on it.
    private readonly RankedMonitor _lock = new(LockRank.EventRing);
    private Queue<KeptEvent> _events = [];
    private long _lost;
    private bool _isClosed;
    private bool _gathers; // the subscriber wants no pulse for each event

    private Queue<KeptEvent> _taken = []; // the subscriber's

    private static readonly Comparer<KeptEvent> s_byStamp =
        Comparer<KeptEvent>.Create(static (a, b) => a.Stamp.Sequence.CompareTo(b.Stamp.Sequence));

    /// <inheritdoc/>
    public override EventKinds Kinds => kinds;

    /// <summary>Takes what there is, and waits for something when there is nothing.</summary>
    /// <param name="longest">How long to wait at most.</param>
    /// <param name="taken">Gets the events in their order.</param>
    /// <param name="lost">How many were lost before the first of them.</param>
    /// <param name="gather">How long to wait for more after the first event. Meanwhile nobody spends time on waking the
    /// subscriber.</param>
    /// <returns>False when nothing more will come.</returns>
    public bool Take(TimeSpan longest, List<KeptEvent> taken, out long lost, TimeSpan gather = default)
    {
        ArgumentNullException.ThrowIfNull(taken);
        Queue<KeptEvent> events;
        bool isClosed;
        using (_lock.Enter())
        {
            if (_events.Count == 0 && !_isClosed)
            {
                _lock.Wait(longest);
                if (_events.Count != 0 && !_isClosed && gather > TimeSpan.Zero)
                {
                    _gathers = true;
                    _lock.Wait(gather);
                    _gathers = false;
                }
            }

            (lost, _lost) = (_lost, 0);
            (events, _events, _taken) = (_events, _taken, _events);
            isClosed = _isClosed;
        }

        bool any = events.Count != 0 || lost != 0;
        // Threads tell their events one after the other, but mostly in the order of the stamps.
        int first = taken.Count;
        bool isInOrder = true;
        long last = 0;
        foreach (KeptEvent e in events)
        {
            isInOrder &= e.Stamp.Sequence > last;
            last = e.Stamp.Sequence;
            taken.Add(e);
        }

        events.Clear();
        if (!isInOrder) taken.Sort(first, taken.Count - first, s_byStamp);
        return any || !isClosed;
    }

    /// <summary>Keeps nothing more. What is kept can still be taken.</summary>
    public void Close()
    {
        using (_lock.Enter())
        {
            _isClosed = true;
            _lock.PulseAll();
        }
    }

    /// <inheritdoc/>
    public override void OnMap(in MapEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnAttach(in AttachEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnDetach(in DetachEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnInvalidate(in InvalidateEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnPageRequest(in PageRequestEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnPageResponse(in PageResponseEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnStrayResponse(in StrayResponseEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnDma(in DmaEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnStaleTranslation(in StaleTranslationEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnFault(in FaultEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnReset(in ResetEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnDoorbell(in DoorbellEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnInterrupt(in InterruptEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnBind(in BindEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnUnbind(in UnbindEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnOpen(in OpenEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e) => Keep(in e);

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnInject(in InjectEvent e) => Keep(in e);

    /// <inheritdoc/>
    public override void OnMdev(in MdevEvent e) => Keep(in e);

    private void Keep<TEvent>(in TEvent e) where TEvent : struct, IMachineEvent
    {
        using (_lock.Enter())
        {
            if (_isClosed) return;
            if (_events.Count == capacity)
            {
                _events.Dequeue();
                _lost++;
            }

            _events.Enqueue(new KeptEvent(e.Stamp, e));
            if (!_gathers || _events.Count == Many) _lock.Pulse();
        }
    }
}

/// <summary>An event of any kind, until it is written.</summary>
/// <param name="Stamp">When it happened.</param>
/// <param name="Event">The event: one of those that a <see cref="MachineObserver"/> is told of.</param>
internal readonly record struct KeptEvent(EventStamp Stamp, object Event);
