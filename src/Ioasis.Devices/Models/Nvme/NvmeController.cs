using Ioasis.Devices.Blocks;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// The controller: its configuration and state, its queues, and the effect of doorbells. A <see cref="NvmeWorker"/> per
/// submission queue executes the commands.
/// </summary>
internal sealed class NvmeController
{
    // Guards the configuration, the state and the set of queues. A worker reads them without it, because for each
    // command it would wait until what it copied before is in memory; whoever takes a queue away then stops its worker.
    // Taken after the slot's lock for calls; before those of interrupts and of completion queues, and the slot's for
    // bytes. Nobody holds it during DMA or while waiting for a worker.
    private readonly RankedLock _lock = new(LockRank.Model);
    private readonly IPciSlot _slot;
    private readonly NvmeSubmissionQueue?[] _submissions;
    private readonly NvmeCompletionQueue?[] _completions;
    private readonly NvmeWorker[] _workers;
    private readonly NvmeAdmin _admin;
    private readonly NvmeNamespace _namespace;
    private uint _configuration;
    private volatile NvmeControllerStatus _status;
    private bool _shutsDown;

    /// <summary>Makes a controller.</summary>
    /// <param name="slot">Its slot.</param>
    /// <param name="store">The storage of its blocks, which the caller disposes.</param>
    /// <param name="queues">Number of pairs of I/O queues that can exist.</param>
    /// <param name="serial">Its serial number; null for its address.</param>
    internal NvmeController(IPciSlot slot, BlockStore store, int queues, string? serial)
    {
        _slot = slot;
        _namespace = new NvmeNamespace(store);
        Queues = queues;
        Interrupts = new NvmeInterrupts(slot);
        _submissions = new NvmeSubmissionQueue?[Queues + 1];
        _completions = new NvmeCompletionQueue?[Queues + 1];
        _workers = [.. Enumerable.Range(0, Queues + 1).Select(queue => new NvmeWorker(this, slot, queue))];
        _admin = new NvmeAdmin(this, _namespace, serial ?? _workers[0].Place);
    }

    /// <summary>Number of pairs of I/O queues that can exist.</summary>
    internal int Queues { get; }

    internal NvmeEvents Events { get; } = new();

    internal NvmeInterrupts Interrupts { get; }

    internal NvmeConfiguration Configuration
    {
        get => new(Volatile.Read(ref _configuration));
        private set => Volatile.Write(ref _configuration, value.Value);
    }

    /// <summary>What was read and written since power-on.</summary>
    internal NvmeCounts Counts
    {
        get
        {
            NvmeCounts all = default;
            foreach (NvmeWorker worker in _workers) all.Add(ref worker.Data.Counts);
            return all;
        }
    }

    /// <summary>Whether any I/O queue exists.</summary>
    internal bool HasIoQueues
    {
        get
        {
            using (_lock.Enter()) return _submissions.Skip(1).Any(q => q is not null)
                || _completions.Skip(1).Any(q => q is not null);
        }
    }

    /// <summary>Handles a driver's write to a register.</summary>
    internal void Ring(Register register, uint value)
    {
        if (register == NvmeRegisters.Configuration) Configure(new NvmeConfiguration(value));
        else if (register == NvmeRegisters.InterruptMaskSet) Mask(register, set: value, clear: 0);
        else if (register == NvmeRegisters.InterruptMaskClear) Mask(register, set: 0, clear: value);
        else if (NvmeRegisters.IsHead(register)) MoveHead(NvmeRegisters.QueueOf(register), value);
        else MoveTail(NvmeRegisters.QueueOf(register), value);
    }

    /// <summary>Executes a command of a queue, on the thread of its worker.</summary>
    internal NvmeOutcome Execute(int queue, in NvmeCommand command, NvmeData data, CancellationToken abort)
    {
        if (command.Flags != 0) return NvmeStatus.InvalidField; // fused, or with SGLs
        return queue == 0
            ? _admin.Execute(in command, data)
            : _namespace.Execute(in command, data, Configuration.PageShift, abort);
    }

    /// <summary>Prepares for a command that will be executed soon, probably.</summary>
    internal void Foresee(int queue, in NvmeCommand command)
    {
        if (queue != 0) _namespace.Foresee(in command);
    }

    /// <summary>A submission queue; null if it does not exist or the controller is not ready.</summary>
    internal NvmeSubmissionQueue? QueueOf(int queue) =>
        _status == NvmeControllerStatus.Ready ? Volatile.Read(ref _submissions[queue]) : null;

    /// <summary>
    /// Marks the controller as failed, because the memory of a queue does not answer. Only a reset helps.
    /// </summary>
    internal void Fail()
    {
        using (_lock.Enter()) Show(_status | NvmeControllerStatus.Fatal);
    }

    internal NvmeCompletionQueue? CompletionQueueOf(int queue)
    {
        using (_lock.Enter()) return queue <= Queues ? _completions[queue] : null;
    }

    internal bool HasSubmissionQueue(int queue)
    {
        using (_lock.Enter()) return queue <= Queues && _submissions[queue] is not null;
    }

    internal void Add(NvmeCompletionQueue queue)
    {
        using (_lock.Enter())
        {
            _completions[queue.Id] = queue;
            Interrupts.Add(queue);
            Publish(NvmeRegisters.Heads[queue.Id], 0);
        }
    }

    internal void Add(NvmeSubmissionQueue queue)
    {
        using (_lock.Enter())
        {
            _submissions[queue.Id] = queue;
            Publish(NvmeRegisters.Tails[queue.Id], 0);
        }
    }

    /// <summary>Deletes a submission queue. Commands left in it are not executed.</summary>
    internal void RemoveSubmissionQueue(int queue)
    {
        using (_lock.Enter()) _submissions[queue] = null;
        _workers[queue].Stop();
    }

    /// <summary>Deletes a completion queue; false while a submission queue uses it.</summary>
    internal bool TryRemoveCompletionQueue(NvmeCompletionQueue queue)
    {
        using (_lock.Enter())
        {
            if (_submissions.Any(q => q?.Completions == queue)) return false;
            _completions[queue.Id] = null;
            Interrupts.Remove(queue);
            return true;
        }
    }

    /// <summary>Completes a shutdown, once all writes are on the medium. Runs on the admin queue's thread.</summary>
    internal void FinishShutdown()
    {
        using (_lock.Enter())
            if (!_shutsDown) return;
        _namespace.TryFlush(); // an error cannot be reported to anyone
        using (_lock.Enter())
        {
            if (!_shutsDown) return;
            _shutsDown = false;
            Show((_status & ~NvmeControllerStatus.ShutdownOccurring) | NvmeControllerStatus.ShutdownComplete);
        }
    }

    /// <summary>
    /// Deletes everything but the blocks. On return no command is under way. The caller must not hold the lock, because
    /// a worker needs it to finish.
    /// </summary>
    internal void Reset()
    {
        // the admin queue's worker last, because the others wake it
        foreach (NvmeWorker worker in _workers.Reverse()) worker.Stop();
        using (_lock.Enter())
        {
            Array.Clear(_submissions);
            Array.Clear(_completions);
            Configuration = default;
            _status = NvmeControllerStatus.None;
            _shutsDown = false;
        }

        Interrupts.Reset();
        Events.Reset();
        _admin.Reset();
        _namespace.Reset();
    }

    internal void Unplug()
    {
        Reset();
        foreach (NvmeWorker worker in _workers) worker.Unplug();
    }

    private void Configure(NvmeConfiguration wanted)
    {
        NvmeConfiguration before = Configuration;
        if (before.IsEnabled && !wanted.IsEnabled)
        {
            Reset();
            using (_lock.Enter())
            {
                for (int i = 0; i <= Queues; i++)
                {
                    Publish(NvmeRegisters.Heads[i], 0);
                    Publish(NvmeRegisters.Tails[i], 0);
                }

                Configuration = wanted;
                Show(NvmeControllerStatus.None);
            }
        }
        else
        {
            using (_lock.Enter()) Configuration = wanted;
            if (!before.IsEnabled && wanted.IsEnabled) Enable(wanted);
        }

        if (wanted.Shutdown != 0 && before.Shutdown == 0) ShutDown();
        else if (wanted.Shutdown == 0 && before.Shutdown != 0) TakeShutdownBack();
    }

    private void Enable(NvmeConfiguration wanted)
    {
        uint attributes = (uint)Read(NvmeRegisters.AdminQueueAttributes);
        ulong submissions = Read(NvmeRegisters.AdminSubmissionQueue),
            completions = Read(NvmeRegisters.AdminCompletionQueue);
        uint submissionEntries = (attributes & 0xfff) + 1, completionEntries = ((attributes >> 16) & 0xfff) + 1;
        ulong offsetMask = (1UL << wanted.PageShift) - 1;
        bool possible = wanted.CommandSet == 0 && wanted.Arbitration == 0
            && wanted.PageShift <= NvmeRegisters.LargestPageShift
            && submissionEntries > 1 && completionEntries > 1 && ((submissions | completions) & offsetMask) == 0;
        if (!possible)
        {
            Fail();
            return;
        }

        var queue = new NvmeCompletionQueue(0, completions, completionEntries, vector: 0);
        Add(queue);
        Add(new NvmeSubmissionQueue(0, submissions, submissionEntries, queue));
        using (_lock.Enter()) Show(_status | NvmeControllerStatus.Ready);
    }

    private void ShutDown()
    {
        foreach (NvmeWorker worker in _workers.Reverse()) worker.Stop();
        using (_lock.Enter())
        {
            _shutsDown = true;
            Show(_status | NvmeControllerStatus.ShutdownOccurring);
        }

        _workers[0].Wake();
    }

    private void TakeShutdownBack()
    {
        using (_lock.Enter())
        {
            _shutsDown = false;
            Show(_status & ~(NvmeControllerStatus.ShutdownOccurring | NvmeControllerStatus.ShutdownComplete));
        }
    }

    private void Mask(Register register, uint set, uint clear)
    {
        Publish(register, 0); // so that a later write of the same bits is noticed
        Interrupts.Mask(set, clear);
    }

    private void MoveTail(int queue, uint tail)
    {
        using (_lock.Enter())
        {
            if (!IsReady(NvmeRegisters.Tails[queue])) return;
            if (_submissions[queue] is not { } submissions) Happened(NvmeEvent.InvalidDoorbellRegister);
            else if (tail >= submissions.Entries) Happened(NvmeEvent.InvalidDoorbellValue);
            else
            {
                submissions.MoveTail(tail);
                _workers[queue].Wake();
            }
        }
    }

    private void MoveHead(int queue, uint head)
    {
        using (_lock.Enter())
        {
            if (!IsReady(NvmeRegisters.Heads[queue])) return;
            if (_completions[queue] is not { } completions) Happened(NvmeEvent.InvalidDoorbellRegister);
            else if (head >= completions.Entries) Happened(NvmeEvent.InvalidDoorbellValue);
            else
            {
                bool wasAwaited = completions.Advance(head);
                if (completions.Vector is not null) Interrupts.Seen();
                if (!wasAwaited) return;
                foreach (NvmeSubmissionQueue? waiting in _submissions)
                    if (waiting?.Completions == completions) _workers[waiting.Id].Wake(); // it may be what waited
            }
        }
    }

    /// <summary>Whether doorbells have an effect. If not, the doorbell reads as 0.</summary>
    private bool IsReady(Register doorbell)
    {
        if (_status == NvmeControllerStatus.Ready) return true;
        Publish(doorbell, 0);
        return false;
    }

    private void Happened(NvmeEvent what)
    {
        Events.Add(what);
        _workers[0].Wake();
    }

    private void Show(NvmeControllerStatus status)
    {
        _status = status;
        Publish(NvmeRegisters.Status, (uint)status);
    }

    private ulong Read(Register register) => _slot.ReadRegister(NvmeRegisters.Bar, register);

    private void Publish(Register register, ulong value) => _slot.Publish(NvmeRegisters.Bar, register, value);
}
