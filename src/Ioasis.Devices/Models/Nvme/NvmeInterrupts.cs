using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// Interrupts of completion queues: a message per completion, or the line while the driver has unseen completions.
/// </summary>
/// <param name="slot">The device's slot.</param>
internal sealed class NvmeInterrupts(IPciSlot slot)
{
    // Guards the fields below. Taken after the controller's lock, before a completion queue's and the slot's locks.
    private readonly RankedLock _lock = new(LockRank.NvmeInterrupts);
    private readonly List<NvmeCompletionQueue> _queues = [];
    private uint _mask;
    private bool _usesLine;

    internal void Add(NvmeCompletionQueue queue)
    {
        using (_lock.Enter()) _queues.Add(queue);
    }

    internal void Remove(NvmeCompletionQueue queue)
    {
        using (_lock.Enter())
        {
            _queues.Remove(queue);
            SetLine();
        }
    }

    /// <summary>A completion was written.</summary>
    internal void Raise(NvmeCompletionQueue queue)
    {
        if (queue.Vector is not { } vector) return;
        using (_lock.Enter())
        {
            _usesLine = !slot.RaiseMessage(vector);
            SetLine();
        }
    }

    /// <summary>The driver has seen completions.</summary>
    internal void Seen()
    {
        using (_lock.Enter()) SetLine();
    }

    /// <summary>Sets and clears mask bits, which affect only the line.</summary>
    internal void Mask(uint set, uint clear)
    {
        using (_lock.Enter())
        {
            _mask = (_mask | set) & ~clear;
            SetLine();
        }
    }

    internal void Reset()
    {
        using (_lock.Enter())
        {
            _queues.Clear();
            _mask = 0;
            _usesLine = false;
            SetLine();
        }
    }

    private void SetLine() => slot.SetInterruptLine(
        _usesLine && _queues.Exists(q => q.Vector is { } vector && vector < 32 && (_mask & (1u << vector)) == 0
            && q.HasUnseen));
}
