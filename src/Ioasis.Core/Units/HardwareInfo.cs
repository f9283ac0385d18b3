namespace Ioasis.Core.Units;

/// <summary>What a unit tells of itself, in the form that its uAPI structure has.</summary>
/// <param name="Type">The kind of unit (linux/iommufd.h: IOMMU_HW_INFO_TYPE_*).</param>
/// <param name="Data">The structure of that kind, in host byte order.</param>
public sealed record HardwareInfo(uint Type, ReadOnlyMemory<byte> Data);
