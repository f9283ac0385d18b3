using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A device that a driver (VFIO, mdev, vDPA) has bound to a context (Linux: struct iommufd_device): a function, or a
/// subdevice of one. The driver holds it; programs name it by <see cref="IommufdObject.Id"/>.
/// </summary>
public sealed class IommufdDevice : IommufdObject
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

    /// <summary>The paging HWPT at the bottom of a HWPT: its IOAS maps the memory.</summary>
    private static HwptPaging? PagingOf(IommufdHwpt hwpt) => hwpt switch
    {
        HwptPaging paging => paging,
        HwptNested nested => nested.Parent,
        _ => null,
    };

    private Errno ChangePageTable(Pasid? pasid, ref uint pageTableId, bool replace)
    {
        Errno errno = Objects.TryGet(pageTableId, out ObjectTable.Held<IommufdObject> held);
        if (errno != Errno.None) return errno;
        IommufdHwpt? former;
        using (held)
        {
            errno = held.Value switch
            {
                IommufdHwpt hwpt => Change(pasid, hwpt, replace, out former),
                IommufdIoas ioas => ChangeToAutomatic(pasid, ioas, ref pageTableId, replace, out former),
                _ => Refuse(out former),
            };
        }

        if (former is not null) Put(former);
        return errno;

        static Errno Refuse(out IommufdHwpt? former)
        {
            former = null;
            return Errno.EINVAL.Because("a device is attached to an IOAS or a HWPT; the object is neither");
        }
    }

    /// <summary>
    /// Attaches to an automatic HWPT of the IOAS that fits the device: an existing one, or else a new one.
    /// </summary>
    private Errno ChangeToAutomatic(
        Pasid? pasid, IommufdIoas ioas, ref uint pageTableId, bool replace, out IommufdHwpt? former)
    {
        using (ioas.HwptLock.Enter())
        {
            foreach (HwptPaging candidate in ioas.Hwpts.Snapshot)
            {
                // One that is being destroyed is still listed, and its ID may have been reused.
                if (!candidate.IsAutomatic || !Objects.TryHold(candidate, out ObjectTable.Held<HwptPaging> held))
                    continue;
                using (held)
                {
                    Errno answer = Change(pasid, candidate, replace, out former);
                    if (answer == Errno.EINVAL) continue; // it does not fit this device
                    if (answer == Errno.None) pageTableId = candidate.Id;
                    return answer;
                }
            }

            former = null;
            Errno errno = HwptPaging.Prepare(
                Objects, ioas, Endpoint, 0, null, out ObjectTable.Pending<HwptPaging>? created);
            if (errno != Errno.None) return errno;
            using ObjectTable.Pending<HwptPaging> pending = created!;

            // As on Linux: a first attachment comes before the mappings, a replacement only after they are all entered.
            if (replace && (errno = pending.Value.Fill()) != Errno.None) return errno;
            if ((errno = Change(pasid, pending.Value, replace, out former)) != Errno.None) return errno;
            Interleave.At("IommufdDevice.Attached");
            if (!replace && (errno = pending.Value.Fill()) != Errno.None)
            {
                Leave(pasid);
                return errno;
            }

            pending.Value.IsAutomatic = true;
            pageTableId = pending.Value.Id;
            pending.Commit();
            Objects.RemoveIfUnused(pending.Value); // the group may have moved on before the object was published
            return Errno.None;
        }
    }

    private Errno Change(Pasid? pasid, IommufdHwpt hwpt, bool replace, out IommufdHwpt? former)
    {
        former = null;
        using (_group.Lock.Enter()) return replace ? ReplaceLocked(pasid, hwpt, out former) : AttachLocked(pasid, hwpt);
    }

    private Errno AttachLocked(Pasid? pasid, IommufdHwpt hwpt)
    {
        var key = new IommufdGroup.Key(pasid);
        _group.Attachments.TryGetValue(key, out IommufdGroup.Attachment? attachment);
        if (attachment is not null && attachment.Devices.ContainsKey(this))
            return Errno.EBUSY.Because("the device, or this PASID of it, is attached already; detach it first");
        if (attachment is not null && attachment.Hwpt != hwpt)
            return Errno.EINVAL.Because("another device of the group is attached to another page table");

        HwptPaging? paging = pasid is null ? PagingOf(hwpt) : null;
        Errno errno = paging?.Ioas.Table.Reserve(Endpoint, this) ?? Errno.None;
        if (errno != Errno.None) return errno;
        errno = CheckSuits(pasid, hwpt);
        Attachment? entered = null;
        if (errno == Errno.None) errno = Enter(pasid, null, hwpt.Domain, out entered);
        if (errno != Errno.None)
        {
            paging?.Ioas.Table.Unreserve(this);
            return errno;
        }

        if (attachment is null) _group.Attachments[key] = attachment = new IommufdGroup.Attachment(hwpt);
        attachment.Devices.Add(this, entered);
        hwpt.Objects.AddUser(hwpt);
        return Errno.None;
    }

    private Errno ReplaceLocked(Pasid? pasid, IommufdHwpt hwpt, out IommufdHwpt? former)
    {
        former = null;
        if (!_group.Attachments.TryGetValue(new IommufdGroup.Key(pasid), out IommufdGroup.Attachment? attachment)
            || !attachment.Devices.ContainsKey(this))
            return Errno.EINVAL.Because("the device, or this PASID of it, is not attached");
        IommufdHwpt old = attachment.Hwpt;
        if (old == hwpt) return Errno.None;

        // The whole group moves: what each of its devices reserves must be free in the new IOAS first.
        HwptPaging? paging = pasid is null ? PagingOf(hwpt) : null;
        HwptPaging? oldPaging = pasid is null ? PagingOf(old) : null;
        bool newIoas = paging is not null && paging.Ioas != oldPaging?.Ioas;
        List<IommufdDevice> reserved = [];
        Errno errno = CheckSuits(pasid, hwpt);
        if (newIoas && errno == Errno.None)
        {
            foreach (IommufdDevice device in attachment.Devices.Keys)
            {
                errno = paging!.Ioas.Table.Reserve(device.Endpoint, device);
                if (errno != Errno.None) break;
                reserved.Add(device);
            }
        }

        if (errno == Errno.None) errno = EnterAll(attachment.Devices, pasid, hwpt.Domain);
        if (errno != Errno.None)
        {
            foreach (IommufdDevice device in reserved) paging!.Ioas.Table.Unreserve(device);
            return errno;
        }

        foreach (IommufdDevice device in attachment.Devices.Keys)
        {
            hwpt.Objects.AddUser(hwpt);
            if (oldPaging is not null && oldPaging.Ioas != paging?.Ioas) oldPaging.Ioas.Table.Unreserve(device);
        }

        attachment.Hwpt = hwpt;
        for (int i = 1; i < attachment.Devices.Count; i++) old.Objects.RemoveUser(old);
        former = old; // the caller releases it, outside of the locks
        return Errno.None;
    }

    /// <summary>
    /// Checks whether the device, and its other attachments, can use the HWPT. Only a function has requests without
    /// PASID; their page table decides which others its PASIDs can use.
    /// </summary>
    private Errno CheckSuits(Pasid? pasid, IommufdHwpt hwpt)
    {
        if (pasid is null)
        {
            if (!hwpt.PasidCompatible && !IsSubdevice && _group.HasPasids)
                return Errno.EINVAL.Because(
                    "PASIDs of the group are attached, so its devices need a HWPT made with IOMMU_HWPT_ALLOC_PASID");
        }
        else
        {
            if (!hwpt.PasidCompatible)
                return Errno.EINVAL.Because("a PASID needs a HWPT made with IOMMU_HWPT_ALLOC_PASID");
            if (!IsSubdevice
                && _group.Attachments.TryGetValue(new IommufdGroup.Key(null), out IommufdGroup.Attachment? rid)
                && !rid.Hwpt.PasidCompatible)
                return Errno.EINVAL.Because(
                    "the device itself is attached to a HWPT without IOMMU_HWPT_ALLOC_PASID, so its PASIDs cannot be");
        }

        if (!Endpoint.Unit.Takes(hwpt.Domain))
            return Errno.EINVAL.Because("the device's IOMMU cannot use this page table");
        if (pasid is not { } id) return Errno.None;
        int bits = SvaPasidBits;
        return id.Value == 0 || (bits != 0 && id.Value >> bits != 0)
            ? Errno.EINVAL.Because($"PASID {id.Value} is 0 or has more than the device's {bits} bits")
            : Errno.None;
    }

    /// <summary>Moves devices of a group together: all of them, or none if a unit refuses one.</summary>
    private static Errno EnterAll(Dictionary<IommufdDevice, Attachment?> devices, Pasid? pasid, IommuDomain domain)
    {
        List<(IommufdDevice Device, Attachment? Former)> moved = [];
        foreach ((IommufdDevice device, Attachment? former) in devices.ToArray())
        {
            Errno errno = device.Enter(pasid, former, domain, out Attachment? attachment);
            if (errno != Errno.None)
            {
                foreach ((IommufdDevice done, Attachment? from) in moved)
                    devices[done] = done.GoBack(devices[done], from);
                return errno;
            }

            devices[device] = attachment;
            moved.Add((device, former));
        }

        return Errno.None;
    }

    /// <summary>
    /// Attaches through the unit. As on Linux, a PASID of a device without PASIDs is attached in name only.
    /// </summary>
    private Errno Enter(Pasid? pasid, Attachment? former, IommuDomain domain, out Attachment? attachment)
    {
        attachment = null;
        if (pasid is not null && PasidBits == 0) return Errno.None;
        IPageRequestHandler? own = pasid is null ? _pageRequests : null;
        IommuStatus status = former is null
            ? _chosen is not null && pasid is { } number
                ? _part!.Attach(number, _chosen.HostOf(number), domain, this, out attachment)
                : Endpoint.Attach(pasid ?? _defaultPasid, domain, this, out attachment, own)
            : Endpoint.Replace(former, domain, this, out attachment, own);
        return status.ToErrno();
    }

    /// <summary>Undoes a move. A unit should not refuse that; if it does, the device's DMA is blocked.</summary>
    private Attachment? GoBack(Attachment? now, Attachment? former)
    {
        if (now is null || former is null || now == former) return former;
        IPageRequestHandler? own = now.Sender.Part is null && now.Pasid == _defaultPasid ? _pageRequests : null;
        if (Endpoint.Replace(now, former.Domain, this, out Attachment? back, own) == IommuStatus.Ok) return back;
        Endpoint.Detach(now);
        return null;
    }

    /// <summary>Releases a HWPT. An automatic HWPT goes with its last device.</summary>
    private void Put(IommufdHwpt hwpt)
    {
        hwpt.Objects.RemoveUser(hwpt);
        if (hwpt is HwptPaging { IsAutomatic: true }) hwpt.Objects.RemoveIfUnused(hwpt);
    }
}
