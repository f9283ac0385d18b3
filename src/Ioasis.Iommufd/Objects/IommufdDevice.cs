using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A device that a driver (VFIO, mdev, vDPA) bound to a context (Linux: struct iommufd_device). The driver holds it;
/// programs name it by <see cref="IommufdObject.Id"/>.
/// </summary>
public sealed class IommufdDevice : IommufdObject
{
    private readonly IommufdContext _context;
    private readonly IommufdGroup _group;
    private readonly GroupClaim _claim;
    private readonly bool _keepsContext;
    private Vdevice? _vdevice; // guarded by the group's lock
    private bool _isUnbinding; // guarded by the group's lock

    private IommufdDevice(IommufdContext context, Endpoint endpoint, GroupClaim claim, bool keepsContext)
    {
        _context = context;
        _claim = claim;
        _keepsContext = keepsContext;
        _group = context.EnterGroup(endpoint.Group);
        Endpoint = endpoint;
    }

    /// <summary>The function that was bound.</summary>
    public Endpoint Endpoint { get; }

    private int PasidBits => Endpoint.MaxPasidLog2;

    /// <summary>Binds a device and claims DMA of its group for the context (Linux: iommufd_device_bind).</summary>
    /// <param name="context">The open /dev/iommu.</param>
    /// <param name="endpoint">The device.</param>
    /// <param name="device">The binding, when the answer is <see cref="Errno.None"/>.</param>
    /// <param name="keepsContext">Whether it keeps the context alive beyond its close. Not so for a driver that is an
    /// object of the context, whose end is what unbinds.</param>
    /// <returns>EBUSY when the group's DMA is another owner's.</returns>
    public static Errno Bind(
        IommufdContext context, Endpoint endpoint, out IommufdDevice? device, bool keepsContext = true)
    {
        device = null;
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(endpoint);
        IommuStatus claimed = endpoint.Group.Claim(context, out GroupClaim? claim);
        if (claimed != IommuStatus.Ok) return claimed.ToErrno();
        using ObjectTable.Pending<IommufdDevice> pending =
            context.Objects.Reserve(new IommufdDevice(context, endpoint, claim!, keepsContext));
        if (keepsContext) context.AddReference();
        context.Objects.AddUser(pending.Value); // the driver, until it unbinds
        device = pending.Value;
        pending.Commit();
        return Errno.None;
    }

    /// <summary>
    /// Attaches the device, or one of its PASIDs, to a page table: an IOAS, for which a HWPT is then found or made, or
    /// a HWPT (Linux: iommufd_device_attach). It must not be attached yet: see <see cref="Replace"/>.
    /// </summary>
    /// <param name="pasid">Null for the device's requests without PASID.</param>
    /// <param name="pageTableId">IOAS or HWPT; on success the HWPT.</param>
    public Errno Attach(Pasid? pasid, ref uint pageTableId)
    {
        Errno errno = ChangePageTable(pasid, ref pageTableId, replace: false);
        if (errno == Errno.None) Objects.AddUser(this);
        return errno;
    }

    /// <summary>Attaches a PASID to a HWPT, which may be one of another context. It must not be attached yet.</summary>
    /// <returns>EBUSY when it is; EINVAL when the HWPT does not go with the device or what else is attached.</returns>
    internal Errno Attach(Pasid pasid, Hwpt hwpt)
    {
        Errno errno = Change(pasid, hwpt, replace: false, out _);
        if (errno == Errno.None) Objects.AddUser(this);
        return errno;
    }

    /// <summary>
    /// Moves an attached device to another page table without a gap between them (Linux: iommufd_device_replace).
    /// </summary>
    /// <param name="pasid">Null for the device's requests without PASID.</param>
    /// <param name="pageTableId">IOAS or HWPT; on success the HWPT.</param>
    public Errno Replace(Pasid? pasid, ref uint pageTableId) => ChangePageTable(pasid, ref pageTableId, replace: true);

    /// <summary>
    /// Errno for a PASID above 20 bits: ENOENT if the page table does not exist, else EINVAL (Linux checks in that
    /// order).
    /// </summary>
    public Errno RefusePasid(uint pageTableId)
    {
        Errno errno = Objects.TryGet(pageTableId, out ObjectTable.Held<IommufdObject> held);
        held.Dispose();
        return errno == Errno.None ? Errno.EINVAL : errno;
    }

    /// <summary>
    /// Detaches; the device's DMA is blocked when this returns (Linux: iommufd_device_detach). Not attached, nothing
    /// happens.
    /// </summary>
    /// <param name="pasid">Null for the device's requests without PASID.</param>
    public void Detach(Pasid? pasid)
    {
        if (Leave(pasid)) Objects.RemoveUser(this);
    }

    /// <summary>
    /// Ends what the device is attached by at this moment, which another device of the group may have replaced
    /// meanwhile.
    /// </summary>
    /// <returns>False when it is not attached.</returns>
    private bool Leave(Pasid? pasid)
    {
        Hwpt hwpt;
        lock (_group.Lock)
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
    /// Gives the device back (Linux: iommufd_device_unbind). Nothing is attached any more; calls that name the device
    /// just then are waited for.
    /// </summary>
    public void Unbind()
    {
        RemoveVdevice();
        Objects.RemoveWhenUnused(this);
        if (_keepsContext) _context.Release();
    }

    internal override void Destroy()
    {
        _context.LeaveGroup(Endpoint.Group);
        _claim.Dispose();
    }

    /// <summary>
    /// Makes a guest's number for the device known to a vIOMMU; the device has at most one, ever in one vIOMMU at a
    /// time.
    /// </summary>
    /// <param name="create">Makes the object, with the group's lock held.</param>
    /// <returns>ENOENT when the device is being unbound, EEXIST when it has one, else what <paramref name="create"/>
    /// says.</returns>
    internal Errno SetVdevice(Func<(Errno, Vdevice?)> create)
    {
        lock (_group.Lock)
        {
            if (_isUnbinding) return Errno.ENOENT;
            if (_vdevice is not null) return Errno.EEXIST;
            (Errno errno, _vdevice) = create();
            return errno;
        }
    }

    /// <summary>The device's vDEVICE goes away: <paramref name="remove"/> runs with the group's lock held.</summary>
    internal void ClearVdevice(Action remove)
    {
        lock (_group.Lock)
        {
            remove();
            _vdevice = null;
        }
    }

    /// <summary>
    /// A vDEVICE that the program has not destroyed goes with its device, and its number is not given out again: the
    /// program may still mean to destroy it.
    /// </summary>
    private void RemoveVdevice()
    {
        Vdevice? vdevice;
        lock (_group.Lock)
        {
            _isUnbinding = true;
            vdevice = _vdevice;
        }

        if (vdevice is null || Objects.Entomb(vdevice)) return;

        // The program is destroying it at this moment; the device must not go before that is over.
        SpinWait wait = default;
        while (true)
        {
            lock (_group.Lock)
                if (_vdevice is null) return;
            wait.SpinOnce();
        }
    }

    /// <summary>The HWPT whose IOAS the device's addresses come from in the end.</summary>
    private static HwptPaging? PagingOf(Hwpt hwpt) => hwpt switch
    {
        HwptPaging paging => paging,
        HwptNested nested => nested.Parent,
        _ => null,
    };

    private Errno ChangePageTable(Pasid? pasid, ref uint pageTableId, bool replace)
    {
        Errno errno = Objects.TryGet(pageTableId, out ObjectTable.Held<IommufdObject> held);
        if (errno != Errno.None) return errno;
        Hwpt? former;
        using (held)
        {
            errno = held.Value switch
            {
                Hwpt hwpt => Change(pasid, hwpt, replace, out former),
                Ioas ioas => ChangeToAutomatic(pasid, ioas, ref pageTableId, replace, out former),
                _ => Refuse(out former),
            };
        }

        if (former is not null) Put(former);
        return errno;

        static Errno Refuse(out Hwpt? former)
        {
            former = null;
            return Errno.EINVAL;
        }
    }

    /// <summary>
    /// Attaches to a HWPT of the IOAS that suits the device: one that attaching made earlier, else a new one.
    /// </summary>
    private Errno ChangeToAutomatic(Pasid? pasid, Ioas ioas, ref uint pageTableId, bool replace, out Hwpt? former)
    {
        lock (ioas.HwptLock)
        {
            foreach (HwptPaging candidate in ioas.Hwpts.Snapshot)
            {
                // One that is on its way out stands there still; its number may be another's already.
                if (!candidate.IsAutomatic || !Objects.TryHold(candidate, out ObjectTable.Held<HwptPaging> held))
                    continue;
                using (held)
                {
                    Errno answer = Change(pasid, candidate, replace, out former);
                    if (answer == Errno.EINVAL) continue; // it does not suit this device
                    if (answer == Errno.None) pageTableId = candidate.Id;
                    return answer;
                }
            }

            former = null;
            Errno errno = HwptPaging.Prepare(
                Objects, ioas, Endpoint, 0, null, out ObjectTable.Pending<HwptPaging>? created);
            if (errno != Errno.None) return errno;
            using ObjectTable.Pending<HwptPaging> pending = created!;

            // As Linux has it: a first attachment comes before the mappings, a replacement only once they are all
            // there.
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
            Objects.RemoveIfUnused(pending.Value); // the group may have moved on before the object was there
            return Errno.None;
        }
    }

    private Errno Change(Pasid? pasid, Hwpt hwpt, bool replace, out Hwpt? former)
    {
        former = null;
        lock (_group.Lock) return replace ? ReplaceLocked(pasid, hwpt, out former) : AttachLocked(pasid, hwpt);
    }

    private Errno AttachLocked(Pasid? pasid, Hwpt hwpt)
    {
        var key = new IommufdGroup.Key(pasid);
        _group.Attachments.TryGetValue(key, out IommufdGroup.Attachment? attachment);
        if (attachment is not null && attachment.Devices.ContainsKey(this)) return Errno.EBUSY;
        if (attachment is not null && attachment.Hwpt != hwpt) return Errno.EINVAL;

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

    private Errno ReplaceLocked(Pasid? pasid, Hwpt hwpt, out Hwpt? former)
    {
        former = null;
        if (!_group.Attachments.TryGetValue(new IommufdGroup.Key(pasid), out IommufdGroup.Attachment? attachment)
            || !attachment.Devices.ContainsKey(this)) return Errno.EINVAL;
        Hwpt old = attachment.Hwpt;
        if (old == hwpt) return Errno.None;

        // The whole group moves: what each of its devices reserves must be free in the new IOAS before any of it does.
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
        former = old; // its last user of ours is put by the caller, outside of the locks
        return Errno.None;
    }

    /// <summary>Whether the device, and what is attached beside it, go with the HWPT.</summary>
    private Errno CheckSuits(Pasid? pasid, Hwpt hwpt)
    {
        if (pasid is null)
        {
            if (!hwpt.PasidCompatible && _group.HasPasids) return Errno.EINVAL;
        }
        else
        {
            if (!hwpt.PasidCompatible) return Errno.EINVAL;
            if (_group.Attachments.TryGetValue(new IommufdGroup.Key(null), out IommufdGroup.Attachment? rid)
                && !rid.Hwpt.PasidCompatible)
                return Errno.EINVAL;
        }

        if (!Endpoint.Unit.Takes(hwpt.Domain)) return Errno.EINVAL;
        if (pasid is not { } id) return Errno.None;
        return id.Value == 0 || (PasidBits != 0 && id.Value >> PasidBits != 0) ? Errno.EINVAL : Errno.None;
    }

    /// <summary>Moves devices of a group together: all of them, or none when a unit refuses one.</summary>
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

    /// <summary>As Linux has it, a PASID of a device that can send none is attached in name only.</summary>
    private Errno Enter(Pasid? pasid, Attachment? former, IommuDomain domain, out Attachment? attachment)
    {
        attachment = null;
        if (pasid is not null && PasidBits == 0) return Errno.None;
        IommuStatus status = former is null
            ? Endpoint.Attach(pasid, domain, this, out attachment)
            : Endpoint.Replace(former, domain, this, out attachment);
        return status.ToErrno();
    }

    /// <summary>Undoes a move. A unit does not refuse that; the DMA of a device whose unit does is blocked.</summary>
    private Attachment? GoBack(Attachment? now, Attachment? former)
    {
        if (now is null || former is null || now == former) return former;
        if (Endpoint.Replace(now, former.Domain, this, out Attachment? back) == IommuStatus.Ok) return back;
        Endpoint.Detach(now);
        return null;
    }

    /// <summary>Lets go of a HWPT; one that no program asked for goes with its last device.</summary>
    private void Put(Hwpt hwpt)
    {
        hwpt.Objects.RemoveUser(hwpt);
        if (hwpt is HwptPaging { IsAutomatic: true }) hwpt.Objects.RemoveIfUnused(hwpt);
    }
}
