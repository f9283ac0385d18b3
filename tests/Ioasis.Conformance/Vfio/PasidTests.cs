using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vfio;

/// <summary>VFIO_DEVICE_ATTACH_PASID, of a device that has PASIDs.</summary>
public class PasidTests : UapiTest
{
    private readonly IommuContext _context;
    private readonly VfioDevice _device;
    private readonly Ioas _ioas;
    private readonly Hwpt _hwpt;

    public PasidTests() : this(onMdev: false)
    {
    }

    private protected PasidTests(bool onMdev)
    {
        _context = OpenContext();
        _device = OpenBound(onMdev ? MdevNode : DmatestNode, _context);
        _ioas = _context.AllocateIoas();
        _hwpt = _context.AllocateHwpt(_device, _ioas, HwptOptions.Pasid);
    }

    [Fact]
    public void What_the_device_may_send_is_told()
    {
        HardwareDescription hardware = _context.DescribeHardware(_device);
        Assert.Equal(20, hardware.MaxPasidLog2);
        const HardwareCapabilities asked = HardwareCapabilities.PasidExecute | HardwareCapabilities.PasidPrivileged
            | HardwareCapabilities.NoAts;
        Assert.Equal(asked & ~HardwareCapabilities.NoAts, hardware.Capabilities & asked);
    }

    [Fact]
    public void PASIDs_and_requests_without_one_go_each_to_their_own_table()
    {
        Ioas own = _context.AllocateIoas();
        Hwpt ownHwpt = _context.AllocateHwpt(_device, own, HwptOptions.Pasid);
        UserMemory first = Pages(1), second = Pages(1);
        _ioas.Map(first, at: At(0x100000));
        own.Map(second, at: At(0x100000));
        _device.Attach(_hwpt);
        _device.Attach(ownHwpt, new Pasid(1));
        _device.Attach(_hwpt, new Pasid(Pasid.MaxValue));
        var engine = new DmatestEngine(_device) { Buffer = Pattern(4096, 1) };
        Assert.Equal(DmatestEngine.Done, engine.Run(At(0x100000), 64, 0));
        engine.Pasid = 1;
        engine.Buffer = Pattern(4096, 2);
        Assert.Equal(DmatestEngine.Done, engine.Run(At(0x100000), 64, 0));
        Assert.Equal(Pattern(64, 1), first.ToArray(0, 64));
        Assert.Equal(Pattern(64, 2), second.ToArray(0, 64));

        _device.Attach(_hwpt, new Pasid(1)); // moved
        engine.Buffer = Pattern(4096, 3);
        Assert.Equal(DmatestEngine.Done, engine.Run(At(0x100000), 64, 0));
        Assert.Equal(Pattern(64, 3), first.ToArray(0, 64));
        ownHwpt.Destroy();
        _device.Detach(new Pasid(1));
        Assert.Equal((DmatestEngine.Fault, DmatestEngine.NotAttached),
            (engine.Run(At(0x100000), 64, 0), engine.Reason));
        engine.Pasid = Pasid.MaxValue;
        Assert.Equal(DmatestEngine.Done, engine.Run(At(0x100000), 64, 0));
        engine.Pasid = null;
        Assert.Equal(DmatestEngine.Done, engine.Run(At(0x100000), 64, 0));
    }

    [Fact]
    public void A_close_gives_all_PASIDs_back()
    {
        for (uint pasid = 1; pasid < 1000; pasid += 7) _device.Attach(_hwpt, new Pasid(pasid * 1000));
        _device.Attach(_hwpt);
        Fails(Errno.EBUSY, _hwpt.Destroy);
        _device.Dispose();
        _hwpt.Destroy();
        _ioas.Destroy();
    }

    [Fact]
    public void A_PASID_that_the_device_cannot_have_is_refused_and_nothing_changed()
    {
        Fails(Errno.EINVAL, Attach(1 << 20));
        Fails(Errno.EINVAL, Attach(int.MaxValue));
        Fails(Errno.ENOSPC, Attach(0x80000000));
        Fails(Errno.ENOENT, Attach(5, NoId));
        Fails(Errno.EINVAL, Attach(5, _device.Id));
        _hwpt.Destroy();
    }

    private SysResult Attach(uint pasid, uint? pageTable = null)
    {
        var arguments = new VfioDeviceAttachIommufdPt
        {
            Argsz = Size<VfioDeviceAttachIommufdPt>(),
            Flags = VfioH.VFIO_DEVICE_ATTACH_PASID,
            PtId = pageTable ?? _hwpt.Id,
            Pasid = pasid,
        };
        return _device.TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref arguments);
    }
}
