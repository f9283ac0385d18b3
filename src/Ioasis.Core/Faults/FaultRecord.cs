using Ioasis.Memory;

namespace Ioasis.Core.Faults;

/// <summary>One refused access, as a unit keeps it.</summary>
/// <param name="Sequence">Counts the unit's faults from 1; a gap tells of records that were overwritten.</param>
/// <param name="Fault">The access, and why it was refused.</param>
public readonly record struct FaultRecord(long Sequence, DmaFault Fault)
{
    /// <summary>Whose access it was.</summary>
    public DeviceId Device => Fault.Device;

    /// <summary>With which PASID; null for none.</summary>
    public Pasid? Pasid => Fault.Pasid;

    /// <summary>For which address.</summary>
    public Iova Iova => Fault.Iova;

    /// <summary>Whether the device was writing memory.</summary>
    public bool IsWrite => Fault.IsWrite;

    /// <summary>Why it was refused.</summary>
    public FaultReason Reason => Fault.Reason;

    /// <summary>The unit's own number for that; 0 when the request never reached the unit.</summary>
    public ushort Code => Fault.Syndrome.Code;
}
