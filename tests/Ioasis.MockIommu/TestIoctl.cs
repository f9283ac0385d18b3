using Ioasis.Abi;
using Ioasis.Iommufd.Ioctls;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Operations;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu;

/// <summary>
/// The ioctl by which the test program makes devices and looks behind the uAPI (Linux: iommufd_test).
/// </summary>
[IommufdIoctl(nameof(IOMMU_TEST_CMD), IOMMU_TEST_CMD, 68)]
public sealed class TestIoctl : IommufdIoctl<IommuTestCmd>
{
    /// <inheritdoc/>
    public override SysResult Execute(IoctlCall call, ref IommuTestCmd args) => args.Op switch
    {
        IOMMU_TEST_OP_ADD_RESERVED => MemoryOperations.AddReserved(call, in args),
        IOMMU_TEST_OP_MOCK_DOMAIN => DeviceOperations.Create(call, ref args, 0),
        IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS => DeviceOperations.Create(call, ref args, args.MockDomain.DevFlags),
        IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE => DeviceOperations.Replace(call, ref args),
        IOMMU_TEST_OP_MD_CHECK_MAP => DomainOperations.CheckMap(call, in args),
        IOMMU_TEST_OP_MD_CHECK_REFS => MemoryOperations.CheckRefs(call, in args),
        IOMMU_TEST_OP_MD_CHECK_IOTLB => DomainOperations.CheckIotlb(call, in args),
        IOMMU_TEST_OP_DIRTY => DomainOperations.Dirty(call, ref args),
        IOMMU_TEST_OP_DEV_CHECK_CACHE => DeviceOperations.CheckCache(call, in args),
        IOMMU_TEST_OP_CREATE_ACCESS => AccessOperations.Create(call, ref args),
        IOMMU_TEST_OP_ACCESS_REPLACE_IOAS => AccessOperations.ReplaceIoas(call, in args),
        IOMMU_TEST_OP_ACCESS_PAGES => AccessOperations.Pin(call, ref args),
        IOMMU_TEST_OP_DESTROY_ACCESS_PAGES => AccessOperations.Unpin(call, in args),
        IOMMU_TEST_OP_ACCESS_RW => AccessOperations.ReadOrWrite(call, in args),
        IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT => MemoryOperations.SetTemporaryLimit(in args),
        IOMMU_TEST_OP_TRIGGER_IOPF => DeviceOperations.RequestPage(call, in args),
        IOMMU_TEST_OP_TRIGGER_VEVENT => DeviceOperations.ReportEvent(call, in args),
        IOMMU_TEST_OP_PASID_ATTACH => PasidOperations.Attach(call, ref args),
        IOMMU_TEST_OP_PASID_REPLACE => PasidOperations.Replace(call, ref args),
        IOMMU_TEST_OP_PASID_DETACH => PasidOperations.Detach(call, in args),
        IOMMU_TEST_OP_PASID_CHECK_HWPT => PasidOperations.CheckHwpt(call, in args),
        IOMMU_TEST_OP_DMABUF_GET => DmaBufOperations.Get(call, in args),
        IOMMU_TEST_OP_DMABUF_REVOKE => DmaBufOperations.Revoke(call, in args),
        _ => Errno.EOPNOTSUPP,
    };
}
