using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Gives drivers in the host a PASID that is equivalent to their device's requester ID: requests with it and without it
/// are translated by the same domain, the group's default one. So what the driver maps by the DMA API is there for
/// both, and an unmap ends it for both. The driver tells its hardware to send the PASID.
/// </summary>
/// <param name="space">The PASIDs of the host.</param>
/// <param name="account">The account on which they are allocated.</param>
public sealed class SystemPasids(PasidSpace space, PasidOwner account)
{
    // Guards the devices' PASIDs; held while one is attached and detached. Taken before a group's lock.
    private readonly RankedLock _lock = new(LockRank.SystemPasids);
    private readonly Dictionary<Endpoint, Use> _uses = new(ReferenceEqualityComparer.Instance);

    /// <summary>
    /// Gets the device's PASID. It is the same each time, and stays until each that was got is disposed.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="driver">The driver, as it claims the group (<see cref="IommuGroup.UseDefaultDomain"/>).</param>
    /// <param name="pasid">The PASID, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotSupported for a device without PASIDs; Busy when a program has the device; NotPermitted when nothing
    /// translates the device's other requests; NoSpace and NoMemory when there is no PASID to be had. Nothing was
    /// changed then.</returns>
    public IommuStatus Acquire(Endpoint device, object driver, out SystemPasid? pasid)
    {
        ArgumentNullException.ThrowIfNull(device);
        pasid = null;
        if (device.MaxPasidLog2 == 0) return IommuStatus.NotSupported;
        using (_lock.Enter())
        {
            if (!_uses.TryGetValue(device, out Use? use))
            {
                IommuStatus status = Attach(device, driver, out use);
                if (status != IommuStatus.Ok) return status;
                _uses.Add(device, use!);
            }

            use!.Times++;
            pasid = new SystemPasid(this, device, use.Pasid);
            return IommuStatus.Ok;
        }
    }

    internal void Release(Endpoint device)
    {
        using (_lock.Enter())
        {
            Use use = _uses[device];
            if (--use.Times > 0) return;
            _uses.Remove(device);
            device.Detach(use.Attachment);
            space.Free(account, use.Pasid);
            use.Claim.Dispose();
        }
    }

    private IommuStatus Attach(Endpoint device, object driver, out Use? use)
    {
        use = null;
        IommuStatus status = device.Group.UseDefaultDomain(driver, out GroupClaim? claim); // so the domain stays
        if (status != IommuStatus.Ok) return status;
        IommuDomain? domain = device.Attached;
        if (domain is null or BlockingDomain)
        {
            claim!.Dispose();
            return IommuStatus.NotPermitted;
        }

        status = space.Allocate(account, 1, (1u << device.MaxPasidLog2) - 1, out Pasid pasid);
        if (status == IommuStatus.Ok)
        {
            status = device.Attach(pasid, domain, driver, out Attachment? attachment);
            if (status == IommuStatus.Ok)
            {
                use = new Use(pasid, attachment!, claim!);
                return IommuStatus.Ok;
            }

            space.Free(account, pasid);
        }

        claim!.Dispose();
        return status;
    }

    private sealed class Use(Pasid pasid, Attachment attachment, GroupClaim claim)
    {
        internal Pasid Pasid => pasid;

        internal Attachment Attachment => attachment;

        internal GroupClaim Claim => claim;

        internal int Times { get; set; }
    }
}
