using Ioasis.Abi;
using Ioasis.Core.Walks;
using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A driver's access to the memory of an IOAS, for a driver without a device that does DMA, such as mdev's (Linux:
/// struct iommufd_access). It reads, writes and pins mapped memory, and unpins it when it is unmapped: once an unmap
/// returns, nobody uses the memory. Programs can name it by <see cref="IommufdObject.Id"/> but not do anything with it.
/// The driver disposes of it.
/// </summary>
public sealed class IommufdAccess : IommufdObject, IDisposable
{
    // Guards the attachment of the access. Taken before an IoPageTable's lock. Not held while the owner is called.
    private readonly RankedLock _lock = new(LockRank.AccessAttachment);

    // Guards _running and _ended. Threads wait on it until no call of the owner's Unmap is running. No other lock is
    // taken while it is held.
    private readonly RankedMonitor _calls = new(LockRank.AccessCalls);
    private readonly IommufdContext _context;
    private readonly IAccessOwner? _owner;
    private IommufdIoas? _ioas; // also null during a change
    private IommufdIoas? _unpinFrom; // the IOAS with the pins, until the owner has been told to unpin
    private int _running;
    private bool _ended;

    private IommufdAccess(IommufdContext context, IAccessOwner? owner)
    {
        _context = context;
        _owner = owner;
        Alignment = owner is null or { NeedsPinPages: true } ? IoPageTable.HostPageSize : 1;
    }

    /// <summary>The alignment that mappings must have in an attached IOAS.</summary>
    internal ulong Alignment { get; }

    /// <summary>The IOAS that it is attached to; null for none.</summary>
    internal IommufdIoas? Ioas
    {
        get { using (_lock.Enter()) return _ioas; }
    }

    private bool IsInternal => _owner is null;

    /// <summary>
    /// Makes an access for a driver (Linux: iommufd_access_create). It keeps the context alive until disposed.
    /// </summary>
    /// <param name="context">The open /dev/iommu.</param>
    /// <param name="owner">The driver, which is told of unmaps.</param>
    public static IommufdAccess Create(IommufdContext context, IAccessOwner owner)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(owner);
        context.AddReference();
        return Publish(new IommufdAccess(context, owner));
    }

    /// <summary>
    /// Makes an access for an object of the context itself (Linux: iommufd_access_create_internal). Nobody is told of
    /// unmaps: its pins prevent them.
    /// </summary>
    internal static IommufdAccess CreateInternal(IommufdContext context) => Publish(new IommufdAccess(context, null));

    /// <summary>Attaches the access to an IOAS (Linux: iommufd_access_attach).</summary>
    /// <returns>
    /// EINVAL if it is attached already, ENOENT if there is no such IOAS, EADDRINUSE if it needs page alignment and
    /// some mapping lacks it.
    /// </returns>
    public Errno Attach(uint ioasId)
    {
        using (_lock.Enter())
            return _ioas is not null
                ? Errno.EINVAL.Because("the device is attached to an IOAS already")
                : Change(ioasId);
    }

    /// <summary>Attaches the access to an IOAS that the caller holds.</summary>
    internal Errno Attach(IommufdIoas ioas)
    {
        using (_lock.Enter())
            return _ioas is not null ? Errno.EINVAL.Because("the device is attached to an IOAS already") : Change(ioas);
    }

    /// <summary>
    /// Moves the access to another IOAS (Linux: iommufd_access_replace). The owner is told to unpin everything of the
    /// old one.
    /// </summary>
    /// <returns>
    /// ENOENT if it is not attached or there is no such IOAS; otherwise as <see cref="Attach(uint)"/>. On an error it
    /// stays where it was.
    /// </returns>
    public Errno Replace(uint ioasId)
    {
        using (_lock.Enter())
            return _ioas is null ? Errno.ENOENT.Because("the device is attached to no IOAS") : Change(ioasId);
    }

    /// <summary>
    /// Detaches the access; the owner is told to unpin everything (Linux: iommufd_access_detach). Does nothing if it is
    /// not attached.
    /// </summary>
    public void Detach()
    {
        using (_lock.Enter())
            if (_ioas is not null) Change((IommufdIoas?)null);
    }

    /// <summary>
    /// Pins a range without holes. Its pages can be read and written until <see cref="UnpinPages"/> (Linux:
    /// iommufd_access_pin_pages).
    /// </summary>
    /// <param name="iova">An IOVA whose memory begins at a page.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="write">Whether the pages will be written, not only read.</param>
    /// <param name="pages">The pages in ascending order, if the result is <see cref="Errno.None"/>.</param>
    /// <returns>
    /// EINVAL for length 0, memory that is not aligned to pages, a dma-buf, a mapping that is being unmapped, or an
    /// access that does not pin; EOVERFLOW; ENOENT if it is not attached or the range is not mapped; EPERM if the
    /// mapping does not permit it; EFAULT for missing memory (EINVAL for a file's); ENOMEM at the limit.
    /// </returns>
    public Errno PinPages(ulong iova, ulong length, bool write, out IReadOnlyList<PinnedPage> pages)
    {
        pages = [];
        if (Alignment != IoPageTable.HostPageSize || length == 0)
            return Errno.EINVAL.Because(
                "pages are pinned only where the access is aligned to pages and the length is not 0");
        if (!new Iova(iova).TryLast(length, out Iova last))
            return Errno.EOVERFLOW.Because($"IOVA 0x{iova:x} + length 0x{length:x} exceeds 64 bits");
        using (_lock.Enter())
        {
            if (_ioas is null) return Errno.ENOENT.Because("the device is attached to no IOAS");
            List<PinnedPage> pinned = [];
            Errno errno = _ioas.Table.Pin(new IovaRange(iova, last.Value), write, IsInternal, pinned);
            pages = pinned;
            return errno;
        }
    }

    /// <summary>
    /// Undoes one <see cref="PinPages"/> of exactly the same range (Linux: iommufd_access_unpin_pages). The driver no
    /// longer uses the pages.
    /// </summary>
    /// <exception cref="InvalidOperationException">The range is not pinned.</exception>
    public void UnpinPages(ulong iova, ulong length)
    {
        using (_lock.Enter())
        {
            if (_unpinFrom is { } ioas && new Iova(iova).TryLast(length, out Iova last)
                && ioas.Table.Unpin(new IovaRange(iova, last.Value), IsInternal))
                return;
        }

        throw new InvalidOperationException($"{length} bytes at 0x{iova:x} are not pinned.");
    }

    /// <summary>Reads a range without holes, at any alignment (Linux: iommufd_access_rw).</summary>
    /// <returns>
    /// EINVAL for no bytes, a dma-buf, or a mapping that is being unmapped; EOVERFLOW; ENOENT if it is not attached or
    /// the range is not mapped; EPERM if the mapping does not permit reading; EFAULT for missing memory (EINVAL for a
    /// file's).
    /// </returns>
    public Errno Read(ulong iova, Span<byte> destination)
    {
        if (destination.IsEmpty) return Errno.EINVAL.Because("the length is 0");
        if (!new Iova(iova).TryLast((ulong)destination.Length, out _))
            return Errno.EOVERFLOW.Because($"IOVA 0x{iova:x} + length 0x{destination.Length:x} exceeds 64 bits");
        using (_lock.Enter())
            return _ioas?.Table.Read(iova, destination) ?? Errno.ENOENT.Because("the device is attached to no IOAS");
    }

    /// <summary>
    /// Writes a range without holes, at any alignment (Linux: iommufd_access_rw). Bytes written before an error stay.
    /// </summary>
    /// <returns>As <see cref="Read"/>; EPERM if the mapping does not permit writing.</returns>
    public Errno Write(ulong iova, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return Errno.EINVAL.Because("the length is 0");
        if (!new Iova(iova).TryLast((ulong)source.Length, out _))
            return Errno.EOVERFLOW.Because($"IOVA 0x{iova:x} + length 0x{source.Length:x} exceeds 64 bits");
        using (_lock.Enter())
            return _ioas?.Table.Write(iova, source) ?? Errno.ENOENT.Because("the device is attached to no IOAS");
    }

    /// <summary>What an access to an address would find. Looking changes nothing.</summary>
    public TranslationWalk Walk(Iova address, bool write)
    {
        using (_lock.Enter())
            return TranslationWalk.Of(_ioas is not null, _ioas?.Table.Show(address), address, write);
    }

    /// <summary>
    /// Ends the access; detaches it first if necessary (Linux: iommufd_access_destroy). Waits for calls of
    /// <see cref="IAccessOwner.Unmap"/> under way, so none is running on return, and it must not be called from there.
    /// </summary>
    public void Dispose()
    {
        using (_calls.Enter())
        {
            if (_ended) return;
            _ended = true;
            while (_running > 0) _calls.Wait();
        }

        if (!IsInternal) _context.TellUnbind(this);
        _context.Objects.RemoveWhenUnused(this);
    }

    internal override void Destroy()
    {
        Detach();
        if (!IsInternal) _context.Release();
    }

    /// <summary>Tells the owner that a range is being unmapped. The caller holds no lock.</summary>
    internal void NotifyUnmap(IovaRange range)
    {
        if (IsInternal) return;
        using (_calls.Enter())
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
            using (_calls.Enter())
            {
                _running--;
                _calls.PulseAll();
            }
        }
    }

    private static IommufdAccess Publish(IommufdAccess created)
    {
        ObjectTable objects = created._context.Objects;
        using ObjectTable.Pending<IommufdAccess> pending = objects.Reserve(created);
        objects.AddUser(created); // the driver, until it disposes of it
        if (!created.IsInternal) created._context.TellBind(created);
        pending.Commit();
        return created;
    }

    private Errno Change(uint ioasId)
    {
        Errno errno = _context.Objects.TryGet(ioasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        return errno == Errno.None ? Change(ioas.Value) : errno;
    }

    /// <summary>
    /// Moves to an IOAS, or to none. The caller holds the lock; it is released while the owner is told to unpin.
    /// </summary>
    private Errno Change(IommufdIoas? next)
    {
        IommufdIoas? former = _ioas;
        if (former != _unpinFrom) return Errno.EBUSY.Because("another thread changes the device's IOAS now");
        if (former == next) return Errno.None;

        // From here on nothing more is pinned; existing pins can be undone.
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
                using (_lock.Leave()) _owner.Unmap(0, ulong.MaxValue);

            former.Table.RemoveAccess(this);
            _context.Objects.RemoveUser(former);
        }

        _ioas = _unpinFrom = next;
        return Errno.None;
    }
}
