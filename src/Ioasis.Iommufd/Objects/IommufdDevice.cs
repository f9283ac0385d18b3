using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A device that a driver (VFIO, mdev, vDPA) has bound to a context (Linux: struct iommufd_device): a function, or a
/// subdevice of one. The driver holds it; programs name it by <see cref="IommufdObject.Id"/>.
/// </summary>
public sealed partial class IommufdDevice : IommufdObject
{
    private readonly IommufdContext _context;
    private readonly IommufdGroup _group; // a subdevice's own: the IOMMU keeps its PASID apart from all others
    private readonly GroupClaim _claim;
    private readonly Pasid? _defaultPasid;
    private readonly EndpointPart? _part; // of the function, that an mdev is
    private readonly PartPasids? _chosen; // if the part has PASIDs of the program's; guarded by the group's lock
    private readonly IPageRequestHandler? _pageRequests; // of the default PASID
    private readonly bool _keepsContext;

    private IommufdDevice(IommufdContext context, DmaHandle handle, GroupClaim claim, bool keepsContext)
    {
        _context = context;
        _claim = claim;
        _keepsContext = keepsContext;
        Endpoint = handle.Endpoint;
        _defaultPasid = handle.DefaultPasid;
        _pageRequests = handle.PageRequests;
        _part = handle.Part;
        if (_part is { Enabled.PasidBits: > 0 })
            _chosen = new PartPasids(handle.Pasids!, (1u << Endpoint.MaxPasidLog2) - 1);
        _group = IsSubdevice ? new IommufdGroup() : context.EnterGroup(Endpoint.Group);
        Vdevice = new VdeviceSlot(_group);
    }

    /// <summary>The function that is bound, or the parent function.</summary>
    public Endpoint Endpoint { get; }

    /// <summary>
    /// Whether it is a part of a function. Its requests without a PASID of the program's carry its default PASID: all
    /// that is said of requests without PASID is then true of those.
    /// </summary>
    public bool IsSubdevice => _defaultPasid is not null;

    /// <summary>The PASID that a part of a function is; null for a whole function.</summary>
    internal Pasid? DefaultPasid => _defaultPasid;

    /// <summary>The ID by which a guest knows the device.</summary>
    internal VdeviceSlot Vdevice { get; }

    /// <summary>
    /// How many bits the PASIDs have that the program can choose; 0 for none. A subdevice has them if its part of the
    /// function keeps them apart from those of the other parts.
    /// </summary>
    internal int MaxPasidLog2 => IsSubdevice ? _part?.Enabled.PasidBits ?? 0 : PasidBits;

    /// <summary>How many bits the PASIDs of a /dev/sva may have that it is to send; 0 for none.</summary>
    internal int SvaPasidBits => _part?.Enabled.PasidBits ?? PasidBits;

    /// <summary>What it can do with PASIDs.</summary>
    internal EndpointFeatures Enabled => _part?.Enabled ?? Endpoint.Enabled;

    private int PasidBits => Endpoint.MaxPasidLog2;

    /// <summary>Binds a whole function.</summary>
    /// <inheritdoc cref="Bind(IommufdContext, DmaHandle, out IommufdDevice?, bool)"/>
    public static Errno Bind(
        IommufdContext context, Endpoint endpoint, out IommufdDevice? device, bool keepsContext = true) =>
        Bind(context, new DmaHandle(endpoint), out device, keepsContext);

    /// <summary>
    /// Binds a device. A function claims its group's DMA for the context (Linux: iommufd_device_bind). A subdevice
    /// counts as a use of the group by the parent's driver, so subdevices of one parent can be bound to any contexts.
    /// </summary>
    /// <param name="context">The open /dev/iommu.</param>
    /// <param name="handle">The function or the subdevice.</param>
    /// <param name="device">The binding, if the result is <see cref="Errno.None"/>.</param>
    /// <param name="keepsContext">Whether it keeps the context alive beyond its close. False for a driver that is an
    /// object of the context: the end of the object unbinds.</param>
    /// <returns>EBUSY if the group's DMA has another owner; EINVAL for a default PASID that the parent cannot
    /// send.</returns>
    public static Errno Bind(
        IommufdContext context, DmaHandle handle, out IommufdDevice? device, bool keepsContext = true)
    {
        device = null;
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(handle);
        Endpoint endpoint = handle.Endpoint;
        if (handle.DefaultPasid is { } pasid && (pasid.Value == 0 || pasid.Value >> endpoint.MaxPasidLog2 != 0))
            return Errno.EINVAL.Because(
                $"the device's own PASID, {pasid.Value}, is not one of the 2^{endpoint.MaxPasidLog2} of its parent");
        IommuStatus claimed = handle.Driver is { } driver
            ? endpoint.Group.UseDefaultDomain(driver, out GroupClaim? claim)
            : endpoint.Group.Claim(context, out claim);
        if (claimed != IommuStatus.Ok) return claimed.ToErrno();
        using ObjectTable.Pending<IommufdDevice> pending =
            context.Objects.Reserve(new IommufdDevice(context, handle, claim!, keepsContext));
        if (keepsContext) context.AddReference();
        context.Objects.AddUser(pending.Value); // the driver, until it unbinds
        device = pending.Value;
        context.TellBind(device, endpoint, handle.DefaultPasid);
        pending.Commit();
        return Errno.None;
    }

    /// <summary>
    /// Attaches the device, or one of its PASIDs, to a page table: a HWPT; or an IOAS, for which a HWPT is found or
    /// made (Linux: iommufd_device_attach). It must not be attached yet: see <see cref="Replace"/>.
    /// </summary>
    /// <param name="pasid">The PASID; null for requests without one.</param>
    /// <param name="pageTableId">In: ID of an IOAS or HWPT. Out, on success: ID of the HWPT.</param>
    public Errno Attach(Pasid? pasid, ref uint pageTableId)
    {
        Errno errno = Choose(pasid);
        if (errno != Errno.None) return errno;
        errno = ChangePageTable(pasid, ref pageTableId, replace: false);
        if (errno == Errno.None) Objects.AddUser(this);
        else Forget(pasid);
        return errno;
    }

    /// <summary>Attaches a PASID to a HWPT, possibly one of another context. It must not be attached yet.</summary>
    /// <returns>EBUSY if it is attached; EINVAL if the device, or its other attachments, cannot use the HWPT.</returns>
    internal Errno Attach(Pasid pasid, IommufdHwpt hwpt)
    {
        Errno errno = Change(pasid, hwpt, replace: false, out _);
        if (errno == Errno.None) Objects.AddUser(this);
        return errno;
    }

    /// <summary>Whether a PASID of the device is attached, by whomever.</summary>
    internal bool IsAttached(Pasid pasid) =>
        (_part is { } part ? part.AttachedTo(pasid) : Endpoint.AttachedTo(pasid)) is not null;

    /// <summary>Moves an attached device to another page table without a gap (Linux: iommufd_device_replace).</summary>
    /// <param name="pasid">The PASID; null for requests without one.</param>
    /// <param name="pageTableId">In: ID of an IOAS or HWPT. Out, on success: ID of the HWPT.</param>
    public Errno Replace(Pasid? pasid, ref uint pageTableId) => ChangePageTable(pasid, ref pageTableId, replace: true);

    /// <summary>
    /// Errno for a PASID above 20 bits: ENOENT if the page table does not exist, else EINVAL (Linux checks in that
    /// order).
    /// </summary>
    public Errno RefusePasid(uint pageTableId)
    {
        Errno errno = Objects.TryGet(pageTableId, out ObjectTable.Held<IommufdObject> held);
        held.Dispose();
        return errno == Errno.None ? Errno.EINVAL.Because("a PASID has at most 20 bits") : errno;
    }

    /// <summary>
    /// Detaches. After it returns the device's DMA is blocked (Linux: iommufd_device_detach). Does nothing if it is not
    /// attached.
    /// </summary>
    /// <param name="pasid">The PASID; null for requests without one.</param>
    public void Detach(Pasid? pasid)
    {
        if (!Leave(pasid)) return;
        Forget(pasid);
        Objects.RemoveUser(this);
    }

    /// <summary>The program chooses a number for its subdevice, which gets a PASID of the host's.</summary>
    private Errno Choose(Pasid? number)
    {
        if (_chosen is null || number is not { } given) return Errno.None;
        using (_group.Lock.Enter()) return _chosen.TryAdd(given);
    }

    /// <summary>A number is not attached any more: its PASID is free, if it has one.</summary>
    private void Forget(Pasid? number)
    {
        if (_chosen is null || number is not { } given) return;
        using (_group.Lock.Enter()) _chosen.Remove(given);
    }

    /// <summary>
    /// Ends the present attachment of the device, which another device of the group may have replaced meanwhile.
    /// </summary>
    /// <returns>False if it is not attached.</returns>
    private bool Leave(Pasid? pasid)
    {
        IommufdHwpt hwpt;
        using (_group.Lock.Enter())
        {
            var key = new IommufdGroup.Key(pasid);
            if (!_group.Attachments.TryGetValue(key, out IommufdGroup.Attachment? group)
                || !group.Devices.Remove(this, out Attachment? attachment)) return false;
            hwpt = group.Hwpt;
            if (attachment is not null) Endpoint.Detach(attachment);
            if (group.Devices.Count == 0) _group.Attachments.Remove(key);
            if (pasid is null) PagingOf(hwpt)?.Ioas.Table.Unreserve(this);
        }

        Put(hwpt);
        return true;
    }

    /// <summary>
    /// Unbinds the device (Linux: iommufd_device_unbind). Nothing is attached any more. Waits for calls that name the
    /// device at this moment.
    /// </summary>
    public void Unbind()
    {
        _context.TellUnbind(this, Endpoint, _defaultPasid);
        Vdevice.End(Objects);
        Objects.RemoveWhenUnused(this);
        if (_keepsContext) _context.Release();
    }

    internal override void Destroy()
    {
        if (!IsSubdevice) _context.LeaveGroup(Endpoint.Group);
        _claim.Dispose();
    }
}
