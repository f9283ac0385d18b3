using System.Runtime.InteropServices;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Abi;

/// <summary>
/// First stages whose tables have the format of x86-64 processors: what a program passes for them, and how it learns
/// that an IOMMU takes them. Of linux/iommufd.h's kinds this is Intel VT-d.
/// </summary>
public static class X86FirstStage
{
    private const int Nest = 26; // bit of the Extended Capability Register, VT-d specification 11.4.3

    /// <summary>Tables of 4 or 5 levels.</summary>
    /// <param name="root">The guest-physical address of the root, a multiple of 4 KiB.</param>
    /// <param name="addressBits">Width of the addresses that the tables translate: 48 or 57.</param>
    public static IommuHwptVtdS1 At(ulong root, uint addressBits = 48) =>
        new() { PgtblAddr = root, AddrWidth = addressBits };

    /// <summary>Invalidates pages.</summary>
    /// <param name="first">The first address, a multiple of 4 KiB.</param>
    /// <param name="count">How many pages of 4 KiB.</param>
    /// <param name="leafOnly">Whether only leaves were changed, no entry that leads to a table.</param>
    public static IommuHwptVtdS1Invalidate Pages(ulong first, ulong count, bool leafOnly = false) =>
        new() { Addr = first, Npages = count, Flags = leafOnly ? IOMMU_VTD_INV_FLAGS_LEAF : 0 };

    /// <summary>Invalidates all that is kept.</summary>
    public static IommuHwptVtdS1Invalidate Everything => Pages(0, ulong.MaxValue);

    /// <summary>Whether an IOMMU takes such first stages.</summary>
    /// <param name="type">The type of what it tells of itself, IOMMU_HW_INFO_TYPE_*.</param>
    /// <param name="data">The structure of that type.</param>
    public static bool IsOffered(uint type, ReadOnlySpan<byte> data) =>
        type == IOMMU_HW_INFO_TYPE_INTEL_VTD && MemoryMarshal.TryRead(data, out IommuHwInfoVtd registers)
        && ((registers.EcapReg >> Nest) & 1) != 0;
}
