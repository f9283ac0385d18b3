using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_HWPT_ALLOC of paging HWPTs.</summary>
public sealed class HwptTests : UapiTest
{
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly VfioDevice _device;

    public HwptTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _device = OpenBound(EduNode, _context);
    }

    [Fact]
    public void A_paging_HWPT_takes_the_unit_s_reach_but_not_the_device_s_reservations()
    {
        Hwpt hwpt = _context.AllocateHwpt(_device, _ioas);
        Assert.Single(_ioas.GetIovaRanges());
        Assert.NotEqual(ulong.MaxValue, _ioas.GetIovaRanges()[0].Last);
        Assert.Equal(Page, _ioas.GetIovaAlignment());
        _device.Attach(hwpt);
        Assert.Equal(2, _ioas.GetIovaRanges().Count);
        _device.Detach();
        Assert.Single(_ioas.GetIovaRanges());
        hwpt.Destroy();
        Assert.Equal([Memory.IovaRange.All], _ioas.GetIovaRanges());
    }

    [Fact]
    public void An_attach_to_the_IOAS_never_takes_a_HWPT_that_was_allocated()
    {
        Hwpt hwpt = _context.AllocateHwpt(_device, _ioas);
        Assert.NotEqual(hwpt.Id, _device.Attach(_ioas));
    }

    [Fact]
    public void An_attach_and_another_to_the_IOAS_share_a_HWPT()
    {
        uint first = _device.Attach(_ioas);
        Assert.Equal(first, _device.Attach(_ioas));
    }

    [Fact]
    public void A_nest_parent_and_dirty_tracking_are_made_where_the_unit_can()
    {
        HardwareDescription hardware = _context.DescribeHardware(_device);
        bool tracks = (hardware.Capabilities & HardwareCapabilities.DirtyTracking) != 0;
        SysResult result = Allocate(IommufdH.IOMMU_HWPT_ALLOC_DIRTY_TRACKING, out uint tracking);
        Assert.Equal(tracks ? SysResult.Ok() : Errno.EOPNOTSUPP, result);
        if (tracks) _context.Destroy(tracking);

        bool nests = (hardware.Vtd!.Value.EcapReg >> 26 & 1) != 0; // NEST, VT-d 11.4.3
        result = Allocate(IommufdH.IOMMU_HWPT_ALLOC_NEST_PARENT, out uint parent);
        Assert.Equal(nests ? SysResult.Ok() : Errno.EOPNOTSUPP, result);
        if (nests) _context.Destroy(parent);
    }

    [Fact]
    public void Bad_requests_are_refused_and_nothing_changed()
    {
        uint hwpt = _context.AllocateHwpt(_device, _ioas).Id;
        Snapshot before = Snapshot.Of(_ioas);
        Fails(Errno.EOPNOTSUPP, Allocate(0x10, out _));
        Fails(Errno.EOPNOTSUPP, Allocate(0x80000000, out _));
        Fails(Errno.EOPNOTSUPP, Allocate(0, out _, reserved: 1));
        Fails(Errno.EOPNOTSUPP, Allocate(
                IommufdH.IOMMU_HWPT_FAULT_ID_VALID | IommufdH.IOMMU_HWPT_ALLOC_NEST_PARENT, out _));
        Fails(Errno.ENOENT, Allocate(IommufdH.IOMMU_HWPT_FAULT_ID_VALID, out _));
        Fails(Errno.ENOENT, Allocate(0, out _, device: NoId));
        Fails(Errno.ENOENT, Allocate(0, out _, device: _ioas.Id));
        Fails(Errno.EINVAL, Allocate(0, out _, pageTable: NoId));
        Fails(Errno.EINVAL, Allocate(0, out _, pageTable: _device.Id));
        Fails(Errno.ENOENT, Allocate(0, out _, device: NoId, pageTable: NoId));
        Fails(Errno.EINVAL, Allocate(0, out _, dataType: IommufdH.IOMMU_HWPT_DATA_VTD_S1));
        Fails(Errno.EINVAL, Allocate(0, out _, dataLength: 8));
        // on an IOAS
        Fails(Errno.EOPNOTSUPP, Allocate(0, out _, dataType: IommufdH.IOMMU_HWPT_DATA_VTD_S1, dataLength: 24));
        Fails(Errno.EOPNOTSUPP, Allocate(0, out _, pageTable: hwpt)); // nested, without data
        Assert.Equal(before, Snapshot.Of(_ioas));
    }

    [Fact]
    public void Memory_that_is_not_there_is_EFAULT()
    {
        _ioas.Map(new(0x1000), Page, Read, At(0x10000));
        Snapshot before = Snapshot.Of(_ioas, 0x10000);
        Fails(Errno.EFAULT, Allocate(0, out _));
        Assert.Equal(before, Snapshot.Of(_ioas, 0x10000));
    }

    private SysResult Allocate(
        uint flags, out uint hwpt, uint? device = null, uint? pageTable = null, uint dataType = 0, uint dataLength = 0,
        uint reserved = 0)
    {
        var arguments = new IommuHwptAlloc
        {
            Size = Size<IommuHwptAlloc>(),
            Flags = flags,
            DevId = device ?? _device.Id,
            PtId = pageTable ?? _ioas.Id,
            Reserved = reserved,
            DataType = dataType,
            DataLen = dataLength,
            DataUptr = Pages(1).Address.Value,
            FaultId = NoId,
        };
        SysResult result = _context.TryIoctl(IommufdH.IOMMU_HWPT_ALLOC, ref arguments);
        hwpt = arguments.OutHwptId;
        return result;
    }
}
