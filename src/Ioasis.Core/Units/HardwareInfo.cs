namespace Ioasis.Core.Units;

/// <summary>A description of a unit's hardware, as its uAPI structure lays it out.</summary>
/// <param name="Type">The type of structure (linux/iommufd.h: IOMMU_HW_INFO_TYPE_*).</param>
/// <param name="Data">The structure, in host byte order.</param>
public sealed record HardwareInfo(uint Type, ReadOnlyMemory<byte> Data)
{
    /// <summary>The type that lets the unit choose.</summary>
    public const uint DefaultType = 0;

    /// <summary>No description (linux/iommufd.h: IOMMU_HW_INFO_TYPE_NONE).</summary>
    public static HardwareInfo None { get; } = new(0, ReadOnlyMemory<byte>.Empty);
}
