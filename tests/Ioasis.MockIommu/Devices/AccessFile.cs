using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Operations;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Devices;

/// <summary>
/// A driver's access to an IOAS, as a file of the program that is closed to end it (Linux: struct selftest_access).
/// </summary>
internal sealed class AccessFile : NodeFile, IAccessOwner
{
    private const ulong HostPageSize = 4096;

    // Guards the items, and that a range is pinned together with its item. Taken before all locks of iommufd's.
    private readonly Lock _lock = new();
    private readonly List<Item> _items = [];
    private uint _nextId;
    private bool _closed;

    internal AccessFile(IommufdContext context, bool needsPinPages)
    {
        NeedsPinPages = needsPinPages;
        MemoryOperations.Remember(context);
        Access = IommufdAccess.Create(context, this);
    }

    public bool NeedsPinPages { get; }

    internal IommufdAccess Access { get; }

    public void Unmap(ulong iova, ulong length)
    {
        ulong last = unchecked(iova + length - 1);
        lock (_lock) UnpinAll(item => iova <= item.Iova + item.Length - 1 && last >= item.Iova);
    }

    internal Errno Pin(IoctlCall call, ref IommuTestCmd args)
    {
        AccessPagesArgs wanted = args.AccessPages;
        if (!NeedsPinPages) return Errno.EOPNOTSUPP;
        lock (_lock)
        {
            if (_closed) return Errno.EBADFD;
            Errno errno = Access.PinPages(wanted.Iova, wanted.Length, (wanted.Flags & MOCK_FLAGS_ACCESS_WRITE) != 0,
                out IReadOnlyList<PinnedPage> pages);
            if (errno != Errno.None) return errno;
            if (wanted.Uptr != 0)
                errno = Compare(call.Caller.Memory, wanted.Uptr - (wanted.Iova & (HostPageSize - 1)), pages);
            if (errno == Errno.None)
            {
                args.AccessPages = wanted with { OutAccessPagesId = _nextId };
                errno = call.Respond(in args);
            }

            if (errno == Errno.None) _items.Add(new Item(_nextId++, wanted.Iova, wanted.Length));
            else Access.UnpinPages(wanted.Iova, wanted.Length);
            return errno;
        }
    }

    internal Errno Unpin(uint id)
    {
        lock (_lock) return UnpinAll(item => item.Id == id) ? Errno.None : Errno.ENOENT;
    }

    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

    public override void Close()
    {
        lock (_lock)
        {
            _closed = true;
            UnpinAll(_ => true);
        }

        Access.Dispose();
    }

    private bool UnpinAll(Predicate<Item> which)
    {
        foreach (Item item in _items.FindAll(which)) Access.UnpinPages(item.Iova, item.Length);
        return _items.RemoveAll(which) > 0;
    }

    private static Errno Compare(AddressSpace memory, ulong address, IReadOnlyList<PinnedPage> pages)
    {
        for (int i = 0; i < pages.Count; i++)
        {
            ulong page = unchecked(address + ((ulong)i * HostPageSize)) & ~(HostPageSize - 1);
            if (!memory.TryLocate(new Hva(page), out MemoryLocation location)) return Errno.EFAULT;
            if (location != pages[i].Location) return Errno.EBADE;
        }

        return Errno.None;
    }

    private readonly record struct Item(uint Id, ulong Iova, ulong Length);
}
