using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using static Ioasis.Tests.Vfio.SubdeviceTests;

namespace Ioasis.Tests.Vfio;

/// <summary>Devices without an IOMMU. The answers are those that Linux 7.2 gives for its emulated mdevs.</summary>
public sealed class EmulatedDeviceTests : IDisposable
{
    private const ulong Page = 4096;
    private const string Name = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
    private static readonly Iova s_at = new(0x100000);
    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly NodeTransport _nodes;
    private readonly TestEmulatedDevice _model;
    private readonly Passthrough.Vfio.VfioDevice _device;
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly List<(ulong Iova, ulong Length)> _told = [];
    private uint _pinned;

    public EmulatedDeviceTests()
    {
        _nodes = NodeTransport.InProcess(_machine);
        _model = new TestEmulatedDevice(Name, Unmapped);
        _device = _machine.AddEmulated(_model);
        _context = IommuContext.Open(_nodes);
        _ioas = _context.AllocateIoas();
    }

    public void Dispose()
    {
        _context.Dispose();
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void ItIsAttachedToAnIoasAndNothingElse()
    {
        using VfioDevice function = VfioDevice.Open(_nodes, _machine.Devices[0].VfioNode);
        function.Bind(_context);
        Hwpt hwpt = _context.AllocateHwpt(function, _ioas);
        using VfioDevice device = Bind();
        Assert.Equal(Errno.ENOENT, Refused(() => device.Attach(hwpt)));
        Assert.Equal(Errno.ENOENT, Refused(() => _context.DescribeHardware(device)));
        Assert.Equal(Errno.ENOENT, Refused(() => _context.AllocateHwpt(device, _ioas)));
        Assert.Equal(Errno.EBUSY, Refused(() => _context.Destroy(device.Id)));
        device.Detach(); // not attached
        Assert.Equal(_ioas.Id, device.Attach(_ioas));
        device.Attach(_ioas);
        Assert.Equal(Errno.EOPNOTSUPP, Refused(() => device.Attach(_ioas, new Pasid(5))));
        Assert.Equal(Errno.EOPNOTSUPP, Refused(() => device.Detach(new Pasid(5))));
        var tooShort = new VfioDeviceAttachIommufdPt { Argsz = 12, Flags = VfioH.VFIO_DEVICE_ATTACH_PASID };
        Assert.Equal(Errno.EOPNOTSUPP, device.TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref tooShort).Errno);
        using SvaContext sva = SvaContext.Open(_nodes);
        Assert.Equal(Errno.EOPNOTSUPP, Refused(() => device.Attach(sva, sva.AllocatePasid())));

        using Ioas other = _context.AllocateIoas();
        Assert.Equal(other.Id, device.Attach(other)); // moved: the first has no user any more
        hwpt.Destroy();
        _ioas.Destroy();
        Assert.Equal(Errno.EBUSY, Refused(() => _context.Destroy(other.Id)));
        device.Detach();
    }

    [Fact]
    public void NothingIsReservedAndAllBeginsAtPages()
    {
        using UserMemory memory = _nodes.Allocate(2 * Page);
        using VfioDevice device = Bind();
        _ioas.Map(memory.Address, Page, MapAccess.Read, new Iova(0xfee00000));
        device.Attach(_ioas);
        Assert.Equal(new IovaRange(0, ulong.MaxValue), Assert.Single(_ioas.GetIovaRanges()));
        Assert.Equal(Page, _ioas.GetIovaAlignment());
        Assert.Equal(Errno.EINVAL, Refused(() => _ioas.Map(memory.Address, Page / 2, MapAccess.Read, s_at)));
        device.Detach();
        using Ioas odd = _context.AllocateIoas();
        odd.Map(new Hva(memory.Address.Value + 64), Page, MapAccess.Read, new Iova(s_at.Value + 64));
        Assert.Equal(Errno.EADDRINUSE, Refused(() => device.Attach(odd)));
    }

    [Fact]
    public void ItReadsAndPinsWhatIsMappedAndIsToldOfUnmaps()
    {
        using UserMemory memory = _nodes.Allocate(2 * Page);
        memory.Write(0, 0x1111ul);
        _ioas.Map(memory, at: s_at);
        Assert.Equal(Errno.EINVAL, _model.Memory.Read(s_at.Value, new byte[8])); // not bound
        using VfioDevice device = Bind();
        Assert.Equal(ulong.MaxValue, Fetch(device)); // not attached
        device.Attach(_ioas);
        Assert.Equal(0x1111ul, Fetch(device));
        Assert.Equal(Errno.ENOENT, _model.Memory.Pin(s_at.Value, 3, write: true, out _));
        Assert.Equal(Errno.EINVAL, _model.Memory.Pin(s_at.Value, 0, write: true, out _));
        Assert.Equal(Errno.None, _model.Memory.Pin(s_at.Value + 5, _pinned = 2, write: true, out var pages));
        Assert.Equal(2, pages.Count);
        _ioas.Unmap(s_at, 2 * Page);
        Assert.Equal([(s_at.Value, 2 * Page)], _told);
        Assert.Equal(ulong.MaxValue, Fetch(device));
        device.Detach();
        Assert.Equal((0ul, ulong.MaxValue), _told[^1]);
    }

    [Fact]
    public void OneThatIsNotToldOfUnmapsPinsNothing()
    {
        var model = new TestEmulatedDevice("deaf");
        using VfioDevice device = VfioDevice.Open(_nodes, _machine.AddEmulated(model).Path);
        device.Bind(_context);
        device.Attach(_ioas);
        using UserMemory memory = _nodes.Allocate(Page);
        _ioas.Map(memory, at: s_at);
        Assert.Equal(Errno.EINVAL, model.Memory.Pin(s_at.Value, 1, write: false, out _));
        Assert.Equal(Errno.None, model.Memory.Write(s_at.Value, new byte[8]));
        _ioas.Unmap(s_at, Page);
    }

    [Fact]
    public void TheBindingKeepsAContextThatIsClosed()
    {
        using VfioDevice device = Bind();
        uint ioas = _ioas.Id;
        _context.Dispose();
        var attach = new VfioDeviceAttachIommufdPt { Argsz = 16, PtId = ioas };
        Assert.True(device.TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref attach).IsOk);
        Assert.Equal(ioas, attach.PtId);
    }

    /// <summary>Its group has a number and a name, and no endpoint; it is always viable.</summary>
    [Fact]
    public void ItsGroupHandsItOutByItsName()
    {
        int number = _device.Group!.Id;
        Assert.Equal("vfio-noiommu", _nodes.ReadAttribute($"/sys/kernel/iommu_groups/{number}/name"));
        Assert.Equal("unknown", _nodes.ReadAttribute($"/sys/kernel/iommu_groups/{number}/type"));
        using (VfioGroup group = VfioGroup.Open(_nodes, number))
        {
            Assert.Equal(VfioGroupStates.Viable, group.GetStatus());
            Assert.Equal(Errno.EINVAL, group.TryOpenDevice(Name).Errno); // no container
            group.SetContainer(_context);
            Assert.Equal(Errno.ENODEV, group.TryOpenDevice(Name + "x").Errno);
            Assert.Equal(Errno.ENODEV, group.TryOpenDevice(Name[..35]).Errno);
            using VfioDevice device = VfioDevice.Adopt(_nodes, (int)group.TryOpenDevice(Name).Value, Name);
            Assert.Equal(1u, device.GetInfo().Raw.NumRegions);
            Assert.Equal(Errno.ENOTTY, Refused(() => device.Attach(_ioas)));
            Assert.Equal(Errno.EBUSY, Refused(() => Bind().Dispose()));
        }

        using VfioDevice bound = Bind();
        Assert.Equal(Errno.EBUSY, Refused(() => VfioGroup.Open(_nodes, number)));
        bound.Dispose();
        _machine.Remove(_device);
        Assert.DoesNotContain($"/dev/vfio/{number}", _machine.Paths.Keys);
        Assert.DoesNotContain(_device.Path, _machine.Paths.Keys);
    }

    private void Unmapped(ulong iova, ulong length)
    {
        _told.Add((iova, length));
        if (_pinned != 0) _model.Memory.Unpin(s_at.Value, _pinned);
        _pinned = 0;
    }

    private VfioDevice Bind()
    {
        VfioDevice device = VfioDevice.Open(_nodes, _device.Path);
        device.Bind(_context);
        return device;
    }

    private static ulong Fetch(VfioDevice device)
    {
        VfioRegion registers = device.GetRegion(0);
        registers.Write(0, s_at.Value);
        return registers.Read<ulong>(8);
    }
}
