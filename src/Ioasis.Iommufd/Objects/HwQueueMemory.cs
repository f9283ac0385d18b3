using Ioasis.Abi;
using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// The guest's memory of a hardware queue: contiguous, and pinned so that it cannot be unmapped under the queue.
/// </summary>
internal sealed class HwQueueMemory
{
    /// <summary>Pages of the largest queue: 1 GiB, far above what hardware has.</summary>
    private const ulong MaxPages = 1 << 18;

    private readonly IommufdAccess _access;
    private readonly ulong _first;
    private readonly ulong _length;

    private HwQueueMemory(IommufdAccess access, ulong first, ulong length)
    {
        _access = access;
        _first = first;
        _length = length;
    }

    /// <summary>Location of its first byte.</summary>
    internal MemoryLocation Location { get; private init; }

    /// <summary>Pins the whole pages around a range of an IOAS.</summary>
    /// <returns>
    /// ERANGE if they do not end below 2^64, EFAULT if they are not contiguous, or the error of pinning.
    /// </returns>
    internal static Errno TryPin(
        IommufdContext context, IommufdIoas ioas, ulong iova, ulong length, out HwQueueMemory? memory)
    {
        const ulong page = IoPageTable.HostPageSize;
        memory = null;
        ulong first = iova & ~(page - 1), offset = iova - first;
        if (length > ulong.MaxValue - offset - (page - 1))
            return Errno.ERANGE.Because($"IOVA 0x{iova:x} + length 0x{length:x} exceeds 64 bits");
        ulong pages = (offset + length + page - 1) / page;
        IommufdAccess access = IommufdAccess.CreateInternal(context);
        IReadOnlyList<PinnedPage> pinned = [];
        Errno errno = pages > MaxPages
            ? Errno.ENOMEM.Because($"the queue has {pages} pages; it can have {MaxPages}")
            : access.Attach(ioas);
        if (errno == Errno.None) errno = access.PinPages(first, pages * page, write: false, out pinned);
        if (errno == Errno.None)
        {
            MemoryLocation start = pinned[0].Location;
            for (int i = 1; i < pinned.Count && errno == Errno.None; i++)
                if (pinned[i].Location != start with { Offset = start.Offset + ((ulong)i * page) })
                    errno = Errno.EFAULT.Because("the queue's pages do not follow one another in memory");
            if (errno == Errno.None)
            {
                memory = new HwQueueMemory(access, first, pages * page)
                {
                    Location = start with { Offset = start.Offset + offset }
                };
                return errno;
            }

            access.UnpinPages(first, pages * page);
        }

        access.Dispose();
        return errno;
    }

    /// <summary>Unpins it.</summary>
    internal void Unpin()
    {
        _access.UnpinPages(_first, _length);
        _access.Dispose();
    }
}
