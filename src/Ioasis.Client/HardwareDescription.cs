using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>The description of the IOMMU behind a device (struct iommu_hw_info of linux/iommufd.h).</summary>
/// <param name="Type">IOMMU_HW_INFO_TYPE_*: the type of the data.</param>
/// <param name="Capabilities">IOMMU_HW_CAP_* bits.</param>
/// <param name="MaxPasidLog2">Width of the device's PASIDs in bits; 0 if it has none.</param>
/// <param name="Data">The structure of that type.</param>
public sealed record HardwareDescription(uint Type, ulong Capabilities, int MaxPasidLog2, ReadOnlyMemory<byte> Data)
{
    internal const int Room = 256;

    /// <summary>The registers of an Intel VT-d unit; null for another type.</summary>
    public IommuHwInfoVtd? Vtd =>
        Type == IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD
        && MemoryMarshal.TryRead(Data.Span, out IommuHwInfoVtd vtd)
            ? vtd
            : null;
}
