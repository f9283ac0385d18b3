using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>The description of the IOMMU behind a device (struct iommu_hw_info of linux/iommufd.h).</summary>
/// <param name="Type">IOMMU_HW_INFO_TYPE_*: the type of the data.</param>
/// <param name="Capabilities">What it can do.</param>
/// <param name="MaxPasidLog2">Width of the device's PASIDs in bits; 0 if it has none.</param>
/// <param name="Data">The structure of that type.</param>
public sealed record HardwareDescription(
    uint Type, HardwareCapabilities Capabilities, int MaxPasidLog2, ReadOnlyMemory<byte> Data)
{
    internal const int Room = 256;

    /// <summary>The data as a structure of one type; null for another type.</summary>
    /// <typeparam name="T">The structure, such as <see cref="IommuHwInfoAmd"/>.</typeparam>
    public T? As<T>() where T : unmanaged, IHwInfoData =>
        Type == T.DataType && MemoryMarshal.TryRead(Data.Span, out T structure) ? structure : null;
}
