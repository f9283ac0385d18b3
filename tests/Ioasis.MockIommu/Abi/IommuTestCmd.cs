using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.MockIommu.Abi;

/// <summary>
/// struct iommu_test_cmd: which operation, on what, and a union of what the operations take and give.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
[LinuxStruct("iommu_test_cmd")]
public struct IommuTestCmd
{
    [FieldOffset(0)] public uint Size;
    [FieldOffset(4)] public uint Op;
    [FieldOffset(8)] public uint Id;
    [FieldOffset(12)] public uint Reserved;
    [FieldOffset(16)] internal RangeArgs AddReserved;
    [FieldOffset(16)] internal MockDomainArgs MockDomain;
    [FieldOffset(16)] internal MockDomainReplaceArgs MockDomainReplace;
    [FieldOffset(16)] internal CheckMapArgs CheckMap;
    [FieldOffset(16)] internal CheckRefsArgs CheckRefs;
    [FieldOffset(16)] internal CreateAccessArgs CreateAccess;
    [FieldOffset(16)] internal DestroyAccessPagesArgs DestroyAccessPages;
    [FieldOffset(16)] internal AccessPagesArgs AccessPages;
    [FieldOffset(16)] internal AccessRwArgs AccessRw;
    [FieldOffset(16)] internal MemoryLimitArgs MemoryLimit;
    [FieldOffset(16)] internal AccessReplaceIoasArgs AccessReplaceIoas;
    [FieldOffset(16)] internal DirtyArgs Dirty;
    [FieldOffset(16)] internal CheckIotlbArgs CheckIotlb;
    [FieldOffset(16)] internal TriggerIopfArgs TriggerIopf;
    [FieldOffset(16)] internal CheckDevCacheArgs CheckDevCache;
    [FieldOffset(16)] internal TriggerVeventArgs TriggerVevent;
    [FieldOffset(16)] internal PasidArgs Pasid;
    [FieldOffset(16)] internal DmabufGetArgs DmabufGet;
    [FieldOffset(16)] internal DmabufRevokeArgs DmabufRevoke;
    [FieldOffset(64)] public uint Last;
}

internal record struct RangeArgs(ulong Start, ulong Length);

/// <summary>mock_domain, and mock_domain_flags, which has one member more.</summary>
internal record struct MockDomainArgs(uint OutStdevId, uint OutHwptId, uint OutIdevId, uint DevFlags);

internal record struct MockDomainReplaceArgs(uint PtId);

internal record struct CheckMapArgs(ulong Iova, ulong Length, ulong Uptr);

internal record struct CheckRefsArgs(ulong Length, ulong Uptr, uint Refs);

internal record struct CreateAccessArgs(uint OutAccessFd, uint Flags);

internal record struct DestroyAccessPagesArgs(uint AccessPagesId);

internal record struct AccessPagesArgs(uint Flags, uint OutAccessPagesId, ulong Iova, ulong Length, ulong Uptr);

internal record struct AccessRwArgs(ulong Iova, ulong Length, ulong Uptr, uint Flags);

internal record struct MemoryLimitArgs(uint Limit);

internal record struct AccessReplaceIoasArgs(uint IoasId);

[StructLayout(LayoutKind.Explicit)]
internal record struct DirtyArgs
{
    [FieldOffset(0)] internal uint Flags;
    [FieldOffset(8)] internal ulong Iova;
    [FieldOffset(16)] internal ulong Length;
    [FieldOffset(24)] internal ulong PageSize;
    [FieldOffset(32)] internal ulong Uptr;
    [FieldOffset(40)] internal ulong OutNrDirty;
}

internal record struct CheckIotlbArgs(uint Id, uint Iotlb);

internal record struct TriggerIopfArgs(uint DevId, uint Pasid, uint Grpid, uint Perm, ulong Addr);

internal record struct CheckDevCacheArgs(uint Id, uint Cache);

internal record struct TriggerVeventArgs(uint DevId);

/// <summary>
/// pasid_attach, pasid_replace, pasid_detach and pasid_check: the second member is a page table, a HWPT or nothing.
/// </summary>
internal record struct PasidArgs(uint Pasid, uint PtId);

internal record struct DmabufGetArgs(uint Length, uint OpenFlags);

internal record struct DmabufRevokeArgs(int DmabufFd, uint Revoked);
