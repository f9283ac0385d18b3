using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>What the IOMMU behind a device tells of itself (struct iommu_hw_info of linux/iommufd.h).</summary>
/// <param name="Type">IOMMU_HW_INFO_TYPE_*: of which kind the data is.</param>
/// <param name="Capabilities">IOMMU_HW_CAP_* bits.</param>
/// <param name="MaxPasidLog2">Width of the device's PASIDs in bits; 0 where they are not served.</param>
/// <param name="Data">The structure of that kind.</param>
public sealed record HardwareDescription(uint Type, ulong Capabilities, int MaxPasidLog2, ReadOnlyMemory<byte> Data)
{
    internal const int Room = 256;

    /// <summary>The registers of an Intel VT-d unit; null if it is another kind.</summary>
    public IommuHwInfoVtd? Vtd =>
        Type == IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD
        && MemoryMarshal.TryRead(Data.Span, out IommuHwInfoVtd vtd) ? vtd : null;
}
