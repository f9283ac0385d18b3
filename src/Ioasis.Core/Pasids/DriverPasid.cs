using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.Pasids;

/// <summary>
/// A PASID of a device that a driver in the host has attached to a domain. It holds a claim of the driver's on the
/// device's group.
/// </summary>
internal sealed class DriverPasid : IDisposable
{
    private readonly PasidSpace _space;
    private readonly PasidOwner _account;
    private readonly Attachment _attachment;
    private readonly GroupClaim _claim;

    private DriverPasid(
        Pasid value, PasidSpace space, PasidOwner account, Attachment attachment, GroupClaim claim)
    {
        Value = value;
        (_space, _account, _attachment, _claim) = (space, account, attachment, claim);
    }

    /// <summary>What the device is told to send.</summary>
    internal Pasid Value { get; }

    /// <summary>Allocates a PASID that the device can send, and attaches it.</summary>
    /// <param name="device">The device.</param>
    /// <param name="driver">The driver, as it claims the group.</param>
    /// <param name="space">The PASIDs of the host.</param>
    /// <param name="account">The account on which the PASID is allocated.</param>
    /// <param name="domainOf">Finds the domain, with the claim held; null if there is none.</param>
    /// <param name="pasid">The PASID, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotSupported for a device without PASIDs; Busy when a program has the device; NotPermitted when there
    /// is no domain; NoSpace and NoMemory when there is no PASID to be had. Nothing was changed then.</returns>
    internal static IommuStatus Attach(
        Endpoint device, object driver, PasidSpace space, PasidOwner account,
        Func<Endpoint, IommuDomain?> domainOf, out DriverPasid? pasid)
    {
        pasid = null;
        if (device.MaxPasidLog2 == 0) return IommuStatus.NotSupported;
        IommuStatus status = device.Group.UseDefaultDomain(driver, out GroupClaim? claim);
        if (status != IommuStatus.Ok) return status;
        status = IommuStatus.NotPermitted;
        if (domainOf(device) is { } domain)
        {
            status = space.Allocate(account, 1, (1u << device.MaxPasidLog2) - 1, out Pasid value);
            if (status == IommuStatus.Ok)
            {
                status = device.Attach(value, domain, driver, out Attachment? attachment);
                if (status == IommuStatus.Ok)
                {
                    pasid = new DriverPasid(value, space, account, attachment!, claim!);
                    return IommuStatus.Ok;
                }

                space.Free(account, value);
            }
        }

        claim!.Dispose();
        return status;
    }

    /// <summary>
    /// Detaches the PASID and gives it back: no request with it goes through, and none is under way. Called once.
    /// </summary>
    public void Dispose()
    {
        _attachment.Endpoint.Detach(_attachment);
        _space.Free(_account, Value);
        _claim.Dispose();
    }
}
