namespace Ioasis.MockIommu.Abi;

/// <summary>Numbers of drivers/iommu/iommufd/iommufd_test.h.</summary>
internal static class IommuTestH
{
    internal const uint IOMMU_TEST_CMD = 0x3ba0; // _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32)

    internal const uint IOMMU_TEST_OP_ADD_RESERVED = 1;
    internal const uint IOMMU_TEST_OP_MOCK_DOMAIN = 2;
    internal const uint IOMMU_TEST_OP_MD_CHECK_MAP = 3;
    internal const uint IOMMU_TEST_OP_MD_CHECK_REFS = 4;
    internal const uint IOMMU_TEST_OP_CREATE_ACCESS = 5;
    internal const uint IOMMU_TEST_OP_DESTROY_ACCESS_PAGES = 6;
    internal const uint IOMMU_TEST_OP_ACCESS_PAGES = 7;
    internal const uint IOMMU_TEST_OP_ACCESS_RW = 8;
    internal const uint IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT = 9;
    internal const uint IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE = 10;
    internal const uint IOMMU_TEST_OP_ACCESS_REPLACE_IOAS = 11;
    internal const uint IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS = 12;
    internal const uint IOMMU_TEST_OP_DIRTY = 13;
    internal const uint IOMMU_TEST_OP_MD_CHECK_IOTLB = 14;
    internal const uint IOMMU_TEST_OP_TRIGGER_IOPF = 15;
    internal const uint IOMMU_TEST_OP_DEV_CHECK_CACHE = 16;
    internal const uint IOMMU_TEST_OP_TRIGGER_VEVENT = 17;
    internal const uint IOMMU_TEST_OP_PASID_ATTACH = 18;
    internal const uint IOMMU_TEST_OP_PASID_REPLACE = 19;
    internal const uint IOMMU_TEST_OP_PASID_DETACH = 20;
    internal const uint IOMMU_TEST_OP_PASID_CHECK_HWPT = 21;
    internal const uint IOMMU_TEST_OP_DMABUF_GET = 22;
    internal const uint IOMMU_TEST_OP_DMABUF_REVOKE = 23;

    internal const uint MOCK_IOMMUPT_DEFAULT = 0;
    internal const uint MOCK_IOMMUPT_HUGE = 1;

    internal const ulong MOCK_APERTURE_START = 1UL << 24;
    internal const ulong MOCK_APERTURE_LAST = (1UL << 31) - 1;
    internal const ulong MOCK_PAGE_SIZE = 2048;
    internal const ulong MOCK_HUGE_PAGE_SIZE = 512 * MOCK_PAGE_SIZE;

    internal const uint MOCK_FLAGS_ACCESS_WRITE = 1;
    internal const uint MOCK_ACCESS_RW_WRITE = 1;
    internal const uint MOCK_ACCESS_RW_SLOW_PATH = 4;
    internal const uint MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES = 1;
    internal const uint MOCK_FLAGS_DEVICE_NO_DIRTY = 1;
    internal const uint MOCK_FLAGS_DEVICE_PASID = 4;

    internal const int MOCK_NESTED_DOMAIN_IOTLB_NUM = 4;
    internal const int MOCK_DEV_CACHE_NUM = 4;
    internal const int MOCK_PASID_WIDTH = 20;
    internal const uint IOMMU_TEST_PASID_RESERVED = 1024;

    internal const uint IOMMU_HW_INFO_TYPE_SELFTEST = 0xfeedbeef;
    internal const uint IOMMU_HW_INFO_SELFTEST_REGVAL = 0xdeadbeef;
    internal const uint IOMMU_HWPT_DATA_NONE = 0;
    internal const uint IOMMU_HWPT_DATA_SELFTEST = 0xdead;
    internal const uint IOMMU_TEST_DEV_CACHE_DEFAULT = 0xbaddad;
    internal const uint IOMMU_HWPT_INVALIDATE_DATA_SELFTEST = 0xdeadbeef;
    internal const uint IOMMU_VIOMMU_TYPE_SELFTEST = 0xdeadbeef;
    internal const uint IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST = 0xdeadbeef;
    internal const uint IOMMU_TEST_INVALIDATE_FLAG_ALL = 1;
    internal const uint IOMMU_VEVENTQ_TYPE_SELFTEST = 0xbeefbeef;
    internal const uint IOMMU_HW_QUEUE_TYPE_SELFTEST = 0xdeadbeef;
    internal const uint IOMMU_TEST_HW_QUEUE_MAX = 2;
}
