namespace Ioasis.Devices.Nvme;

/// <summary>
/// Interrupts of completion queues: a message per completion, or the line while the driver has unseen completions.
/// </summary>
/// <param name="slot">The device's slot.</param>
internal sealed class NvmeInterrupts(IPciSlot slot)
{
    // Guards the fields below. Taken after the controller's lock, before a completion queue's and the slot's locks.
    private readonly Lock _lock = new();
    private readonly List<NvmeCompletionQueue> _queues = [];
    private uint _mask;
    private bool _usesLine;

    internal void Add(NvmeCompletionQueue queue)
    {
        lock (_lock) _queues.Add(queue);
    }

    internal void Remove(NvmeCompletionQueue queue)
    {
        lock (_lock)
        {
            _queues.Remove(queue);
            SetLine();
        }
    }

    /// <summary>A completion was written.</summary>
    internal void Raise(NvmeCompletionQueue queue)
    {
        if (queue.Vector is not { } vector) return;
        lock (_lock)
        {
            _usesLine = !slot.RaiseMessage(vector);
            SetLine();
        }
    }

    /// <summary>The driver has seen completions.</summary>
    internal void Seen()
    {
        lock (_lock) SetLine();
    }

    /// <summary>Sets and clears mask bits, which affect only the line.</summary>
    internal void Mask(uint set, uint clear)
    {
        lock (_lock)
        {
            _mask = (_mask | set) & ~clear;
            SetLine();
        }
    }

    internal void Reset()
    {
        lock (_lock)
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
