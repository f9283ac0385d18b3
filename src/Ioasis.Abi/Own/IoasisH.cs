using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>Our additions to Linux's uAPI. The numbers are large, because Linux counts up from small ones.</summary>
public static class IoasisH
{
    /// <summary>
    /// Data type of <see cref="IommuHwptAlloc"/>: the page table is the calling process's own address space
    /// (<see cref="IoasisHwptProcess"/>). <c>pt_id</c> must be 0, the flags
    /// <see cref="IommufdH.IOMMU_HWPT_ALLOC_PASID"/>.
    /// </summary>
    public const uint IOASIS_HWPT_DATA_PROCESS = 0x494f_0001;
}

/// <summary>Data of a HWPT that is a process's address space.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisHwptProcess
{
    /// <summary>Must be 0. No flags are defined, not even one for a supervisor's address space.</summary>
    public uint Flags;

    /// <summary>Must be 0.</summary>
    public uint Reserved;
}
