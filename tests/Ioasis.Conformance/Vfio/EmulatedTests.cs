using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;
using Ioasis.Memory;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Conformance.Vfio;

/// <summary>
/// A device without an IOMMU, which moves data by its access to an IOAS: an mdev of the type edu-1. The answers are
/// those that Linux 7.2 gives for its emulated mdevs.
/// </summary>
public sealed class EmulatedTests : UapiTest
{
    private const ulong Buffer = 0x40000;
    private const uint Moved = 1, Refused = 2;
    private static readonly Iova s_at = new(0x100000);
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly UserMemory _memory;
    private readonly VfioDevice _device;
    private readonly VfioRegion _registers;

    public EmulatedTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _memory = Pages(3);
        _device = Own(VfioDevice.Open(Nodes, Target.EduMdev(Nodes)));
        _device.Bind(_context);
        _registers = _device.GetRegion(VFIO_PCI_BAR0_REGION_INDEX);
        _device.EnableBusMaster();
    }

    [Fact]
    public void It_is_no_device_of_the_context_and_is_attached_to_an_IOAS_only()
    {
        Fails(Errno.ENOENT, () => _context.DescribeHardware(_device));
        Fails(Errno.ENOENT, () => _context.AllocateHwpt(_device, _ioas));
        Fails(Errno.EBUSY, _context.TryDestroy(_device.Id));
        Fails(Errno.ENOENT, Attach(NoId));
        Fails(Errno.ENOENT, Attach(_device.Id));
        Fails(Errno.EOPNOTSUPP, () => _device.Attach(_ioas, new Pasid(5)));
        Fails(Errno.EOPNOTSUPP, () => _device.Detach(new Pasid(5)));
        _device.Detach(); // it is not attached
        Assert.Equal(_ioas.Id, _device.Attach(_ioas)); // no HWPT is made
        Assert.Equal(_ioas.Id, _device.Attach(_ioas));
        Fails(Errno.EBUSY, _context.TryDestroy(_ioas.Id));
        Ioas other = _context.AllocateIoas();
        Assert.Equal(other.Id, _device.Attach(other));
        Succeeds(_context.TryDestroy(_ioas.Id));
        _device.Detach();
        Succeeds(_context.TryDestroy(other.Id));
    }

    [Fact]
    public void It_tells_of_itself_what_an_emulated_device_tells()
    {
        VfioDeviceInfo info = _device.GetInfo().Raw;
        Assert.Equal((VFIO_DEVICE_FLAGS_PCI, 9u, 5u), (info.Flags, info.NumRegions, info.NumIrqs));
        _device.Reset(); // although it has no such flag
        Fails(Errno.ENOTTY, _device.TryIoctl(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, new byte[64]));
        Assert.Equal((1ul << 20, 256ul, 0ul),
            (_registers.Size, _device.GetRegion(VFIO_PCI_CONFIG_REGION_INDEX).Size, _device.GetRegion(2).Size));
        Assert.Equal((VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE, 0x010000edu),
            (_registers.Raw.Flags, _registers.Read<uint>(0)));
    }

    [Fact]
    public void Nothing_is_reserved_and_all_begins_and_ends_at_pages()
    {
        _device.Attach(_ioas);
        Assert.Equal(new IovaRange(0, ulong.MaxValue), Assert.Single(_ioas.GetIovaRanges()));
        _ioas.Map(_memory.Address, Page, ReadWrite, new Iova(0xfee00000));
        Fails(Errno.EINVAL, () => _ioas.Map(_memory.Address, Page / 2, ReadWrite, s_at));
        _device.Detach();
        Ioas odd = _context.AllocateIoas();
        odd.Map(new Hva(_memory.Address.Value + 64), Page, ReadWrite, new Iova(s_at.Value + 64));
        Fails(Errno.EADDRINUSE, Attach(odd.Id));
        odd.Destroy();
    }

    [Fact]
    public void It_moves_what_is_mapped_as_it_is_mapped()
    {
        Assert.Equal(Refused, Move(s_at, 8, toMemory: false)); // not attached
        _device.Attach(_ioas);
        Assert.Equal(Refused, Move(s_at, 8, toMemory: false));
        _ioas.Map(_memory.Address, Page, Read, s_at);
        _ioas.Map(new Hva(_memory.Address.Value + Page), Page, ReadWrite, new Iova(s_at.Value + Page));
        _memory.CopyFrom(Page - 1000, Pattern(2000, 1));
        Assert.Equal(Moved, Move(new Iova(s_at.Value + Page - 1000), 2000, toMemory: false));
        Assert.Equal(Moved, Move(new Iova(s_at.Value + Page + 1001), 2000, toMemory: true));
        Assert.Equal(Pattern(2000, 1), _memory.ToArray(Page + 1001, 2000));
        byte[] before = _memory.ToArray(0, 2 * (int)Page);
        Assert.Equal(Refused, Move(new Iova(s_at.Value + 8), 8, toMemory: true)); // read-only
        Assert.Equal(Refused, Move(new Iova(s_at.Value + (2 * Page)), 8, toMemory: true));
        Assert.Equal(before, _memory.ToArray(0, 2 * (int)Page));
        _ioas.UnmapAll();
        Assert.Equal(Refused, Move(new Iova(s_at.Value + Page), 8, toMemory: true));
    }

    /// <summary>The access is told of an unmap, unpins, and only then the unmap returns.</summary>
    [Theory]
    [InlineData(Way.Unmap)]
    [InlineData(Way.Replace)]
    [InlineData(Way.Detach)]
    public void Pinned_pages_are_given_back_before_a_call_returns(Way way)
    {
        _device.Attach(_ioas);
        Ioas other = _context.AllocateIoas();
        _memory.CopyFrom(0, Pattern((int)Page, 3));
        _ioas.Map(_memory.Address, Page, Read, s_at);
        Assert.Equal(Moved, Move(s_at, (uint)Page, toMemory: false)); // fills the device's buffer
        Assert.Equal(0u, OpenWindow(s_at)); // read-only
        _ioas.UnmapAll();
        for (int round = 0; round < 20; round++)
        {
            _ioas.Map(new Hva(_memory.Address.Value + Page), Page, ReadWrite, s_at);
            _device.Attach(_ioas);
            Assert.Equal((uint)Page, OpenWindow(s_at));
            _memory.Clear();
            _registers.Write(0x10c, uint.MaxValue); // again and again
            Start(s_at, (uint)Page, toMemory: true);
            SpinUntil(() => _memory.Read<byte>((2 * Page) - 1) != 0);
            if (way == Way.Unmap) Assert.Equal(Page, _ioas.Unmap(s_at, Page));
            else if (way == Way.Replace) _device.Attach(other);
            else _device.Detach();
            _memory.Clear();
            Assert.Equal(Refused, Wait());
            Assert.Equal(new byte[3 * Page], _memory.ToArray(0, 3 * (int)Page));
            Assert.Equal(0u, _registers.Read<uint>(0x108)); // the window is closed
            if (way != Way.Unmap) Assert.Equal(Page, _ioas.Unmap(s_at, Page));
        }
    }

    /// <summary>What ends the use of pinned pages.</summary>
    public enum Way
    {
        /// <summary>They are unmapped.</summary>
        Unmap,

        /// <summary>The device is attached to another IOAS.</summary>
        Replace,

        /// <summary>The device is detached.</summary>
        Detach,
    }

    private SysResult Attach(uint pageTable)
    {
        var arguments = new VfioDeviceAttachIommufdPt { Argsz = Size<VfioDeviceAttachIommufdPt>(), PtId = pageTable };
        return _device.TryIoctl(VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref arguments);
    }

    private uint OpenWindow(Iova first)
    {
        _registers.Write(0x100, first.Value);
        _registers.Write(0x108, (uint)Page);
        return _registers.Read<uint>(0x108);
    }

    private uint Move(Iova memory, uint count, bool toMemory)
    {
        _registers.Write(0x10c, 0u);
        Start(memory, count, toMemory);
        return Wait();
    }

    private void Start(Iova memory, uint count, bool toMemory)
    {
        _registers.Write(0x80, toMemory ? Buffer : memory.Value);
        _registers.Write(0x88, toMemory ? memory.Value : Buffer);
        _registers.Write(0x90, (ulong)count);
        _registers.Write(0x98, toMemory ? 3ul : 1);
    }

    private uint Wait()
    {
        SpinUntil(() => (_registers.Read<ulong>(0x98) & 1) == 0);
        return _registers.Read<uint>(0x118);
    }

    private static void SpinUntil(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Patience));
}
