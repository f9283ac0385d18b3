using Ioasis.Memory;

namespace Ioasis.Core.Faults;

/// <summary>One refused access.</summary>
/// <param name="Device">Whose it was.</param>
/// <param name="Pasid">With which PASID; null for none.</param>
/// <param name="Iova">For which address.</param>
/// <param name="IsWrite">Whether the device was writing memory.</param>
/// <param name="Reason">Why it was refused.</param>
/// <param name="Syndrome">The same in the unit's own terms; all 0 when the request never reached the unit.</param>
/// <param name="Inner">
/// Under a first stage, the guest-physical address that was refused: of the page, or of a table entry. 0 when there is
/// none to tell.
/// </param>
public readonly record struct DmaFault(
    DeviceId Device, Pasid? Pasid, Iova Iova, bool IsWrite, FaultReason Reason, FaultSyndrome Syndrome,
    Gpa Inner = default)
{
    /// <summary>Whether the request reached the unit; if not, the device's owner kept it from sending.</summary>
    public bool ReachedUnit => Reason is not (FaultReason.BusMasterDisabled or FaultReason.SendBlocked);
}
