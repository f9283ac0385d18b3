using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// One open of /dev/iommu: the owner of all objects that are made through it (Linux: struct iommufd_ctx).
/// </summary>
/// <param name="carrier">The memory behind the open file.</param>
/// <param name="isVfioContainer">Whether it was opened as VFIO's container. It then charges the process and maps device
/// memory, as VFIO's own container does.</param>
/// <param name="observers">The observers of the machine; null for none.</param>
public sealed class IommufdContext(ICarrier carrier, bool isVfioContainer = false, Observers? observers = null)
    : NodeFile
{
    // Guards _groups and each group's number of bound devices. No other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.ContextGroups);
    private readonly Dictionary<IommuGroup, IommufdGroup> _groups = [];
    private int _references = 1; // the open file's

    /// <summary>Whether the process, not its user, is charged for locked memory (IOMMU_OPTION_RLIMIT_MODE).</summary>
    internal bool AccountsByProcess { get; set; } = isVfioContainer;

    /// <summary>Whether it was opened as VFIO's container.</summary>
    internal bool IsVfioContainer { get; } = isVfioContainer;

    /// <summary>The context's objects.</summary>
    public ObjectTable Objects { get; } = new(observers);

    /// <summary>The regions of its units' memory that the program can map.</summary>
    internal MmapRegions Regions { get; } = new(carrier);

    /// <inheritdoc/>
    public override SysResult Ioctl(ICaller caller, uint command, ulong argument)
    {
        if (!Objects.Budget.HasPayer) Objects.Budget.SetPayer(caller);
        return IoctlTable.Execute(this, caller, command, argument);
    }

    /// <inheritdoc/>
    public override IoctlShape? ShapeOf(uint command) => IoctlTable.ShapeOf(command);

    /// <inheritdoc/>
    public override string Describe(ICaller caller, uint command, ulong argument) =>
        IoctlDescription.Of(Objects, caller, command, argument) ?? base.Describe(caller, command, argument);

    /// <inheritdoc/>
    public override Errno Map(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable) =>
        Regions.Map(offset, length, shared, executable);

    /// <summary>
    /// Keeps the context alive beyond its close, as the file of a bound device does (Linux: iommufd_ctx_get).
    /// <see cref="Release"/> undoes it.
    /// </summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>
    /// Undoes one <see cref="AddReference"/>. After the close and the last release, everything is destroyed.
    /// </summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0) return;
        Regions.SetUnmapped();
        Objects.Clear();
    }

    /// <summary>
    /// The ID of the IOAS that a VFIO container's ioctls act on (Linux: iommufd_vfio_compat_ioas_get_id).
    /// </summary>
    /// <returns><see cref="Errno.ENODEV"/> if there is none.</returns>
    public Errno TryGetCompatIoas(out uint id)
    {
        Errno errno = Objects.TryGetCompat(out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        id = errno == Errno.None ? ioas.Value.Id : 0;
        return errno;
    }

    /// <summary>
    /// Makes the compatibility IOAS if there is none, as when the context becomes a group's container (Linux:
    /// iommufd_vfio_compat_ioas_create). It is an ordinary IOAS of the program.
    /// </summary>
    public void EnsureCompatIoas() => Objects.EnsureCompat();

    /// <summary>
    /// Reserves in the compatibility IOAS what devices cannot use, before any of them is attached: VFIO's own container
    /// attaches a group as a whole when the group joins (Linux: vfio_iommu_type1_attach_group).
    /// <see cref="UnreserveFor"/> undoes it.
    /// </summary>
    /// <returns>EINVAL if something is mapped there.</returns>
    internal Errno ReserveFor(IEnumerable<Endpoint> endpoints, object owner)
    {
        Errno errno = Objects.TryGetCompat(out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;
        foreach (Endpoint endpoint in endpoints)
        {
            if (ioas.Value.Table.ReserveUnusable(endpoint, owner) == Errno.None) continue;
            ioas.Value.Table.Unreserve(owner);
            return Errno.EINVAL.Because(
                "the IOAS has mappings, or allowed IOVAs, where a device of the group cannot have any");
        }

        return Errno.None;
    }

    internal void UnreserveFor(object owner)
    {
        foreach (IommufdIoas ioas in Objects.All<IommufdIoas>()) ioas.Table.Unreserve(owner);
    }

    /// <inheritdoc/>
    public override void Close() => Release();

    /// <summary>
    /// Number of this context's pins of a page of memory (on Linux, part of the page's own pin count): one for each
    /// mapped run of memory that contains the page and lets a device or a driver use it.
    /// </summary>
    /// <param name="page">Any byte of the page.</param>
    public int CountPins(MemoryLocation page)
    {
        HashSet<Pages> pages = [];
        int pins = Objects.All<IommufdIoas>().Sum(ioas => ioas.Table.CollectPages(pages, page));
        return pins + pages.Sum(p => p.CountPins(page));
    }

    /// <summary>
    /// Reserves a range of an IOAS for good, so that nothing can be mapped there (Linux: iopt_reserve_iova without an
    /// owner).
    /// </summary>
    /// <returns>ENOENT if there is no such IOAS; EADDRINUSE if something is mapped or allowed there.</returns>
    public Errno ReserveIova(uint ioasId, IovaRange range)
    {
        Errno errno = Objects.TryGet(ioasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        return errno == Errno.None ? ioas.Value.ReserveIova(range) : errno;
    }

    /// <summary>Held by a call that locks several IOAS together. Taken before their locks.</summary>
    internal RankedLock ManyTablesLock { get; } = new(LockRank.ManyPageTables);

    /// <summary>Destroys an object that is unused and of which nothing is mapped.</summary>
    internal Errno Destroy(uint id)
    {
        if (Regions.IsMapped(id))
            return Errno.EBUSY.Because($"the program has a region of object {id} mapped; unmap it first");
        Interleave.At("IommufdContext.NotMapped");
        return Objects.Remove(id); // a mapping made meanwhile also counts as a user
    }

    /// <summary>Tells observers that a device was bound.</summary>
    internal void TellBind(IommufdObject device, Endpoint? endpoint = null, Pasid? pasid = null)
    {
        Observers observers = Objects.Observers;
        if (observers.Want(EventKinds.Bind))
            observers.Tell(new BindEvent(observers.Stamp(), endpoint, pasid, device, this));
    }

    /// <summary>Tells observers that a device is about to be unbound.</summary>
    internal void TellUnbind(IommufdObject device, Endpoint? endpoint = null, Pasid? pasid = null)
    {
        Observers observers = Objects.Observers;
        if (observers.Want(EventKinds.Unbind))
            observers.Tell(new UnbindEvent(observers.Stamp(), endpoint, pasid, device, this));
    }

    /// <summary>
    /// This context's state of a group: one object for all of the group's devices, from the first that is bound to the
    /// last.
    /// </summary>
    internal IommufdGroup EnterGroup(IommuGroup group)
    {
        using (_lock.Enter())
        {
            if (!_groups.TryGetValue(group, out IommufdGroup? known)) _groups[group] = known = new IommufdGroup();
            known.Bound++;
            return known;
        }
    }

    /// <summary>Undoes one <see cref="EnterGroup"/>.</summary>
    internal void LeaveGroup(IommuGroup group)
    {
        using (_lock.Enter())
            if (--_groups[group].Bound == 0) _groups.Remove(group);
    }
}
