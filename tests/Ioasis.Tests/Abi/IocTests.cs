using System.Runtime.CompilerServices;
using Ioasis.Abi;

namespace Ioasis.Tests.Abi;

public class IocTests
{
    [Fact]
    public void A_number_with_direction_and_size_comes_apart()
    {
        const uint Cmd = SeccompH.SECCOMP_IOCTL_NOTIF_RECV;

        Assert.Equal(0u, Ioc.Nr(Cmd));
        Assert.Equal('!', Ioc.Type(Cmd));
        Assert.Equal((uint)Unsafe.SizeOf<SeccompNotif>(), Ioc.Size(Cmd));
        Assert.Equal(Ioc.DirRead | Ioc.DirWrite, Ioc.Dir(Cmd));
        Assert.Equal(Ioc.DirWrite, Ioc.Dir(SeccompH.SECCOMP_IOCTL_NOTIF_ADDFD));
    }

    [Fact]
    public void A_number_without_them_is_put_together()
    {
        uint cmd = Ioc.Io(IommufdH.IOMMUFD_TYPE, IommufdH.IOMMUFD_CMD_IOAS_MAP);

        Assert.Equal(IommufdH.IOMMU_IOAS_MAP, cmd);
        Assert.Equal(IommufdH.IOMMUFD_CMD_IOAS_MAP, Ioc.Nr(cmd));
        Assert.Equal(IommufdH.IOMMUFD_TYPE, Ioc.Type(cmd));
        Assert.Equal(0u, Ioc.Size(cmd));
        Assert.Equal(Ioc.DirNone, Ioc.Dir(cmd));
    }
}
