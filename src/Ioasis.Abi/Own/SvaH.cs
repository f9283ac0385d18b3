using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>Numbers of /dev/sva, and of what VFIO's files have for it (include/ioasis.h).</summary>
public static class SvaH
{
    /// <summary>Allocates a PASID (<see cref="IoasisSvaAllocPasid"/>).</summary>
    public const uint IOASIS_SVA_ALLOC_PASID = 0x3be0;

    /// <summary>Frees a PASID (<see cref="IoasisSvaFreePasid"/>).</summary>
    public const uint IOASIS_SVA_FREE_PASID = 0x3be1;

    /// <summary>Binds the calling process (<see cref="IoasisSvaBindProcess"/>).</summary>
    public const uint IOASIS_SVA_BIND_PROCESS = 0x3be2;

    /// <summary>Binds an object of a /dev/iommu (<see cref="IoasisSvaBindTable"/>).</summary>
    public const uint IOASIS_SVA_BIND_TABLE = 0x3be3;

    /// <summary>Undoes one binding (<see cref="IoasisSvaUnbind"/>).</summary>
    public const uint IOASIS_SVA_UNBIND = 0x3be4;

    /// <summary>Invalidates a first stage (<see cref="IoasisSvaInvalidate"/>).</summary>
    public const uint IOASIS_SVA_INVALIDATE = 0x3be5;

    /// <summary>Tells or sets how many PASIDs the file may have (<see cref="IoasisSvaQuota"/>).</summary>
    public const uint IOASIS_SVA_QUOTA = 0x3be6;

    /// <summary>On a bound VFIO device: it sends a PASID of a /dev/sva (<see cref="IoasisVfioAttachSva"/>).</summary>
    public const uint IOASIS_VFIO_ATTACH_SVA = 0x3be8;

    /// <summary>Flag of <see cref="IoasisSvaBindTable"/>: its fault_id is one.</summary>
    public const uint IOASIS_SVA_BIND_FAULT_ID_VALID = 1;

    /// <summary>Operation of <see cref="IoasisSvaQuota"/>: tell.</summary>
    public const uint IOASIS_SVA_QUOTA_GET = 0;

    /// <summary>Operation of <see cref="IoasisSvaQuota"/>: set.</summary>
    public const uint IOASIS_SVA_QUOTA_SET = 1;
}

/// <summary>Allocates the lowest free PASID of a range.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaAllocPasid
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>The lowest that will do.</summary>
    public uint First;

    /// <summary>The highest that will do.</summary>
    public uint Last;

    /// <summary>The PASID.</summary>
    public uint OutPasid;
}

/// <summary>Gives a PASID back.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaFreePasid
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary>One of the file's PASIDs.</summary>
    public uint Pasid;
}

/// <summary>Makes the calling process's memory a PASID's page table.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaBindProcess
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>
    /// One of the file's PASIDs, or 0 for the one that the process has, else a new one. On return, which.
    /// </summary>
    public uint Pasid;
}

/// <summary>Makes an object of a /dev/iommu a PASID's page table.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaBindTable
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary><see cref="SvaH.IOASIS_SVA_BIND_FAULT_ID_VALID"/> or 0.</summary>
    public uint Flags;

    /// <summary>One of the file's PASIDs.</summary>
    public uint Pasid;

    /// <summary>An open /dev/iommu.</summary>
    public int Iommufd;

    /// <summary>Its object: an IOAS or HWPT, or what a first stage is nested in.</summary>
    public uint PtId;

    /// <summary>Kind of first stage; IOMMU_HWPT_DATA_NONE for none.</summary>
    public uint DataType;

    /// <summary>Bytes of its description.</summary>
    public uint DataLen;

    /// <summary>A queue of this file's.</summary>
    public uint FaultId;

    /// <summary>Where the description is.</summary>
    public ulong DataUptr;
}

/// <summary>Undoes one binding.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaUnbind
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary>One of the file's PASIDs.</summary>
    public uint Pasid;
}

/// <summary>Invalidates what caches hold of a PASID's first stage.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaInvalidate
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary>One of the file's PASIDs.</summary>
    public uint Pasid;

    /// <summary>Where the entries are.</summary>
    public ulong DataUptr;

    /// <summary>What they are (enum iommu_hwpt_invalidate_data_type).</summary>
    public uint DataType;

    /// <summary>Bytes of each.</summary>
    public uint EntryLen;

    /// <summary>How many; on return, how many were done.</summary>
    public uint EntryNum;

    /// <summary>Must be 0.</summary>
    public uint Reserved;
}

/// <summary>How many PASIDs a file may have.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaQuota
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary>IOASIS_SVA_QUOTA_GET or _SET.</summary>
    public uint Op;

    /// <summary>How many it may have.</summary>
    public uint Quota;

    /// <summary>How many it has.</summary>
    public uint OutCount;
}

/// <summary>Hands a PASID of a /dev/sva to a VFIO device.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisVfioAttachSva
{
    /// <summary>Bytes of this structure.</summary>
    public uint Argsz;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>An open /dev/sva.</summary>
    public int Sva;

    /// <summary>One of its PASIDs.</summary>
    public uint Pasid;
}
