using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Vfio;

/// <summary>Regions by pread, pwrite and mmap; configuration space.</summary>
public sealed class RegionTests : UapiTest
{
    private const ulong Liveness = 0x04;
    private const uint Identification = 0x010000ed;
    private readonly VfioDevice _device;
    private readonly VfioRegion _bar;
    private readonly VfioRegion _config;

    public RegionTests()
    {
        _device = OpenBound(EduNode, OpenContext());
        _bar = _device.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
        _config = _device.GetRegion(VfioH.VFIO_PCI_CONFIG_REGION_INDEX);
        _device.EnableBusMaster();
    }

    [Fact]
    public void A_BAR_is_read_and_written_and_registers_act_at_once()
    {
        Assert.Equal(Identification, _bar.Read<uint>(0));
        _bar.Write(Liveness, 0x12345678u);
        Assert.Equal(~0x12345678u, _bar.Read<uint>(Liveness));
    }

    [Fact]
    public void A_mapped_BAR_is_the_same_bytes()
    {
        using MappedRegion mapped = _bar.Map();
        Assert.Equal(1ul << 20, mapped.Length);
        Assert.Equal(Identification, mapped.Read<uint>(0));
        mapped.Write(Liveness, 0x0badcafeu);
        Until(() => mapped.Read<uint>(Liveness) == ~0x0badcafeu, "the card is alive");
        Assert.Equal(~0x0badcafeu, _bar.Read<uint>(Liveness));
        using MappedRegion page = _bar.Map(0, Page);
        Assert.Equal(Identification, page.Read<uint>(0));
    }

    /// <summary>Where BAR 0 is on every Linux, and programs map it without asking.</summary>
    [Fact]
    public void BAR_0_can_be_mapped_at_the_beginning_of_the_file()
    {
        Assert.Equal(Errno.None,
            _device.Handle.TryMap(0, Page, shared: true, readable: true, writable: true,
                executable: false, out MappedRegion? mapped));
        Own(mapped!);
        Assert.Equal(Identification, mapped!.Read<uint>(0));
        mapped.Write(Liveness, 0x0badcafeu);
        Until(() => mapped.Read<uint>(Liveness) == ~0x0badcafeu, "the card is alive");
        Assert.Equal(~0x0badcafeu, _bar.Read<uint>(Liveness));
    }

    [Fact]
    public void Configuration_space_is_at_7_shifted_by_40_bits()
    {
        UserMemory memory = Pages(1);
        Assert.Equal(SysResult.Ok(4), _device.Handle.Read(7ul << 40, memory.Address, 4));
        Assert.Equal(0x11e81234u, memory.Read<uint>(0));
    }

    [Fact]
    public void A_mapping_outlives_the_descriptor_and_keeps_the_device()
    {
        MappedRegion mapped = Own(_bar.Map(0, Page));
        _device.Dispose();
        Assert.Equal(Identification, mapped.Read<uint>(0));
        VfioDevice second = Open(EduNode);
        IommuContext context = OpenContext();
        Fails(Errno.EINVAL, () => second.Bind(context));
        mapped.Dispose();
        second.Bind(context);
    }

    [Fact]
    public void Accesses_beyond_a_region_are_refused_or_cut()
    {
        UserMemory memory = Pages(1);
        Fails(Errno.EINVAL, _device.Handle.Read(Bar0 + _bar.Size, memory.Address, 4));
        Fails(Errno.EINVAL, _device.Handle.Write(Bar0 + _bar.Size, memory.Address, 4));
        Assert.Equal(SysResult.Ok(4), _device.Handle.Read(Bar0 + _bar.Size - 4, memory.Address, 8));
        Fails(Errno.EINVAL, _device.Handle.Read(1ul << 40, memory.Address, 4)); // no such BAR
        Fails(Errno.EINVAL, _device.Handle.Read(10ul << 40, memory.Address, 4)); // no such region
        Fails(Errno.EINVAL, _device.Handle.Read(8ul << 40, memory.Address, 4)); // no VGA
        Fails(Errno.EFAULT, _device.Handle.Read(_config.Raw.Offset + _config.Size, memory.Address, 4));
        Fails(Errno.EFAULT, _device.Handle.Read(_config.Raw.Offset + _config.Size - 2, memory.Address, 4));
        Fails(Errno.EFAULT, _device.Handle.Write(_config.Raw.Offset + _config.Size - 2, memory.Address, 4));
        Assert.Equal(SysResult.Ok(), _device.Handle.Read(Bar0, memory.Address, 0));
        Assert.Equal(SysResult.Ok(), _device.Handle.Write(Bar0, new(Nowhere), 0));
    }

    [Fact]
    public void Buffers_that_are_not_there_are_EFAULT()
    {
        Fails(Errno.EFAULT, _device.Handle.Read(Bar0, new(Nowhere), 4));
        Fails(Errno.EFAULT, _device.Handle.Write(Bar0 + Liveness, new(Nowhere), 4));
        Fails(Errno.EFAULT, _device.Handle.Read(_config.Raw.Offset, new(Nowhere), 4));
        Fails(Errno.EFAULT, _device.Handle.Write(_config.Raw.Offset + PciRegs.PCI_COMMAND, new(Nowhere), 2));
    }

    [Fact]
    public void While_memory_is_switched_off_a_BAR_is_EIO()
    {
        ushort command = _config.Read<ushort>(PciRegs.PCI_COMMAND);
        _config.Write(PciRegs.PCI_COMMAND, (ushort)(command & ~PciRegs.PCI_COMMAND_MEMORY));
        Fails(Errno.EIO, () => _bar.Read<uint>(0));
        Fails(Errno.EIO, () => _bar.Write(Liveness, 1u));
        _config.Write(PciRegs.PCI_COMMAND, command);
        Assert.Equal(Identification, _bar.Read<uint>(0));
    }

    [Fact]
    public void Only_shared_mappings_within_BARs_are_allowed()
    {
        Assert.Equal(Errno.EINVAL, Map(Bar0, Page, shared: false));
        Assert.Equal(Errno.EINVAL, Map(Bar0 + _bar.Size, Page));
        Assert.Equal(Errno.EINVAL, Map(Bar0, _bar.Size + Page));
        Assert.Equal(Errno.EINVAL, Map(Bar0 + _bar.Size - Page, 2 * Page));
        Assert.Equal(Errno.EINVAL, Map(1ul << 40, Page));
        Assert.Equal(Errno.EINVAL, Map(6ul << 40, Page));
        Assert.Equal(Errno.EINVAL, Map(_config.Raw.Offset, Page));
        Assert.Equal(Errno.EINVAL, Map(8ul << 40, Page));
        Assert.Equal(Errno.EINVAL, Map(10ul << 40, Page));
        Assert.Equal(Errno.None, Map(Bar0 + _bar.Size - Page, Page));
    }

    [Fact]
    public void Configuration_space_tells_the_identity_in_accesses_of_any_width()
    {
        Assert.Equal(0x11e81234u, _config.Read<uint>(PciRegs.PCI_VENDOR_ID));
        Assert.Equal((ushort)0x11e8, _config.Read<ushort>(PciRegs.PCI_DEVICE_ID));
        Assert.Equal((byte)0x11, _config.Read<byte>(PciRegs.PCI_DEVICE_ID + 1));
        var whole = new byte[64];
        _config.Read(0, whole);
        Assert.Equal([0x34, 0x12, 0xe8, 0x11], whole[..4]);
        var odd = new byte[7];
        _config.Read(1, odd);
        Assert.Equal(whole[1..4], odd[..3]);
    }

    [Fact]
    public void Read_only_fields_of_configuration_space_stay_as_they_are()
    {
        _config.Write(PciRegs.PCI_VENDOR_ID, 0xffffffffu);
        Assert.Equal(0x11e81234u, _config.Read<uint>(PciRegs.PCI_VENDOR_ID));
        uint revision = _config.Read<uint>(PciRegs.PCI_CLASS_REVISION);
        _config.Write(PciRegs.PCI_CLASS_REVISION, ~revision);
        Assert.Equal(revision, _config.Read<uint>(PciRegs.PCI_CLASS_REVISION));
        _config.Write(PciRegs.PCI_INTERRUPT_PIN, (byte)0xfe);
        Assert.Equal(1, _config.Read<byte>(PciRegs.PCI_INTERRUPT_PIN));
    }

    [Fact]
    public void Writable_fields_of_configuration_space_hold_their_value()
    {
        foreach (byte line in (byte[])[0x5a, 0xa5])
        {
            _config.Write(PciRegs.PCI_INTERRUPT_LINE, line);
            Assert.Equal(line, _config.Read<byte>(PciRegs.PCI_INTERRUPT_LINE));
        }

        _device.EnableBusMaster(false);
        Assert.Equal(0, _config.Read<ushort>(PciRegs.PCI_COMMAND) & PciRegs.PCI_COMMAND_MASTER);
        _device.EnableBusMaster();
        Assert.NotEqual(0, _config.Read<ushort>(PciRegs.PCI_COMMAND) & PciRegs.PCI_COMMAND_MASTER);
    }

    [Fact]
    public void A_BAR_tells_its_size_when_ones_are_written()
    {
        uint bar = _config.Read<uint>(PciRegs.PCI_BASE_ADDRESS_0);
        _config.Write(PciRegs.PCI_BASE_ADDRESS_0, uint.MaxValue);
        Assert.Equal(0xfff00000u, _config.Read<uint>(PciRegs.PCI_BASE_ADDRESS_0));
        _config.Write(PciRegs.PCI_BASE_ADDRESS_0, bar);
        Assert.Equal(bar, _config.Read<uint>(PciRegs.PCI_BASE_ADDRESS_0));
        Assert.Equal(Identification, _bar.Read<uint>(0));
        _config.Write(PciRegs.PCI_BASE_ADDRESS_1, uint.MaxValue);
        Assert.Equal(0u, _config.Read<uint>(PciRegs.PCI_BASE_ADDRESS_1));
    }

    private ulong Bar0 => _bar.Raw.Offset;

    private Errno Map(ulong offset, ulong length, bool shared = true)
    {
        Errno errno = _device.Handle.TryMap(offset, length, shared, readable: true, writable: true, executable: false,
            out MappedRegion? region);
        region?.Dispose();
        return errno;
    }
}
