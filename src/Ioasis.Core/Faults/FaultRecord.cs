using Ioasis.Memory;

namespace Ioasis.Core.Faults;

/// <summary>One refused access, as a unit keeps it.</summary>
/// <param name="Sequence">Counts the unit's faults from 1; a gap tells of records that were overwritten.</param>
/// <param name="Device">Whose access it was.</param>
/// <param name="Pasid">With which PASID, if any.</param>
/// <param name="Iova">For which address.</param>
/// <param name="IsWrite">Whether the device was writing memory.</param>
/// <param name="Reason">Why it was refused.</param>
/// <param name="Code">The unit's own number for that (VT-d: the fault reason of appendix A); 0 when it never reached
/// the unit.</param>
public readonly record struct FaultRecord(
    long Sequence, DeviceId Device, Pasid? Pasid, Iova Iova, bool IsWrite, FaultReason Reason, byte Code);
