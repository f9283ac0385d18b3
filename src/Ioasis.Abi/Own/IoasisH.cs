using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// What our nodes have beyond Linux's: numbers that Linux does not use, in places where it counts up from small ones.
/// </summary>
public static class IoasisH
{
    /// <summary>
    /// Type of data of <see cref="IommuHwptAlloc"/>: a page table that is the calling process's own address space
    /// (<see cref="IoasisHwptProcess"/>). <c>pt_id</c> is 0 then, and the flags are
    /// <see cref="IommufdH.IOMMU_HWPT_ALLOC_PASID"/>.
    /// </summary>
    public const uint IOASIS_HWPT_DATA_PROCESS = 0x494f_0001;
}

/// <summary>Data of a HWPT that is a process's address space.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisHwptProcess
{
    /// <summary>Must be 0: there are no flags, and none for a supervisor's address space either.</summary>
    public uint Flags;

    /// <summary>Must be 0.</summary>
    public uint Reserved;
}
