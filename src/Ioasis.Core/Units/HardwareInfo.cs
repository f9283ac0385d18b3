namespace Ioasis.Core.Units;

/// <summary>What a unit tells of itself, in the form that its uAPI structure has.</summary>
/// <param name="Type">The kind of structure (linux/iommufd.h: IOMMU_HW_INFO_TYPE_*).</param>
/// <param name="Data">The structure, in host byte order.</param>
public sealed record HardwareInfo(uint Type, ReadOnlyMemory<byte> Data)
{
    /// <summary>The type that a program asks for when it leaves the choice to the unit.</summary>
    public const uint DefaultType = 0;

    /// <summary>A unit that tells nothing (linux/iommufd.h: IOMMU_HW_INFO_TYPE_NONE).</summary>
    public static HardwareInfo None { get; } = new(0, ReadOnlyMemory<byte>.Empty);
}
