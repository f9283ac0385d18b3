using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Vfio;

/// <summary>VFIO_DEVICE_GET_INFO, GET_REGION_INFO, GET_IRQ_INFO, RESET and FEATURE.</summary>
public sealed class DeviceInfoTests : UapiTest
{
    private readonly IommuContext _context;
    private readonly VfioDevice _device;

    public DeviceInfoTests()
    {
        _context = OpenContext();
        _device = OpenBound(EduNode, _context);
    }

    [Fact]
    public void A_PCI_device_has_9_regions_and_5_kinds_of_interrupts()
    {
        VfioDeviceInfo info = _device.GetInfo().Raw;
        Assert.Equal(VfioH.VFIO_DEVICE_FLAGS_PCI, info.Flags & ~VfioH.VFIO_DEVICE_FLAGS_RESET);
        Assert.Equal(VfioH.VFIO_PCI_NUM_REGIONS, info.NumRegions);
        Assert.Equal(VfioH.VFIO_PCI_NUM_IRQS, info.NumIrqs);
        Assert.Equal(0u, info.CapOffset);
    }

    [Theory]
    [InlineData(VfioH.VFIO_DEVICE_GET_INFO, 16)]
    [InlineData(VfioH.VFIO_DEVICE_GET_REGION_INFO, 32)]
    [InlineData(VfioH.VFIO_DEVICE_GET_IRQ_INFO, 16)]
    [InlineData(VfioH.VFIO_DEVICE_FEATURE, 8)]
    [InlineData(VfioH.VFIO_DEVICE_SET_IRQS, 20)]
    public void Structs_keep_to_the_rules_of_size(uint command, int least)
    {
        foreach (int size in (int[])[0, 4, least - 1])
        {
            var arguments = new byte[64];
            BitConverter.TryWriteBytes(arguments, size);
            Fails(Errno.EINVAL, _device.TryIoctl(command, arguments));
        }

        Fails(Errno.EFAULT, _device.Handle.Ioctl(command, 0));
        Fails(Errno.EFAULT, _device.Handle.Ioctl(command, Nowhere));
        UserMemory page = Pages(1);
        page.Write(Page - 4, 4096);
        Fails(Errno.EFAULT, _device.Handle.Ioctl(command, page.Address.Value + Page - 4));
    }

    [Fact]
    public void A_longer_struct_of_information_is_taken_whatever_follows()
    {
        foreach (uint command in (uint[])[VfioH.VFIO_DEVICE_GET_INFO, VfioH.VFIO_DEVICE_GET_REGION_INFO,
            VfioH.VFIO_DEVICE_GET_IRQ_INFO])
        {
            byte[] arguments = [.. Enumerable.Repeat((byte)0x5a, 128)];
            BitConverter.TryWriteBytes(arguments, 128);
            arguments.AsSpan(8, 4).Clear(); // the index
            Succeeds(_device.TryIoctl(command, arguments));
            Assert.Equal(0x5a, arguments[127]);
        }
    }

    [Fact]
    public void Region_i_begins_at_i_shifted_by_40_bits()
    {
        VfioRegion[] regions = [.. Enumerable.Range(0, 8).Select(i => _device.GetRegion((uint)i))];
        for (uint index = 0; index < 8; index++)
        {
            Assert.Equal(index, regions[index].Raw.Index);
            if (index != 0) Assert.Equal((ulong)index << 40, regions[index].Raw.Offset);
        }

        const uint readWrite = VfioH.VFIO_REGION_INFO_FLAG_READ | VfioH.VFIO_REGION_INFO_FLAG_WRITE;
        VfioRegion bar = _device.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
        Assert.Equal(1ul << 20, bar.Size);
        Assert.Equal(readWrite | VfioH.VFIO_REGION_INFO_FLAG_MMAP, bar.Raw.Flags);
        VfioRegion config = _device.GetRegion(VfioH.VFIO_PCI_CONFIG_REGION_INDEX);
        Assert.Equal(readWrite, config.Raw.Flags);
        Assert.True(config.Size is 256 or 4096);
        VfioRegion none = _device.GetRegion(VfioH.VFIO_PCI_BAR1_REGION_INDEX);
        Assert.Equal((0ul, 0u), (none.Size, none.Raw.Flags));
        foreach (uint index in (uint[])[VfioH.VFIO_PCI_VGA_REGION_INDEX, VfioH.VFIO_PCI_NUM_REGIONS, uint.MaxValue])
            Fails(Errno.EINVAL, () => _device.GetRegion(index));
    }

    [Fact]
    public void Interrupts_tell_their_count_and_what_can_be_done()
    {
        VfioIrqInfo intx = _device.GetInterrupt(VfioH.VFIO_PCI_INTX_IRQ_INDEX).Raw;
        Assert.Equal(1u, intx.Count);
        Assert.Equal(VfioH.VFIO_IRQ_INFO_EVENTFD | VfioH.VFIO_IRQ_INFO_MASKABLE | VfioH.VFIO_IRQ_INFO_AUTOMASKED,
            intx.Flags);
        VfioIrqInfo msi = _device.GetInterrupt(VfioH.VFIO_PCI_MSI_IRQ_INDEX).Raw;
        Assert.Equal(1u, msi.Count);
        Assert.Equal(VfioH.VFIO_IRQ_INFO_EVENTFD | VfioH.VFIO_IRQ_INFO_NORESIZE, msi.Flags);
        Assert.Equal(0u, _device.GetInterrupt(VfioH.VFIO_PCI_MSIX_IRQ_INDEX).Count);
        Fails(Errno.EINVAL, () => _device.GetInterrupt(VfioH.VFIO_PCI_ERR_IRQ_INDEX)); // not PCI Express
        Assert.Equal(1u, _device.GetInterrupt(VfioH.VFIO_PCI_REQ_IRQ_INDEX).Count);
        Fails(Errno.EINVAL, () => _device.GetInterrupt(VfioH.VFIO_PCI_NUM_IRQS));
        Fails(Errno.EINVAL, () => _device.GetInterrupt(uint.MaxValue));
    }

    [Fact]
    public void Unknown_numbers_are_ENOTTY()
    {
        foreach (uint number in (uint[])[VfioH.VFIO_GET_API_VERSION, 0x3b7c, 0x3bff, IommufdH.IOMMU_IOAS_ALLOC, 0x1234])
            Fails(Errno.ENOTTY, _device.TryIoctl(number, new byte[64]));
    }

    [Fact]
    public void A_reset_sets_the_registers_back_and_is_EINVAL_on_a_device_that_has_none()
    {
        _device.EnableBusMaster();
        VfioRegion bar = _device.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
        bar.Write(0x04, 0x12345678u);
        if ((_device.GetInfo().Raw.Flags & VfioH.VFIO_DEVICE_FLAGS_RESET) == 0)
        {
            Fails(Errno.EINVAL, _device.Reset);
            Assert.Equal(~0x12345678u, bar.Read<uint>(0x04));
            return;
        }

        _device.Reset();
        Assert.Equal(0u, bar.Read<uint>(0x04));
    }

    [Fact]
    public void Features_are_probed_and_unknown_ones_are_ENOTTY()
    {
        const uint get = VfioH.VFIO_DEVICE_FEATURE_GET, set = VfioH.VFIO_DEVICE_FEATURE_SET,
            probe = VfioH.VFIO_DEVICE_FEATURE_PROBE;
        Fails(Errno.ENOTTY, Feature(get | VfioH.VFIO_DEVICE_FEATURE_MIGRATION, 16));
        Fails(Errno.ENOTTY, Feature(probe | get | VfioH.VFIO_DEVICE_FEATURE_MIGRATION, 8));
        Fails(Errno.ENOTTY, Feature(probe | get | set | VfioH.VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, 8));
        Fails(Errno.ENOTTY, Feature(probe | set | VfioH.VFIO_DEVICE_FEATURE_DMA_LOGGING_START, 8));
        Fails(Errno.ENOTTY, Feature(set | VfioH.VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, 8));
        Fails(Errno.ENOTTY, Feature(probe | get | VfioH.VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, 8));
        Fails(Errno.ENOTTY, Feature(get | VfioH.VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, 16));
        Fails(Errno.ENOTTY, Feature(probe | set | VfioH.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, 8));
        Fails(Errno.ENOTTY, Feature(probe | set | VfioH.VFIO_DEVICE_FEATURE_BUS_MASTER, 8));
        Fails(Errno.ENOTTY, Feature(get | 0xffff, 8));
        Fails(Errno.EINVAL, Feature(get | set | VfioH.VFIO_DEVICE_FEATURE_MIGRATION, 8));
        Fails(Errno.EINVAL, Feature(1u << 19 | get | VfioH.VFIO_DEVICE_FEATURE_MIGRATION, 8));
        Fails(Errno.EINVAL, Feature(get | VfioH.VFIO_DEVICE_FEATURE_MIGRATION, 7));
    }

    private SysResult Feature(uint flags, uint size)
    {
        var arguments = new byte[64];
        BitConverter.TryWriteBytes(arguments, size);
        BitConverter.TryWriteBytes(arguments.AsSpan(4), flags);
        return _device.TryIoctl(VfioH.VFIO_DEVICE_FEATURE, arguments);
    }
}
