using Ioasis.Abi;
using Ioasis.Devices.Slots;
using Ioasis.Devices.Virtio;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vdpa;

/// <summary>
/// The pages of an open file that a program may map to notify queues by a store, one page for each queue (Linux:
/// get_vq_notification). The thread that looks at mapped BARs looks at them.
/// </summary>
internal sealed class Doorbells(VirtioSlot slot, ICarrier carrier, BarPoller poller) : IPolledSlot
{
    internal const ulong PageSize = 4096;

    // No driver writes this: it is no queue's index, whatever the bits above it say.
    private const uint Silent = uint.MaxValue;

    private readonly SharedBytes?[] _pages = new SharedBytes?[slot.Function.Queues.Count];
    private volatile bool _isOver;

    /// <summary>A program maps the page of a queue: stores there notify the queue from now on.</summary>
    /// <returns>EINVAL if there is no such queue; ENOMEM if the host lacks a thread.</returns>
    internal Errno Map(ulong queue)
    {
        if (queue >= (ulong)_pages.Length)
            return Errno.EINVAL.Because($"there is no queue {queue}; the device has {_pages.Length}");
        SharedBytes page = carrier.Map(queue * PageSize, PageSize);
        if (Interlocked.CompareExchange(ref _pages[queue], page, null) is null) page.Write(0, Silent);
        return poller.TryAdd(this)
            ? Errno.None
            : Errno.ENOMEM.Because("the host has no means to watch a further doorbell");
    }

    /// <summary>Notifies the queues whose pages were written since the last look.</summary>
    public bool TryPoll()
    {
        bool any = false;
        for (int queue = 0; queue < _pages.Length && !_isOver; queue++)
        {
            if (Volatile.Read(ref _pages[queue]) is not { } page) continue;
            uint value = page.Read<uint>(0);
            // A store that comes between the two steps is either seen again or comes before the notification.
            if (value == Silent || !page.TryReplace(0, value, Silent)) continue;
            slot.Kick(queue);
            any = true;
        }

        return any;
    }

    /// <summary>Stops looking. A look under way ends before the file's memory is given back.</summary>
    internal void Close()
    {
        _isOver = true;
        poller.RemoveAndWait(this);
    }
}
