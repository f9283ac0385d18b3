using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// All memory that the host has for drivers, under a PASID of a device: its addresses are the memory's own, nothing is
/// mapped or unmapped, and nothing stops the device from reaching what is not meant for it. It has nothing to do with
/// the DMA API, whose mappings the PASID does not see. It is taken back as a whole.
/// </summary>
internal sealed class UnprotectedDirectMap : IDisposable
{
    private readonly DriverPasid _pasid;
    private int _isDisposed;

    private UnprotectedDirectMap(DriverPasid pasid) => _pasid = pasid;

    /// <summary>What the device is told to send.</summary>
    public Pasid Pasid => _pasid.Value;

    /// <summary>Lets a device reach all memory of drivers.</summary>
    /// <param name="device">The device.</param>
    /// <param name="driver">The driver, as it claims the group (<see cref="IommuGroup.UseDefaultDomain"/>).</param>
    /// <param name="memory">The memory that the host has for drivers.</param>
    /// <param name="space">The PASIDs of the host.</param>
    /// <param name="account">The account on which the PASID is allocated.</param>
    /// <param name="map">The map, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotPermitted for a device that is not trusted; NotSupported for one without PASIDs; Busy when a program
    /// has the device; NoSpace and NoMemory when there is no PASID to be had.</returns>
    internal static IommuStatus Attach(
        Endpoint device, object driver, OwnAddressSpace memory, PasidSpace space, PasidOwner account,
        out UnprotectedDirectMap? map)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(space);
        map = null;
        if (device.IsUntrusted) return IommuStatus.NotPermitted;
        IommuStatus status = DriverPasid.Attach(
            device, driver, space, account, d => new IdentityDomain(d.Unit, memory), out DriverPasid? pasid);
        if (status == IommuStatus.Ok) map = new UnprotectedDirectMap(pasid!);
        return status;
    }

    /// <summary>Takes the memory away. When this returns, no request with the PASID goes through or is under way.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) _pasid.Dispose();
    }
}
