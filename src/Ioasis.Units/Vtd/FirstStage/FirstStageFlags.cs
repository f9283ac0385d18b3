namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// How a first stage is walked: fields of the PASID table entry (VT-d specification, 9.6), at the bits that they have
/// in <c>iommu_hwpt_vtd_s1.flags</c>.
/// </summary>
[Flags]
internal enum FirstStageFlags : byte
{
    /// <summary>Users' requests only, and no EA.</summary>
    None = 0,

    /// <summary>SRE: supervisors may make requests.</summary>
    SupervisorRequests = 1 << 0,

    /// <summary>EAFE: the unit sets EA in an entry when it sets A.</summary>
    ExtendedAccessed = 1 << 1,

    /// <summary>WPE: supervisors too may write only where R/W is set.</summary>
    WriteProtect = 1 << 2,
}
