using Ioasis.Core.Dma;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Dsa;

/// <summary>
/// The state that the engines and the driver share: which queue takes which descriptor, which descriptors are under
/// way, and errors. Commands (<see cref="DsaCommands"/>) wait here for descriptors under way.
/// </summary>
internal sealed class DsaScheduler
{
    private readonly IPciSlot _slot;
    private readonly DsaLayout _layout;
    private readonly DsaSharedQueue? _shared; // that the only queue is a part's share of
    private readonly DsaEngine[] _engines;
    private readonly int[] _groupOfEngine;
    private readonly HashSet<DsaWork> _underWay = [];
    private HashSet<DsaWork>? _awaited;
    private Action? _whenDone;
    private long _clock;

    /// <summary>Makes the state of a function, or of a part of one.</summary>
    /// <param name="slot">Its slot.</param>
    /// <param name="options">Its options.</param>
    /// <param name="layout">Its registers.</param>
    /// <param name="handles">The numbers of a part's interrupt handles; null for a function.</param>
    /// <param name="shared">The queue of the parent that the part's queue is a share of; null for none.</param>
    internal DsaScheduler(
        IPciSlot slot, DsaOptions options, DsaLayout layout, DsaHandleNumbers? handles = null,
        DsaSharedQueue? shared = null)
    {
        _slot = slot;
        _layout = layout;
        _shared = shared;
        _groupOfEngine = new int[layout.Engines];
        Queues = [.. Enumerable.Range(0, layout.Queues).Select(i => new DsaQueue(i))];
        Handles = new DsaHandles(layout, options.InterruptHandles, handles);
        Errors = new DsaErrors(slot);
        DmaPort[] ports =
            [.. Enumerable.Range(0, layout.Engines).Select(_ => slot.OpenDmaPort(DsaRegisters.Translations))];
        ports[0].RequestsPages = true; // reads as false if PRI is not enabled
        HasPageRequests = ports[0].RequestsPages;
        PasidBits = ports[0].PasidBits;
        _engines = [.. ports.Select((port, index) => new DsaEngine(this, port, index))];
    }

    /// <summary>
    /// Guards everything here, the queues and the meaning of the registers. Taken after the slot's lock for calls;
    /// before an engine's own lock, a descriptor's, and the slot's locks for bytes and interrupts. Nobody holds it
    /// during DMA.
    /// </summary>
    internal RankedLock Lock { get; } = new(LockRank.Model);

    internal DsaQueue[] Queues { get; }

    internal DsaHandles Handles { get; }

    internal DsaErrors Errors { get; }

    /// <summary>Whether PRI is enabled.</summary>
    internal bool HasPageRequests { get; }

    /// <summary>Number of PASID bits that are enabled.</summary>
    internal int PasidBits { get; }

    internal DsaState State { get; set; }

    /// <summary>The group of each engine, -1 for none. Set when the device is enabled.</summary>
    internal Span<int> GroupOfEngine => _groupOfEngine;

    /// <summary>Accepts a descriptor from a portal. The caller holds the lock.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="isLimited">Whether it came by the limited portal, which leaves the last places of a shared queue to
    /// others.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <returns>False if a shared queue is full: the submitter may try again.</returns>
    internal bool TryAccept(DsaQueue queue, bool isLimited, in DsaDescriptor descriptor)
    {
        if (queue.Config is not { } config || !queue.IsOpen)
        {
            Errors.Record(DsaStatus.QueueNotEnabled, queue.Index, null, default);
            return true;
        }

        int room = isLimited && !config.IsDedicated ? config.Threshold : config.Size;
        if (queue.Waiting.Count >= room || (_shared is not null && !_shared.TryTake(queue.Waiting.Count)))
        {
            // The submitter to a full shared queue is told to retry, so nothing is lost and no error is recorded.
            if (config.IsDedicated) Errors.Record(DsaStatus.QueueFull, queue.Index, null, default);
            return config.IsDedicated;
        }

        var work = new DsaWork(queue, config, in descriptor);
        queue.Waiting.Add(work);
        _underWay.Add(work);
        PublishState(queue);
        WakeEngines(queue.Group);
        return true;
    }

    /// <summary>
    /// Takes the next descriptor for an engine: the oldest one of the highest-priority queue in its group. Null for
    /// none.
    /// </summary>
    internal DsaWork? TryTake(int engine)
    {
        using (Lock.Enter())
        {
            DsaQueue? best = null;
            foreach (DsaQueue queue in Queues)
            {
                if (queue.Config is null || queue.Group != _groupOfEngine[engine] || !queue.IsReady) continue;
                if (best is null
                    || (queue.Config.Priority, -queue.Served).CompareTo((best.Config!.Priority, -best.Served)) > 0)
                    best = queue;
            }

            if (best is null) return null;
            DsaWork work = best.Waiting[0];
            best.Waiting.RemoveAt(0);
            _shared?.Give(1, best.Waiting.Count);
            best.Running++;
            best.Served = ++_clock;
            PublishState(best);
            return work;
        }
    }

    /// <summary>An engine is done with a descriptor: it wrote the record, or the descriptor was aborted.</summary>
    internal void Finished(DsaWork work)
    {
        using (Lock.Enter())
        {
            work.Queue.Running--;
            _underWay.Remove(work);
            WakeEngines(work.Queue.Group); // a drain may be next
            _awaited?.Remove(work);
            EndWait();
        }
    }

    /// <summary>
    /// Runs an action when all matching descriptors that are under way now are done. One at a time. The caller holds
    /// the lock.
    /// </summary>
    internal void WhenDone(Predicate<DsaWork> which, Action action)
    {
        _awaited = [.. _underWay.Where(w => which(w))];
        _whenDone = action;
        EndWait();
    }

    /// <summary>
    /// Drops the matching descriptors that wait, and aborts those that engines execute. The caller holds the lock.
    /// </summary>
    internal void Abort(Predicate<DsaWork> which)
    {
        foreach (DsaQueue queue in Queues)
        {
            foreach (DsaWork work in queue.Waiting.FindAll(which)) _underWay.Remove(work);
            int dropped = queue.Waiting.RemoveAll(which);
            if (dropped > 0) _shared?.Give(dropped, queue.Waiting.Count);
            PublishState(queue);
        }

        foreach (DsaWork work in _underWay)
            if (which(work)) work.Abort();
        foreach (DsaQueue queue in Queues) WakeEngines(queue.Group); // for descriptors that waited behind a drain
    }

    /// <summary>Records an error that no completion record reported.</summary>
    internal void Report(DsaWork work, in DsaCompletionRecord record)
    {
        using (Lock.Enter())
            Errors.Record((DsaStatus)(record.Status & ~DsaCompletionRecord.StatusWrite), work.Queue.Index, work,
                in record);
    }

    /// <summary>Raises a descriptor's interrupt, if its handle is still known.</summary>
    internal void Interrupt(DsaWork work)
    {
        int vector = VectorOf(work);
        if (vector >= 0) _slot.RaiseMessage(vector);
    }

    /// <summary>
    /// Whether a descriptor may use its interrupt handle. The permission entry of the handle's vector must grant it to
    /// the PASID.
    /// </summary>
    internal bool IsHandle(DsaWork work)
    {
        int vector = VectorOf(work);
        if (vector < 0) return false;
        uint permission = (uint)_slot.ReadRegister(DsaRegisters.Bar, _layout.Permission[vector]);
        bool forPasid = (permission & 8) != 0;
        return (permission & 4) != 0
            || (forPasid == work.Pasid is not null && (!forPasid || permission >> 12 == work.Pasid!.Value.Value));
    }

    private int VectorOf(DsaWork work)
    {
        using (Lock.Enter()) return Handles.VectorOf(work.Descriptor.IntHandle);
    }

    /// <summary>Publishes a queue's occupancy and state. The caller holds the lock.</summary>
    internal void PublishState(DsaQueue queue) => _slot.Publish(
        DsaRegisters.Bar, _layout.Queue[queue.Index][DsaQueueConfig.StateDword],
        (uint)queue.Waiting.Count | (queue.Config is null ? 0 : 1u << DsaQueueConfig.StateShift));

    /// <summary>Publishes the device's state. The caller holds the lock.</summary>
    internal void SetState(DsaState state)
    {
        State = state;
        _slot.Publish(DsaRegisters.Bar, DsaRegisters.Status, (uint)state);
    }

    /// <summary>
    /// Disables a queue, which forgets its configuration. None of its descriptors may be under way. The caller holds
    /// the lock.
    /// </summary>
    internal void Close(DsaQueue queue)
    {
        queue.IsOpen = false;
        queue.Config = null;
        PublishState(queue);
    }

    /// <summary>
    /// Returns to the state after power-on, with all engines idle. The caller must not hold the lock, because an engine
    /// needs it to finish.
    /// </summary>
    internal void Reset()
    {
        using (Lock.Enter())
        {
            _awaited = null;
            _whenDone = null;
            foreach (DsaQueue queue in Queues) queue.IsOpen = false;
            Abort(_ => true);
        }

        foreach (DsaEngine engine in _engines) engine.Stop();
        using (Lock.Enter())
        {
            foreach (DsaQueue queue in Queues) Close(queue);
            Handles.Clear();
            Errors.Clear();
            State = DsaState.Disabled;
        }
    }

    internal void Unplug()
    {
        Reset();
        foreach (DsaEngine engine in _engines) engine.Dispose();
    }

    private void EndWait()
    {
        if (_awaited is not { Count: 0 }) return;
        Action action = _whenDone!;
        _awaited = null;
        _whenDone = null;
        action();
    }

    private void WakeEngines(int group)
    {
        for (int i = 0; i < _engines.Length; i++)
            if (group >= 0 && _groupOfEngine[i] == group) _engines[i].Wake();
    }
}
