using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct iommu_hwpt_pgfault of linux/iommufd.h. A page request, as it is read from the fd of a fault queue.
/// </summary>
[LinuxStruct("iommu_hwpt_pgfault")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptPgfault
{
    /// <summary>IOMMU_PGFAULT_FLAGS_* bits.</summary>
    public uint Flags;

    /// <summary>ID of the device.</summary>
    public uint DevId;

    /// <summary>PASID, with <see cref="IommufdH.IOMMU_PGFAULT_FLAGS_PASID_VALID"/>.</summary>
    public uint Pasid;

    /// <summary>Page request group index.</summary>
    public uint Grpid;

    /// <summary>IOMMU_PGFAULT_PERM_* bits the device asks for.</summary>
    public uint Perm;

    /// <summary>Must be 0.</summary>
    [LinuxField("__reserved")]
    public uint Reserved;

    /// <summary>IOVA of the page.</summary>
    public ulong Addr;

    /// <summary>Hint: bytes the device means to transfer; 0 for none.</summary>
    public uint Length;

    /// <summary>Number of the group, to be given back in the response.</summary>
    public uint Cookie;
}

/// <summary>
/// struct iommu_hwpt_page_response of linux/iommufd.h. The answer to a group of page requests, as it is written to the
/// fd of a fault queue.
/// </summary>
[LinuxStruct("iommu_hwpt_page_response")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuHwptPageResponse
{
    /// <summary>Cookie of the group's last request.</summary>
    public uint Cookie;

    /// <summary>IOMMUFD_PAGE_RESP_*.</summary>
    public uint Code;
}

/// <summary>
/// struct iommu_fault_alloc of linux/iommufd.h. The argument of <see cref="IommufdH.IOMMU_FAULT_QUEUE_ALLOC"/>.
/// </summary>
[LinuxStruct("iommu_fault_alloc")]
[StructLayout(LayoutKind.Sequential)]
public struct IommuFaultAlloc
{
    /// <summary>Bytes of this structure, as the caller knows it.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>Out: ID of the new fault queue.</summary>
    public uint OutFaultId;

    /// <summary>Out: its file descriptor.</summary>
    public uint OutFaultFd;
}
