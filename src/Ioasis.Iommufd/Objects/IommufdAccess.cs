using Ioasis.Abi;
using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A driver's own way to the memory of an IOAS, for one that has no device to do DMA: mdev's, say (Linux: struct
/// iommufd_access). It reads, writes and pins what is mapped, and lets go when that is unmapped: when an unmap returns,
/// nobody uses the memory any more. Programs can name it by <see cref="IommufdObject.Id"/> but do nothing with it. The
/// driver disposes of it.
/// </summary>
public sealed class IommufdAccess : IommufdObject, IDisposable
{
    // Guards what the access is attached to. Taken before an IoPageTable's lock; not held while the owner is called.
    private readonly Lock _lock = new();

    // Guards _running and _ended; waited on until no call of the owner's Unmap runs. Nothing else is locked while it is
    // held.
    private readonly object _calls = new();
    private readonly IommufdContext _context;
    private readonly IAccessOwner? _owner;
    private Ioas? _ioas;        // null also while it is being changed
    private Ioas? _unpinFrom;   // where pins are until the owner has been told to let go
    private int _running;
    private bool _ended;

    private IommufdAccess(IommufdContext context, IAccessOwner? owner)
    {
        _context = context;
        _owner = owner;
        Alignment = owner is null or { NeedsPinPages: true } ? IoPageTable.HostPageSize : 1;
    }

    /// <summary>What mappings must be multiples of in an IOAS that it is attached to.</summary>
    internal ulong Alignment { get; }

    private bool IsInternal => _owner is null;

    /// <summary>
    /// Makes an access for a driver (Linux: iommufd_access_create). It keeps the context alive until it is disposed of.
    /// </summary>
    /// <param name="context">The open /dev/iommu.</param>
    /// <param name="owner">Who uses it, and is told of unmaps.</param>
    public static IommufdAccess Create(IommufdContext context, IAccessOwner owner)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(owner);
        context.AddReference();
        return Publish(new IommufdAccess(context, owner));
    }

    /// <summary>
    /// Makes an access for an object of the context itself (Linux: iommufd_access_create_internal). Nobody is told of
    /// unmaps: what it has pinned cannot be unmapped.
    /// </summary>
    internal static IommufdAccess CreateInternal(IommufdContext context) => Publish(new IommufdAccess(context, null));

    /// <summary>Attaches it to an IOAS (Linux: iommufd_access_attach).</summary>
    /// <returns>EINVAL when it is attached already, ENOENT no such IOAS, EADDRINUSE when something mapped there is not
    /// aligned to pages but must be.</returns>
    public Errno Attach(uint ioasId)
    {
        lock (_lock) return _ioas is not null ? Errno.EINVAL : Change(ioasId);
    }

    /// <summary>The same, to an IOAS that the caller holds.</summary>
    internal Errno Attach(Ioas ioas)
    {
        lock (_lock) return _ioas is not null ? Errno.EINVAL : Change(ioas);
    }

    /// <summary>
    /// Moves it to another IOAS (Linux: iommufd_access_replace). The owner is told to unpin everything of the former
    /// one.
    /// </summary>
    /// <returns>ENOENT when it is not attached, or there is no such IOAS; else as <see cref="Attach(uint)"/>, and it
    /// stays where it was.</returns>
    public Errno Replace(uint ioasId)
    {
        lock (_lock) return _ioas is null ? Errno.ENOENT : Change(ioasId);
    }

    /// <summary>
    /// Detaches it; the owner is told to unpin everything (Linux: iommufd_access_detach). Not attached, nothing
    /// happens.
    /// </summary>
    public void Detach()
    {
        lock (_lock)
            if (_ioas is not null) Change((Ioas?)null);
    }

    /// <summary>
    /// Pins a range without holes, so that its pages can be read and written until <see cref="UnpinPages"/> (Linux:
    /// iommufd_access_pin_pages).
    /// </summary>
    /// <param name="iova">An address whose memory begins at a page.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="write">Whether the pages are to be written, rather than only read.</param>
    /// <param name="pages">The pages in ascending order, when the answer is <see cref="Errno.None"/>.</param>
    /// <returns>EINVAL length 0, memory not aligned to pages, a dma-buf, something that is being unmapped, or an access
    /// that pins nothing; EOVERFLOW; ENOENT not attached or not mapped; EPERM not mapped for that; EFAULT memory that
    /// is not there (EINVAL, of a file); ENOMEM limit.</returns>
    public Errno PinPages(ulong iova, ulong length, bool write, out IReadOnlyList<PinnedPage> pages)
    {
        pages = [];
        if (Alignment != IoPageTable.HostPageSize || length == 0) return Errno.EINVAL;
        if (!new Iova(iova).TryLast(length, out Iova last)) return Errno.EOVERFLOW;
        lock (_lock)
        {
            if (_ioas is null) return Errno.ENOENT;
            List<PinnedPage> pinned = [];
            Errno errno = _ioas.Table.Pin(new IovaRange(iova, last.Value), write, IsInternal, pinned);
            pages = pinned;
            return errno;
        }
    }

    /// <summary>
    /// Undoes one <see cref="PinPages"/> of the very same range (Linux: iommufd_access_unpin_pages). The driver has
    /// stopped using the pages.
    /// </summary>
    /// <exception cref="InvalidOperationException">That range was not pinned.</exception>
    public void UnpinPages(ulong iova, ulong length)
    {
        lock (_lock)
        {
            if (_unpinFrom is { } ioas && new Iova(iova).TryLast(length, out Iova last)
                && ioas.Table.Unpin(new IovaRange(iova, last.Value), IsInternal))
                return;
        }

        throw new InvalidOperationException($"{length} bytes at 0x{iova:x} are not pinned.");
    }

    /// <summary>Reads a range without holes, at any alignment (Linux: iommufd_access_rw).</summary>
    /// <returns>EINVAL no bytes, a dma-buf, or something that is being unmapped; EOVERFLOW; ENOENT not attached or not
    /// mapped; EPERM not mapped for reading; EFAULT memory that is not there (EINVAL, of a file).</returns>
    public Errno Read(ulong iova, Span<byte> destination)
    {
        if (destination.IsEmpty) return Errno.EINVAL;
        if (!new Iova(iova).TryLast((ulong)destination.Length, out _)) return Errno.EOVERFLOW;
        lock (_lock) return _ioas?.Table.Read(iova, destination) ?? Errno.ENOENT;
    }

    /// <summary>
    /// Writes a range without holes, at any alignment (Linux: iommufd_access_rw). What was written before an error
    /// stays.
    /// </summary>
    /// <returns>As <see cref="Read"/>; EPERM not mapped for writing.</returns>
    public Errno Write(ulong iova, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return Errno.EINVAL;
        if (!new Iova(iova).TryLast((ulong)source.Length, out _)) return Errno.EOVERFLOW;
        lock (_lock) return _ioas?.Table.Write(iova, source) ?? Errno.ENOENT;
    }

    /// <summary>
    /// Gives the access back, detached if it is not (Linux: iommufd_access_destroy). Waits for calls of
    /// <see cref="IAccessOwner.Unmap"/> that are under way: none runs when this returns, and so this must not be called
    /// from there.
    /// </summary>
    public void Dispose()
    {
        lock (_calls)
        {
            if (_ended) return;
            _ended = true;
            while (_running > 0) Monitor.Wait(_calls);
        }

        _context.Objects.RemoveWhenUnused(this);
    }

    internal override void Destroy()
    {
        Detach();
        if (!IsInternal) _context.Release();
    }

    /// <summary>Tells the owner that a range is being unmapped; whoever calls holds no lock.</summary>
    internal void NotifyUnmap(IovaRange range)
    {
        if (IsInternal) return;
        lock (_calls)
        {
            if (_ended) return;
            _running++;
        }

        try
        {
            _owner!.Unmap(range.First, range.Length);
        }
        finally
        {
            lock (_calls)
            {
                _running--;
                Monitor.PulseAll(_calls);
            }
        }
    }

    private static IommufdAccess Publish(IommufdAccess created)
    {
        ObjectTable objects = created._context.Objects;
        using ObjectTable.Pending<IommufdAccess> pending = objects.Reserve(created);
        objects.AddUser(created); // the driver, until it disposes of it
        pending.Commit();
        return created;
    }

    private Errno Change(uint ioasId)
    {
        Errno errno = _context.Objects.TryGet(ioasId, out ObjectTable.Held<Ioas> held);
        using ObjectTable.Held<Ioas> ioas = held;
        return errno == Errno.None ? Change(ioas.Value) : errno;
    }

    /// <summary>Moves to an IOAS, or to none. The lock is held, but not while the owner is told to unpin.</summary>
    private Errno Change(Ioas? next)
    {
        Ioas? former = _ioas;
        if (former != _unpinFrom) return Errno.EBUSY; // another thread is at it
        if (former == next) return Errno.None;

        // From here on nothing more is pinned, but what is can be unpinned.
        _ioas = null;
        if (next is not null)
        {
            Errno errno = next.Table.AddAccess(this);
            if (errno != Errno.None)
            {
                _ioas = former;
                return errno;
            }

            _context.Objects.AddUser(next);
        }

        if (former is not null)
        {
            if (_owner is not null)
            {
                _lock.Exit();
                try
                {
                    _owner.Unmap(0, ulong.MaxValue);
                }
                finally
                {
                    _lock.Enter();
                }
            }

            former.Table.RemoveAccess(this);
            _context.Objects.RemoveUser(former);
        }

        _ioas = _unpinFrom = next;
        return Errno.None;
    }
}
