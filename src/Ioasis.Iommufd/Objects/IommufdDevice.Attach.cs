using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>How the device gets from one page table to another.</summary>
public sealed partial class IommufdDevice
{
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
