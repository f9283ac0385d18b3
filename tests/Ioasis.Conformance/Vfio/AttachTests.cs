using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vfio;

/// <summary>VFIO_DEVICE_ATTACH_IOMMUFD_PT and VFIO_DEVICE_DETACH_IOMMUFD_PT.</summary>
public sealed class AttachTests : UapiTest
{
    private readonly IommuContext _context;
    private readonly VfioDevice _device;
    private readonly Ioas _ioas;

    public AttachTests()
    {
        _context = OpenContext();
        _device = OpenBound(EduNode, _context);
        _ioas = _context.AllocateIoas();
    }

    [Fact]
    public void An_attach_to_an_IOAS_tells_the_HWPT_that_was_made()
    {
        uint hwpt = _device.Attach(_ioas);
        Assert.Equal(_ioas.Id + 1, hwpt);
        Assert.Equal(hwpt, _device.Attach(_ioas));
        Succeeds(Attach(hwpt));
        Assert.Equal(hwpt + 1, _context.AllocateIoas().Id);
    }

    [Fact]
    public void An_attached_device_is_moved_and_the_former_IOAS_is_given_back()
    {
        Ioas second = _context.AllocateIoas();
        _device.Attach(_ioas);
        _device.Attach(second);
        Assert.Equal([IovaRange.All], _ioas.GetIovaRanges());
        Assert.Equal(2, second.GetIovaRanges().Count);
        _ioas.Destroy();
        Hwpt hwpt = _context.AllocateHwpt(_device, second);
        _device.Attach(hwpt);
        Assert.Equal(2, second.GetIovaRanges().Count);
        Fails(Errno.EBUSY, hwpt.Destroy);
        _device.Detach();
        hwpt.Destroy();
        second.Destroy();
    }

    [Fact]
    public void A_move_that_fails_leaves_the_device_where_it_was()
    {
        Ioas second = _context.AllocateIoas();
        second.Map(Pages(1), at: At(0xfee00000));
        uint hwpt = _device.Attach(_ioas);
        Snapshot before = Snapshot.Of(_ioas), beforeSecond = Snapshot.Of(second, 0xfee00000);
        Fails(Errno.EADDRINUSE, () => _device.Attach(second));
        Fails(Errno.ENOENT, Attach(NoId));
        Fails(Errno.EINVAL, Attach(_device.Id));
        Assert.Equal(before, Snapshot.Of(_ioas));
        Assert.Equal(beforeSecond, Snapshot.Of(second, 0xfee00000));
        Assert.Equal(hwpt, _device.Attach(_ioas));
    }

    [Fact]
    public void Detach_of_a_device_that_is_not_attached_does_nothing()
    {
        _device.Detach();
        _device.Attach(_ioas);
        _device.Detach();
        _device.Detach();
        _ioas.Destroy();
    }

    [Fact]
    public void Bad_attaches_are_refused_and_nothing_changed()
    {
        Snapshot before = Snapshot.Of(_ioas);
        Fails(Errno.ENOENT, Attach(0));
        Fails(Errno.ENOENT, Attach(NoId));
        Fails(Errno.EINVAL, Attach(_device.Id));
        Fails(Errno.EINVAL, Attach(_ioas.Id, size: 0));
        Fails(Errno.EINVAL, Attach(_ioas.Id, size: 11));
        Fails(Errno.EINVAL, Attach(_ioas.Id, flags: 2));
        Fails(Errno.EINVAL, Attach(_ioas.Id, flags: 0x80000000));
        // the PASID is beyond that
        Fails(Errno.EINVAL, Attach(_ioas.Id, flags: VfioH.VFIO_DEVICE_ATTACH_PASID, size: 12));
        Fails(Errno.EFAULT, _device.Handle.Ioctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, Nowhere));
        Assert.Equal(before, Snapshot.Of(_ioas));
        Succeeds(Attach(_ioas.Id, size: 12));
        _device.Detach();
        Succeeds(Attach(_ioas.Id, size: 4096)); // what follows is not looked at
    }

    [Fact]
    public void A_PASID_is_not_attached_to_a_page_table_that_is_not_for_PASIDs()
    {
        Hwpt hwpt = _context.AllocateHwpt(_device, _ioas);
        Snapshot before = Snapshot.Of(_ioas);
        Fails(Errno.EINVAL, () => _device.Attach(_ioas, new Pasid(5)));
        Fails(Errno.EINVAL, () => _device.Attach(hwpt, new Pasid(5)));
        Assert.Equal(before, Snapshot.Of(_ioas));
        _device.Detach(new Pasid(5));
    }

    [Fact]
    public void A_device_without_PASIDs_has_them_attached_in_name()
    {
        Hwpt plain = _context.AllocateHwpt(_device, _ioas),
            hwpt = _context.AllocateHwpt(_device, _ioas, HwptOptions.Pasid);
        _device.Attach(hwpt, new Pasid(5));
        Fails(Errno.EBUSY, hwpt.Destroy);
        Fails(Errno.EINVAL, () => _device.Attach(plain)); // what goes beside a PASID is for PASIDs too
        _device.Detach(new Pasid(5));
        hwpt.Destroy();
        plain.Destroy();
    }

    [Fact]
    public void Bad_detaches_are_refused_and_the_device_stays_attached()
    {
        _device.Attach(_ioas);
        foreach ((uint size, uint flags) in ((uint, uint)[])[(0, 0), (7, 0), (12, 2), (12, 0x80000000),
            (8, VfioH.VFIO_DEVICE_DETACH_PASID)])
        {
            var arguments = new VfioDeviceDetachIommufdPt { Argsz = size, Flags = flags };
            Fails(Errno.EINVAL, _device.TryIoctl(VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT, ref arguments));
        }

        Fails(Errno.EFAULT, _device.Handle.Ioctl(VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT, Nowhere));
        Fails(Errno.EBUSY, _ioas.Destroy);
        var least = new VfioDeviceDetachIommufdPt { Argsz = 8 };
        Succeeds(_device.TryIoctl(VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT, ref least));
        _ioas.Destroy();
    }

    private SysResult Attach(uint id, uint flags = 0, uint size = 16)
    {
        var arguments = new VfioDeviceAttachIommufdPt { Argsz = size, Flags = flags, PtId = id, Pasid = 5 };
        return _device.TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref arguments);
    }
}
