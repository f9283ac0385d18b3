using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>The uAPI of /dev/sva, and VFIO's additions for it (include/ioasis.h).</summary>
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

    /// <summary>Gets or sets the number of PASIDs that the file may have (<see cref="IoasisSvaQuota"/>).</summary>
    public const uint IOASIS_SVA_QUOTA = 0x3be6;

    /// <summary>
    /// On a bound VFIO device: attaches a PASID of a /dev/sva, which the device then sends
    /// (<see cref="IoasisVfioAttachSva"/>).
    /// </summary>
    public const uint IOASIS_VFIO_ATTACH_SVA = 0x3be8;

    /// <summary>Flag of <see cref="IoasisSvaBindTable"/>: fault_id is valid.</summary>
    public const uint IOASIS_SVA_BIND_FAULT_ID_VALID = 1;

    /// <summary>Operation of <see cref="IoasisSvaQuota"/>: get.</summary>
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

    /// <summary>Lowest acceptable PASID.</summary>
    public uint First;

    /// <summary>Highest acceptable PASID.</summary>
    public uint Last;

    /// <summary>Out: the PASID.</summary>
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
    /// In: one of the file's PASIDs; or 0 for the process's PASID if it has one, else a new one. Out: the PASID.
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

    /// <summary>ID of its object: an IOAS, a HWPT, or the parent of a first stage.</summary>
    public uint PtId;

    /// <summary>Type of the first stage; IOMMU_HWPT_DATA_NONE for none.</summary>
    public uint DataType;

    /// <summary>Bytes of the first stage's description.</summary>
    public uint DataLen;

    /// <summary>ID of one of this file's fault queues.</summary>
    public uint FaultId;

    /// <summary>User address of the first stage's description.</summary>
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

/// <summary>Invalidates the caches of a PASID's first stage.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IoasisSvaInvalidate
{
    /// <summary>Bytes of this structure.</summary>
    public uint Size;

    /// <summary>One of the file's PASIDs.</summary>
    public uint Pasid;

    /// <summary>User address of the entries.</summary>
    public ulong DataUptr;

    /// <summary>Type of the entries (enum iommu_hwpt_invalidate_data_type).</summary>
    public uint DataType;

    /// <summary>Bytes of one entry.</summary>
    public uint EntryLen;

    /// <summary>In: number of entries. Out: entries handled.</summary>
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

    /// <summary>The quota: in on set, out on get.</summary>
    public uint Quota;

    /// <summary>Out: PASIDs that the file has.</summary>
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

    /// <summary>One of that file's PASIDs.</summary>
    public uint Pasid;
}
