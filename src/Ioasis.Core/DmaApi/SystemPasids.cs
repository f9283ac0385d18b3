using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Gives drivers in the host a PASID that is equivalent to their device's requester ID: requests with it and without it
/// are translated by the same domain, the group's default one. So what the driver maps by the DMA API is there for
/// both, and an unmap ends it for both. The driver tells its hardware to send the PASID.
/// </summary>
/// <param name="space">The PASIDs of the host.</param>
/// <param name="account">The account on which they are allocated.</param>
internal sealed class SystemPasids(PasidSpace space, PasidOwner account)
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
        using (_lock.Enter())
        {
            if (!_uses.TryGetValue(device, out Use? use))
            {
                IommuStatus status =
                    DriverPasid.Attach(device, driver, space, account, OthersDomain, out DriverPasid? attached);
                if (status != IommuStatus.Ok) return status;
                _uses.Add(device, use = new Use(attached!));
            }

            use.Times++;
            pasid = new SystemPasid(use.Pasid.Value, () => Release(device));
            return IommuStatus.Ok;
        }
    }

    private void Release(Endpoint device)
    {
        using (_lock.Enter())
        {
            Use use = _uses[device];
            if (--use.Times > 0) return;
            _uses.Remove(device);
            use.Pasid.Dispose();
        }
    }

    /// <summary>The domain of the device's requests without PASID; it stays while the driver has its claim.</summary>
    private static IommuDomain? OthersDomain(Endpoint device) =>
        device.Attached is { } domain and not BlockingDomain ? domain : null;

    private sealed class Use(DriverPasid pasid)
    {
        internal DriverPasid Pasid => pasid;

        internal int Times { get; set; }
    }
}
