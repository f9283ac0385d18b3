namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// How a first stage is walked: fields of the PASID table entry (VT-d specification, 9.6) with their places in
/// <c>iommu_hwpt_vtd_s1.flags</c>.
/// </summary>
[Flags]
internal enum FirstStageFlags : byte
{
    /// <summary>Users' requests only, and no EA.</summary>
    None = 0,

    /// <summary>SRE: supervisors may make requests.</summary>
    SupervisorRequests = 1 << 0,

    /// <summary>EAFE: entries are given EA when they are given A.</summary>
    ExtendedAccessed = 1 << 1,

    /// <summary>WPE: supervisors may not write either where R/W is clear.</summary>
    WriteProtect = 1 << 2,
}
