using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Tests.Mdevs;

/// <summary>edu-1: an emulated mdev that moves data through its access to the program's memory.</summary>
public sealed class EduMdevTests : IDisposable
{
    private const string Parent = "/sys/devices/virtual/edu/edus", Device = $"{Parent}/{MdevMachine.First}";
    private const ulong Page = 4096, Buffer = 0x40000;
    private const uint Done = 1, Refused = 2, WindowLost = 0x200;
    private const ulong ToMemory = 2, WithInterrupt = 4;
    private static readonly Iova s_at = new(0x100000);
    private readonly MdevMachine _machine = new("edus");
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly UserMemory _memory;
    private readonly VfioDevice _device;
    private readonly VfioRegion _registers;

    public EduMdevTests()
    {
        Assert.Equal(Errno.None,
            _machine.Write($"{Parent}/mdev_supported_types/edu-1/create", MdevMachine.First)());
        _context = IommuContext.Open(_machine.Nodes);
        _ioas = _context.AllocateIoas();
        _memory = _machine.Nodes.Allocate(4 * Page);
        _memory.Clear();
        _device = VfioDevice.Open(_machine.Nodes, _machine.Machine.Mdevs[0].VfioNode);
        _device.Bind(_context);
        _registers = _device.GetRegion(0);
        _device.GetRegion(7).Write(4, (ushort)6);
    }

    public void Dispose()
    {
        _device.Dispose();
        _memory.Dispose();
        _context.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void ItIsAnEduWithoutAnIommu()
    {
        VfioRegion config = _device.GetRegion(7);
        Assert.Equal((0x11e81234u, 0x00ff0010u), (config.Read<uint>(0), config.Read<uint>(8)));
        config.Write(0x10, uint.MaxValue);
        Assert.Equal(0xfff00000u, config.Read<uint>(0x10));
        Assert.Equal((0x40, 0x0080_0005u), (config.Read<byte>(0x34), config.Read<uint>(0x40)));
        Assert.Equal(0x010000edu, _registers.Read<uint>(0));
        _registers.Write(4, 0x12345678u);
        Assert.Equal(~0x12345678u, _registers.Read<uint>(4));
        Assert.Equal((uint.MaxValue, (ushort)0xffff), (_registers.Read<uint>(0x0c), _registers.Read<ushort>(0x80)));
        _registers.Write(8, 12u);
        Until.True(() => (_registers.Read<uint>(0x20) & 1) == 0);
        Assert.Equal(479001600u, _registers.Read<uint>(8));
        Assert.Equal("QEMU's educational device, in software only",
            _machine.Nodes.ReadAttribute($"{Parent}/mdev_supported_types/edu-1/description"));
        Assert.Equal("63", _machine.Nodes.ReadAttribute($"{Parent}/mdev_supported_types/edu-1/available_instances"));
        Assert.Equal("../../devices/virtual/edu/edus",
            Assert.IsType<VirtualLink>(_machine.Machine.Paths["/sys/class/mdev_bus/edus"]).Target);
    }

    [Fact]
    public void ATransferMovesWhatIsMappedAndNothingElse()
    {
        Assert.Equal(Refused, Move(s_at, 8)); // not attached
        _device.Attach(_ioas);
        Assert.Equal(Refused, Move(s_at, 8));
        _ioas.Map(_memory.Address, Page, MapAccess.ReadWrite, s_at);
        _ioas.Map(new Hva(_memory.Address.Value + Page), Page, MapAccess.Read, new Iova(s_at.Value + Page));
        _memory.Write(5, 0x1122334455667788ul);
        Assert.Equal(Done, Move(new Iova(s_at.Value + 5), 8));
        Assert.Equal(Done, Move(new Iova(s_at.Value + 1001), 8, ToMemory));
        Assert.Equal(0x1122334455667788ul, _memory.Read<ulong>(1001));
        Assert.Equal(Done, Move(new Iova(s_at.Value + Page - 4), 8));
        Assert.Equal(Refused, Move(new Iova(s_at.Value + Page), 8, ToMemory)); // read-only
        Assert.Equal(Refused, Move(new Iova(s_at.Value + (2 * Page) - 4), 8));
        Assert.Equal(0ul, _memory.Read<ulong>(Page));
        _device.EnableBusMaster(false);
        Assert.Equal(Refused, Move(s_at, 8));
        _device.EnableBusMaster();
        Assert.Equal(Done, Move(s_at, 8));

        using Ioas other = _context.AllocateIoas();
        other.Map(new Hva(_memory.Address.Value + (2 * Page)), Page, MapAccess.ReadWrite, s_at);
        _device.Attach(other); // moves it
        Assert.Equal(Done, Move(s_at, 16, ToMemory));
        Assert.Equal(_memory.Read<ulong>(2 * Page), _memory.Read<ulong>(0));
        _device.Detach();
        Assert.Equal(Refused, Move(s_at, 8));
    }

    [Fact]
    public void AWindowIsPinnedUntilItsMemoryIsUnmapped()
    {
        using UserEvent raised = _machine.Nodes.CreateEvent();
        _device.GetInterrupt(1).SetEvents(0, raised);
        _device.Attach(_ioas);
        _ioas.Map(_memory.Address, 2 * Page, MapAccess.ReadWrite, s_at);
        _ioas.Map(new Hva(_memory.Address.Value + (2 * Page)), Page, MapAccess.Read, new Iova(s_at.Value + (2 * Page)));
        foreach (uint refused in (uint[])[0, 1, 4095, 5 * 4096, 3 * 4096, 17 * 4096, uint.MaxValue])
            Assert.Equal(0u, Open(s_at, refused)); // no pages, too many, not mapped, read-only
        Assert.Equal(2 * 4096u, Open(s_at, 2 * 4096));
        _memory.Write(Page - 4, 0x99887766_55443322ul);
        Assert.Equal(Done, Move(new Iova(s_at.Value + Page - 4), 8));
        Assert.Equal(Done, Move(new Iova(s_at.Value + (2 * Page) - 8), 8, ToMemory));
        Assert.Equal(0x99887766_55443322ul, _memory.Read<ulong>((2 * Page) - 8));
        Assert.Equal(Done, Move(new Iova(s_at.Value + (2 * Page)), 8)); // beyond the window it looks up
        Assert.Equal(3ul, Moves());

        Assert.Equal(Page, _ioas.Unmap(new Iova(s_at.Value + (2 * Page)), Page)); // not of the window
        Assert.Equal(0u, raised.Wait(TimeSpan.Zero));
        Assert.Equal(2 * Page, _ioas.Unmap(s_at, 2 * Page));
        Assert.Equal((1ul, WindowLost, 0u),
            (raised.Wait(TimeSpan.FromSeconds(30)), _registers.Read<uint>(0x24), _registers.Read<uint>(0x108)));
        Assert.Equal(Refused, Move(s_at, 8, ToMemory));

        // Detaching, replacing and a reset close it too.
        _ioas.Map(_memory.Address, Page, MapAccess.ReadWrite, s_at);
        Assert.Equal(4096u, Open(s_at, 4096));
        _device.Reset();
        Assert.Equal((0u, 0u), (_registers.Read<uint>(0x108), _registers.Read<uint>(0x24)));
        Assert.Equal(4096u, Open(s_at, 4096));
        using (Ioas other = _context.AllocateIoas())
        {
            _device.Attach(other);
            Assert.Equal(0u, _registers.Read<uint>(0x108));
            Assert.Equal(Page, _ioas.Unmap(s_at, Page));
            _ioas.Map(_memory.Address, Page, MapAccess.ReadWrite, s_at);
            _device.Attach(_ioas);
        }

        Assert.Equal(4096u, Open(s_at, 4096));
        _device.Detach();
        Assert.Equal(0u, _registers.Read<uint>(0x108));
        Assert.Equal(Page, _ioas.Unmap(s_at, Page));
    }

    /// <summary>
    /// Neither through the window nor by single transfers is anything moved when an unmap has returned.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NothingIsMovedAfterAnUnmap(bool byWindow)
    {
        _device.Attach(_ioas);
        var ones = new byte[4096];
        Array.Fill(ones, (byte)0x11);
        _memory.CopyFrom(0, ones);
        _ioas.Map(_memory.Address, Page, MapAccess.Read, s_at);
        Assert.Equal(Done, Move(s_at, 4096));
        _ioas.UnmapAll();
        for (int round = 0; round < 200; round++)
        {
            _memory.Clear();
            _ioas.Map(new Hva(_memory.Address.Value + Page), Page, MapAccess.ReadWrite, s_at);
            if (byWindow) Assert.Equal(4096u, Open(s_at, 4096));
            _registers.Write(0x10c, uint.MaxValue);
            Start(s_at, 4096, ToMemory);
            Until.True(() => _memory.Read<byte>((2 * Page) - 1) == 0x11);
            Assert.Equal(Page, _ioas.Unmap(s_at, Page));
            _memory.Clear();
            Assert.Equal(Refused, Wait());
            Assert.False(_memory.ToArray(0, 4 * 4096).AsSpan().ContainsAnyExcept((byte)0));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NothingIsMovedWhenBusMasteringIsOff(bool byWindow)
    {
        _device.Attach(_ioas);
        _memory.Write(0, 0x1111_1111_1111_1111ul);
        _ioas.Map(_memory.Address, 2 * Page, MapAccess.ReadWrite, s_at);
        Assert.Equal(Done, Move(s_at, 8));
        if (byWindow) Assert.Equal(2 * 4096u, Open(s_at, 2 * 4096));
        for (int round = 0; round < 200; round++)
        {
            _registers.Write(0x10c, uint.MaxValue);
            Start(new Iova(s_at.Value + Page), 8, ToMemory);
            Until.True(() => _memory.Read<byte>(Page) == 0x11);
            _device.EnableBusMaster(false);
            _memory.Write(Page, 0ul);
            Assert.Equal(Refused, Wait());
            Assert.Equal(0ul, _memory.Read<ulong>(Page));
            _device.EnableBusMaster();
        }
    }

    [Fact]
    public void InterruptsAreMessagesOrIntx()
    {
        using UserEvent raised = _machine.Nodes.CreateEvent();
        VfioInterrupt intx = _device.GetInterrupt(0), msi = _device.GetInterrupt(1);
        msi.SetEvents(0, raised);
        _registers.Write(0x20, 0x80u);
        _registers.Write(8, 4u);
        Assert.Equal(1ul, raised.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal((24u, 1u), (_registers.Read<uint>(8), _registers.Read<uint>(0x24)));
        _registers.Write(0x64, 1u);
        Assert.Equal(0u, _registers.Read<uint>(0x24));
        _device.EnableBusMaster(false);
        _registers.Write(0x60, 0x10u);
        Assert.Equal(0ul, raised.Wait(TimeSpan.Zero)); // no message leaves it
        msi.Disable();
        intx.SetEvents(0, raised);
        _registers.Write(0x60, 0x20u);
        Assert.Equal(1ul, raised.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal(0x30u, _registers.Read<uint>(0x24));
    }

    [Fact]
    public void ATransferThatRunsEndsWithAResetAndWithTheLastFile()
    {
        _device.Attach(_ioas);
        _ioas.Map(_memory.Address, Page, MapAccess.ReadWrite, s_at);
        _registers.Write(0x10c, uint.MaxValue);
        Start(s_at, 4096, ToMemory);
        Until.True(() => Moves() > 2);
        _device.Reset();
        Assert.Equal((0ul, 0u, 0ul), (_registers.Read<ulong>(0x98), _registers.Read<uint>(0x118), Moves()));
        Assert.Equal(6, _device.GetRegion(7).Read<ushort>(4)); // configuration space is restored
        _registers.Write(0x10c, uint.MaxValue);
        Start(s_at, 4096, ToMemory);
        Until.True(() => Moves() > 2);
        _device.Dispose();
        Assert.Equal(Errno.None, _machine.Write($"{Device}/remove", "1")());
    }

    [Fact]
    public void AnAttributeSaysHowManyAddressBitsItDrives()
    {
        string attribute = $"{Device}/vendor/dma_bits";
        Assert.Equal("28", _machine.Nodes.ReadAttribute(attribute));
        foreach (string wrong in (string[])["0", "65", "x", ""])
            Assert.Equal(Errno.EINVAL, _machine.Write(attribute, wrong)());
        Assert.Equal(Errno.None, _machine.Write(attribute, "40\n")());
        Assert.Equal("40", _machine.Nodes.ReadAttribute(attribute));
        var high = new Iova(s_at.Value | (1UL << 32));
        Assert.Equal(Done, MoveAt(high)); // it counts from the next time on that a program opens the mdev
        _device.Dispose();
        using VfioDevice device = VfioDevice.Open(_machine.Nodes, _machine.Machine.Mdevs[0].VfioNode);
        device.Bind(_context);
        device.Attach(_ioas);
        device.EnableBusMaster();
        VfioRegion registers = device.GetRegion(0);
        Assert.Equal(Refused, Move(registers, high, 8, 0));

        uint MoveAt(Iova at)
        {
            _device.Attach(_ioas);
            _ioas.Map(_memory.Address, Page, MapAccess.ReadWrite, s_at);
            return Move(at, 8);
        }
    }

    [Fact]
    public void ItsGroupIsUsedWithAContainer()
    {
        _device.Dispose();
        int number = _machine.Machine.Mdevs[0].Group!.Value;
        Assert.Equal("vfio-noiommu", _machine.Nodes.ReadAttribute($"/sys/kernel/iommu_groups/{number}/name"));
        using VfioGroup group = VfioGroup.Open(_machine.Nodes, number);
        group.SetContainer(_context);
        using VfioDevice device = VfioDevice.Adopt(
            _machine.Nodes, (int)group.TryOpenDevice(MdevMachine.First).Value, MdevMachine.First);
        device.EnableBusMaster();
        var get = new IommuVfioIoas { Size = 12, Op = IommufdH.IOMMU_VFIO_IOAS_GET };
        Assert.True(_context.TryIoctl(IommufdH.IOMMU_VFIO_IOAS, ref get).IsOk);
        _memory.Write(0, 0x77ul);
        var map = new IommuIoasMap
        {
            Size = 40,
            Flags = 7,
            IoasId = get.IoasId,
            UserVa = _memory.Address.Value,
            Length = Page,
            Iova = s_at.Value,
        };
        Assert.True(_context.TryIoctl(IommufdH.IOMMU_IOAS_MAP, ref map).IsOk);
        VfioRegion registers = device.GetRegion(0);
        Assert.Equal(Done, Move(registers, s_at, 8, 0));
        Assert.Equal(Done, Move(registers, new Iova(s_at.Value + 64), 8, ToMemory));
        Assert.Equal(0x77ul, _memory.Read<ulong>(64));
    }

    [Fact]
    public void TwoAreIndependent()
    {
        const string second = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002";
        Assert.Equal(Errno.None, _machine.Write($"{Parent}/mdev_supported_types/edu-1/create", second)());
        using VfioDevice other = VfioDevice.Open(_machine.Nodes, _machine.Machine.Mdevs[1].VfioNode);
        other.Bind(_context);
        other.EnableBusMaster();
        _device.Attach(_ioas);
        other.Attach(_ioas);
        _ioas.Map(_memory.Address, Page, MapAccess.ReadWrite, s_at);
        VfioRegion registers = other.GetRegion(0);
        registers.Write(0x100, s_at.Value);
        registers.Write(0x108, 4096u);
        Assert.Equal((4096u, 4096u), (registers.Read<uint>(0x108), Open(s_at, 4096)));
        other.Reset();
        Assert.Equal(4096u, _registers.Read<uint>(0x108));
        Assert.Equal(Done, Move(s_at, 8, WithInterrupt));
        Assert.Equal((0x100u, 0u), (_registers.Read<uint>(0x24), registers.Read<uint>(0x24)));
        registers.Write(0x108, 4096u);
        other.Dispose();
        Assert.Equal(Page, _ioas.Unmap(s_at, Page)); // told to both, of which one is closed
        Assert.Equal(WindowLost, _registers.Read<uint>(0x24) & WindowLost);
    }

    private uint Open(Iova first, uint length)
    {
        _registers.Write(0x100, first.Value);
        _registers.Write(0x108, length);
        return _registers.Read<uint>(0x108);
    }

    private ulong Moves() => _registers.Read<ulong>(0x110);

    private void Start(Iova memory, uint count, ulong command) => Start(_registers, memory, count, command);

    private uint Wait() => Wait(_registers);

    private uint Move(Iova memory, uint count, ulong command = 0) => Move(_registers, memory, count, command);

    private static uint Move(VfioRegion registers, Iova memory, uint count, ulong command)
    {
        Start(registers, memory, count, command);
        return Wait(registers);
    }

    private static void Start(VfioRegion registers, Iova memory, uint count, ulong command)
    {
        bool toMemory = (command & ToMemory) != 0;
        registers.Write(0x80, toMemory ? Buffer : memory.Value);
        registers.Write(0x88, toMemory ? memory.Value : Buffer);
        registers.Write(0x90, (ulong)count);
        registers.Write(0x98, command | 1);
    }

    private static uint Wait(VfioRegion registers)
    {
        Until.True(() => (registers.Read<ulong>(0x98) & 1) == 0);
        return registers.Read<uint>(0x118);
    }
}
