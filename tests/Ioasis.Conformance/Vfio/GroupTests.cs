using System.Globalization;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Conformance.Vfio;

/// <summary>
/// /dev/vfio/N with /dev/iommu as the container: devices as programs took them before each had a node.
/// </summary>
public sealed class GroupTests : UapiTest
{
    private const VfioGroupStates Viable = VfioGroupStates.Viable, ContainerSet = VfioGroupStates.ContainerSet;
    private readonly IommuContext _context;
    private readonly VfioNode _node;
    private readonly int _number;

    public GroupTests()
    {
        _context = OpenContext();
        _node = EduNode;
        // The group that has the function: links are not read here, lists are.
        _number = Nodes.List("/sys/kernel/iommu_groups").Select(n => int.Parse(n, CultureInfo.InvariantCulture))
            .First(n => Nodes.List($"/sys/kernel/iommu_groups/{n}/devices").Contains(_node.Requester.ToString()));
    }

    [Fact]
    public void A_group_is_opened_once_at_a_time()
    {
        VfioGroup group = OpenGroup();
        Assert.Equal(Errno.EBUSY, Nodes.TryOpen($"/dev/vfio/{_number}", out _));
        group.Dispose();
        OpenGroup();
    }

    [Fact]
    public void A_group_has_a_container_or_none_and_is_viable_unless_another_has_its_DMA()
    {
        VfioGroup group = OpenGroup();
        Assert.Equal(Viable, group.GetStatus());
        Fails(Errno.EINVAL, group.Handle.Ioctl(VFIO_GROUP_UNSET_CONTAINER, 0));
        group.SetContainer(_context);
        Assert.Equal(Viable | ContainerSet, group.GetStatus());
        Fails(Errno.EINVAL, group.TrySetContainer(_context.Handle.Descriptor));
        Fails(Errno.EINVAL, group.TrySetContainer(group.Handle.Descriptor));
        Succeeds(group.Handle.Ioctl(VFIO_GROUP_UNSET_CONTAINER, Nowhere));
        Assert.Equal(Viable, group.GetStatus());

        // It can be given back and forth, and a device that was handed out keeps what it has.
        group.SetContainer(_context);
        Own(group.OpenDevice(_node.Requester)).GetInfo();
        Succeeds(group.Handle.Ioctl(VFIO_GROUP_UNSET_CONTAINER, 0));
        Assert.Equal(VfioGroupStates.None, group.GetStatus());
        Fails(Errno.EINVAL, group.TryOpenDevice(_node.Requester.ToString()));
    }

    [Fact]
    public void A_container_gets_an_IOAS_if_it_has_none_and_keeps_it()
    {
        VfioGroup group = OpenGroup();
        Fails(Errno.ENODEV, Compat(IommufdH.IOMMU_VFIO_IOAS_GET, out _));
        group.SetContainer(_context);
        Succeeds(Compat(IommufdH.IOMMU_VFIO_IOAS_GET, out uint first));
        Succeeds(group.Handle.Ioctl(VFIO_GROUP_UNSET_CONTAINER, 0));
        group.SetContainer(_context);
        Succeeds(Compat(IommufdH.IOMMU_VFIO_IOAS_GET, out uint second));
        Assert.Equal(first, second);
        Assert.Equal(first + 1, _context.AllocateIoas().Id);
        Succeeds(_context.TryDestroy(first)); // it is as one that the program made
        Fails(Errno.ENODEV, group.TryOpenDevice(_node.Requester.ToString()));
        Assert.Equal(Viable | ContainerSet, group.GetStatus()); // and nobody has its DMA
    }

    [Fact]
    public void Bad_requests_are_refused_and_nothing_changed()
    {
        VfioGroup group = OpenGroup();
        NodeHandle handle = group.Handle;
        Fails(Errno.EFAULT, handle.Ioctl(VFIO_GROUP_GET_STATUS, Nowhere));
        var status = new VfioGroupStatus { Argsz = 7 };
        Fails(Errno.EINVAL, group.TryIoctl(VFIO_GROUP_GET_STATUS, ref status));
        Fails(Errno.EFAULT, handle.Ioctl(VFIO_GROUP_SET_CONTAINER, Nowhere));
        Fails(Errno.EBADF, group.TrySetContainer(-1));
        Fails(Errno.EBADF, group.TrySetContainer(1 << 20));
        Fails(Errno.EBADFD, group.TrySetContainer(handle.Descriptor));
        Fails(Errno.EBADFD, group.TrySetContainer(Own(Nodes.CreateEvent()).Descriptor));
        foreach (uint unknown in (uint[])[VFIO_GET_API_VERSION, VFIO_DEVICE_GET_INFO, 0x3bff, 0x1234])
            Fails(Errno.ENOTTY, handle.Ioctl(unknown, Nowhere));
        Assert.Equal(Viable, group.GetStatus());

        string name = _node.Requester.ToString();
        Fails(Errno.EINVAL, group.TryOpenDevice(name)); // no container
        group.SetContainer(_context);
        Fails(Errno.EFAULT, handle.Ioctl(VFIO_GROUP_GET_DEVICE_FD, Nowhere));
        foreach (string wrong in (string[])["", "edu", name[..^1], name + "0", name + ",", "ffff:00:00.0"])
            Fails(Errno.ENODEV, group.TryOpenDevice(wrong));
        foreach (string wrong in (
            string[])[name + " x", name + " vf_token=", name + " vf_token=bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"])
            Fails(Errno.EINVAL, group.TryOpenDevice(wrong));
        Fails(Errno.EINVAL, group.TryIoctl(VFIO_GROUP_GET_DEVICE_FD, [.. Enumerable.Repeat((byte)'0', 4096)]));
        UserMemory page = Pages(1);
        page.CopyFrom(Page - 4, "0000"u8);
        Fails(Errno.EFAULT, handle.Ioctl(VFIO_GROUP_GET_DEVICE_FD, page.Address.Value + Page - 4));
    }

    [Fact]
    public void A_device_comes_bound_and_attached_and_stays_so()
    {
        VfioGroup group = OpenGroup();
        group.SetContainer(_context);
        VfioDevice device = Own(group.OpenDevice(_node.Requester));
        Assert.Equal(9u, device.GetInfo().Raw.NumRegions);
        var bind = new VfioDeviceBindIommufd { Argsz = 24, Iommufd = _context.Handle.Descriptor };
        Fails(Errno.EINVAL, device.TryIoctl(VFIO_DEVICE_BIND_IOMMUFD, ref bind));
        foreach (uint command in (uint[])[VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO_DEVICE_DETACH_IOMMUFD_PT])
        {
            Fails(Errno.ENOTTY, device.Handle.Ioctl(command, Nowhere));
            Fails(Errno.ENOTTY, device.TryIoctl(command, new byte[64]));
        }

        group.Dispose(); // the device needs neither the group's file nor the context's
        _context.Dispose();
        device.GetInfo();
    }

    [Fact]
    public void A_device_that_is_open_is_given_once_more()
    {
        VfioGroup group = OpenGroup();
        group.SetContainer(_context);
        VfioDevice first = Own(group.OpenDevice(_node.Requester)), second = Own(group.OpenDevice(_node.Requester));
        Assert.NotEqual(first.Handle.Descriptor, second.Handle.Descriptor);
        first.EnableBusMaster();
        Assert.NotEqual(0, Command(second) & PciRegs.PCI_COMMAND_MASTER);
        first.Dispose();
        Assert.NotEqual(0, Command(second) & PciRegs.PCI_COMMAND_MASTER); // no reset as long as one is open
        Succeeds(group.Handle.Ioctl(VFIO_GROUP_UNSET_CONTAINER, 0));
        Fails(Errno.EINVAL, group.TryOpenDevice(_node.Requester.ToString()));
        group.SetContainer(_context);
        second.Dispose();
        Assert.Equal(0, Command(Own(group.OpenDevice(_node.Requester))) & PciRegs.PCI_COMMAND_MASTER);

        static ushort Command(VfioDevice device) =>
            device.GetRegion(VFIO_PCI_CONFIG_REGION_INDEX).Read<ushort>(PciRegs.PCI_COMMAND);
    }

    /// <summary>With VFIO's own container it does: tests/Clients/second_file.c.</summary>
    [Fact]
    public void With_an_iommufd_a_device_does_not_keep_its_group_open()
    {
        VfioGroup group = OpenGroup();
        group.SetContainer(_context);
        VfioDevice device = Own(group.OpenDevice(_node.Requester));
        group.Dispose();
        group = OpenGroup();
        VfioDevice node = Open(_node);
        Fails(Errno.EBUSY, () => node.Bind(OpenContext()));
        device.Dispose();
        group.Dispose();
        node.Bind(OpenContext());
    }

    [Fact]
    public void Nodes_of_devices_and_of_groups_keep_each_other_out()
    {
        VfioGroup group = OpenGroup();
        VfioDevice device = Open(_node);
        Fails(Errno.EBUSY, () => device.Bind(_context));
        group.Dispose();
        device.Bind(_context);
        Assert.Equal(Errno.EBUSY, Nodes.TryOpen($"/dev/vfio/{_number}", out _));
        device.Dispose();
        OpenGroup();
    }

    [Fact]
    public void A_failed_bind_does_not_keep_the_group_out()
    {
        VfioDevice device = Open(_node);
        var bind = new VfioDeviceBindIommufd { Argsz = 24, Iommufd = device.Handle.Descriptor };
        Fails(Errno.EBADFD, device.TryIoctl(VFIO_DEVICE_BIND_IOMMUFD, ref bind));
        OpenGroup();
    }

    [Fact]
    public void A_device_is_attached_to_what_the_container_maps()
    {
        const int length = 2000;
        VfioGroup group = OpenGroup();
        group.SetContainer(_context);
        Succeeds(_context.Handle.Ioctl(VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
        VfioDevice device = Own(group.OpenDevice(_node.Requester));
        UserMemory memory = Pages(4);
        var map = new VfioIommuType1DmaMap
        {
            Argsz = 32,
            Flags = 3,
            Vaddr = memory.Address.Value,
            Iova = 0x10000,
            Size = 4 * Page
        };
        Succeeds(_context.TryIoctl(VFIO_IOMMU_MAP_DMA, ref map));
        var engine = new EduEngine(device);
        byte[] bytes = Pattern(length, 5);
        memory.CopyFrom(0, bytes);
        engine.Fetch(At(0x10000), length);
        engine.Store(At(0x12000), length);
        Assert.Equal(bytes, memory.ToArray(2 * Page, length));
        var unmap = new VfioIommuType1DmaUnmap { Argsz = 24, Iova = 0x11000, Size = Page };
        Succeeds(_context.TryIoctl(VFIO_IOMMU_UNMAP_DMA, ref unmap));
        engine.Store(At(0x11000), length);
        engine.Store(At(0x13000), length);
        Assert.Equal(new byte[length], memory.ToArray(Page, length));
        Assert.Equal(bytes, memory.ToArray(3 * Page, length));
    }

    [Fact]
    public void A_device_is_refused_where_its_IOAS_maps_what_it_reserves()
    {
        VfioGroup group = OpenGroup();
        group.SetContainer(_context);
        UserMemory memory = Pages(1);
        var map = new VfioIommuType1DmaMap
        {
            Argsz = 32,
            Flags = 3,
            Vaddr = memory.Address.Value,
            Iova = 0xfee00000,
            Size = Page
        };
        Succeeds(_context.TryIoctl(VFIO_IOMMU_MAP_DMA, ref map));
        Fails(Errno.EADDRINUSE, group.TryOpenDevice(_node.Requester.ToString()));
        var unmap = new VfioIommuType1DmaUnmap { Argsz = 24, Iova = 0xfee00000, Size = Page };
        Succeeds(_context.TryIoctl(VFIO_IOMMU_UNMAP_DMA, ref unmap));
        Own(group.OpenDevice(_node.Requester)).GetInfo();
    }

    [Fact]
    public void A_hot_reset_is_told_in_groups()
    {
        VfioGroup group = OpenGroup();
        group.SetContainer(_context);
        VfioDevice device = Own(group.OpenDevice(_node.Requester));
        var bytes = new byte[64];
        bytes[0] = (byte)bytes.Length;
        SysResult told = device.TryIoctl(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, bytes);
        if (told.Errno == Errno.ENODEV) Assert.Skip("The slot of this edu cannot be reset.");
        Succeeds(told);
        Assert.Equal(0u, MemoryMarshal.Read<VfioPciHotResetInfo>(bytes).Flags);
        Assert.Equal((uint)_number, MemoryMarshal.Read<VfioPciDependentDevice>(bytes.AsSpan(12)).GroupId);
        Fails(Errno.EINVAL, Reset());
        Fails(Errno.EINVAL, Reset(group.Handle.Descriptor, group.Handle.Descriptor));
        Fails(Errno.EBADF, Reset(-1));
        Fails(Errno.EINVAL, Reset(_context.Handle.Descriptor));
        Succeeds(Reset(group.Handle.Descriptor));

        SysResult Reset(params int[] groups)
        {
            int[] argument = [12 + (4 * groups.Length), 0, groups.Length, .. groups];
            return device.TryIoctl(VFIO_DEVICE_PCI_HOT_RESET, MemoryMarshal.AsBytes(argument.AsSpan()));
        }
    }

    private VfioGroup OpenGroup() => Own(VfioGroup.Open(Nodes, _number));

    private SysResult Compat(ushort operation, out uint id)
    {
        var arguments = new IommuVfioIoas { Size = 12, Op = operation };
        SysResult result = _context.TryIoctl(IommufdH.IOMMU_VFIO_IOAS, ref arguments);
        id = arguments.IoasId;
        return result;
    }
}
