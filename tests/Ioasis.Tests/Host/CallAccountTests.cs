using Ioasis.Abi;
using Ioasis.Host.Serving;

namespace Ioasis.Tests.Host;

public sealed class CallAccountTests
{
    [Fact]
    public void Calls_are_counted_by_node_name_and_result()
    {
        var account = new CallAccount();
        account.Note("/dev/iommu", "IOMMU_IOAS_MAP", Errno.None);
        account.Note("/dev/iommu", "IOMMU_IOAS_MAP", Errno.EFAULT);
        account.Note("/dev/iommu", "IOMMU_DESTROY", Errno.None);
        account.Note("/dev/iommu", "IOMMU_IOAS_MAP", Errno.None);
        account.Note("/dev/vfio/devices/vfio0", "open", Errno.None);
        for (int i = 0; i < 6; i++) account.NoteStopped();
        Assert.Equal("""
            NODE                     CALL            RESULT  CALLS
            /dev/iommu               IOMMU_DESTROY   ok      1
            /dev/iommu               IOMMU_IOAS_MAP  ok      2
            /dev/iommu               IOMMU_IOAS_MAP  EFAULT  1
            /dev/vfio/devices/vfio0  open            ok      1
            calls stopped, served or not: 6

            """, account.ToString());
    }
}
