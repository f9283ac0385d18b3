using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Vfio;

/// <summary>VFIO_DEVICE_BIND_IOMMUFD, and what is refused before it.</summary>
public sealed class BindTests : UapiTest
{
    private readonly IommuContext _context;
    private readonly VfioDevice _device;

    public BindTests()
    {
        _context = OpenContext();
        _device = Open(EduNode);
    }

    public static TheoryData<uint> OtherIoctls =>
    [
        VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT, VfioH.VFIO_DEVICE_GET_INFO,
        VfioH.VFIO_DEVICE_GET_REGION_INFO, VfioH.VFIO_DEVICE_GET_IRQ_INFO, VfioH.VFIO_DEVICE_SET_IRQS,
        VfioH.VFIO_DEVICE_RESET,
        VfioH.VFIO_DEVICE_FEATURE, VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, VfioH.VFIO_DEVICE_PCI_HOT_RESET,
        VfioH.VFIO_DEVICE_IOEVENTFD,
        VfioH.VFIO_GET_API_VERSION, 0x3bfe,
    ];

    [Theory, MemberData(nameof(OtherIoctls))]
    public void Before_a_bind_every_other_ioctl_is_EINVAL(uint command)
    {
        Fails(Errno.EINVAL, _device.TryIoctl(command, new byte[64]));
        Fails(Errno.EINVAL, _device.Handle.Ioctl(command, Nowhere));
    }

    [Fact]
    public void Before_a_bind_reads_writes_and_maps_are_EINVAL()
    {
        UserMemory memory = Pages(1);
        // wherever its regions stand, these are among them
        foreach (ulong offset in (ulong[])[1ul << 40, 7ul << 40])
        {
            Fails(Errno.EINVAL, _device.Handle.Read(offset, memory.Address, 4));
            Fails(Errno.EINVAL, _device.Handle.Write(offset, memory.Address, 4));
            Assert.Equal(Errno.EINVAL,
                _device.Handle.TryMap(offset, Page, shared: true, readable: true, writable: true,
                    executable: false, out _));
        }
    }

    /// <summary>Neither device of the suite has virtual functions or is one.</summary>
    [Fact]
    public void A_token_where_there_is_nothing_to_share_is_refused()
    {
        Fails(Errno.EINVAL, () => _device.Bind(_context, Guid.NewGuid()));
        _device.Bind(_context);
        Fails(Errno.ENOTTY, () => _device.SetVfToken(Guid.NewGuid()));
    }

    [Fact]
    public void A_device_is_bound_once_whoever_asks()
    {
        _device.Bind(_context);
        Assert.Equal(1u, _device.Id);
        Fails(Errno.EINVAL, () => _device.Bind(_context));
        VfioDevice second = Open(EduNode);
        Fails(Errno.EINVAL, () => second.Bind(_context));
        IommuContext other = OpenContext();
        Fails(Errno.EINVAL, () => second.Bind(other));
        Assert.Equal(1u, other.AllocateIoas().Id);
        Assert.Equal(2u, _context.AllocateIoas().Id);
        Fails(Errno.EINVAL, () => second.GetInfo());
        _ = _device.GetInfo();
    }

    [Fact]
    public void A_close_gives_the_device_back()
    {
        _device.Bind(_context);
        Ioas ioas = _context.AllocateIoas();
        _device.Attach(ioas);
        VfioDevice second = Open(EduNode);
        Fails(Errno.EINVAL, () => second.Bind(_context));
        _device.Dispose();
        second.Bind(_context);
        Assert.Equal(1u, second.Id); // the ID was given back
        ioas.Destroy(); // nobody uses it any more
        second.Dispose();
        OpenBound(EduNode, OpenContext());
    }

    [Fact]
    public void A_bound_device_keeps_its_context_when_that_is_closed_first()
    {
        _device.Bind(_context);
        Ioas ioas = _context.AllocateIoas();
        _device.Attach(ioas);
        _context.Handle.Dispose();
        _device.Detach();
        Fails(Errno.ENOENT, Attach(NoId));
        Succeeds(Attach(ioas.Id));
        _device.Dispose();
        OpenBound(EduNode, OpenContext());
    }

    [Fact]
    public void Bad_requests_are_refused_and_leave_the_device_free()
    {
        int fd = _context.Handle.Descriptor;
        int notIommufd = Own(Nodes.CreateEvent()).Descriptor;
        Fails(Errno.EINVAL, Bind(new VfioDeviceBindIommufd { Argsz = 24, Iommufd = -1 }));
        Fails(Errno.EINVAL, Bind(new VfioDeviceBindIommufd { Argsz = 24, Iommufd = int.MinValue }));
        Fails(Errno.EBADF, Bind(new VfioDeviceBindIommufd { Argsz = 24, Iommufd = 1 << 20 }));
        Fails(Errno.EBADFD, Bind(new VfioDeviceBindIommufd { Argsz = 24, Iommufd = notIommufd }));
        Fails(Errno.EBADFD, Bind(new VfioDeviceBindIommufd { Argsz = 24, Iommufd = _device.Handle.Descriptor }));
        Fails(Errno.EINVAL, Bind(new VfioDeviceBindIommufd { Argsz = 24, Iommufd = fd, Flags = 2 }));
        Fails(Errno.EINVAL, Bind(new VfioDeviceBindIommufd { Argsz = 24, Iommufd = fd, Flags = 0x80000000 }));
        Fails(Errno.EFAULT, Bind(new VfioDeviceBindIommufd
        {
            Argsz = 24,
            Iommufd = fd,
            Flags = VfioH.VFIO_DEVICE_BIND_FLAG_TOKEN,
            TokenUuidPtr = Nowhere,
        }));
        Fails(Errno.EINVAL, Bind(new VfioDeviceBindIommufd // a token is for functions that share one
        {
            Argsz = 24,
            Iommufd = fd,
            Flags = VfioH.VFIO_DEVICE_BIND_FLAG_TOKEN,
            TokenUuidPtr = Pages(1).Address.Value,
        }));
        Assert.Equal(1u, _context.AllocateIoas().Id);
        _device.Bind(_context);
    }

    [Fact]
    public void Its_struct_keeps_to_the_rules_of_size()
    {
        var arguments = new byte[4096];
        BitConverter.TryWriteBytes(arguments.AsSpan(8), _context.Handle.Descriptor);
        foreach (int size in (int[])[0, 4, 15])
        {
            BitConverter.TryWriteBytes(arguments, size);
            Fails(Errno.EINVAL, _device.TryIoctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, arguments));
        }

        BitConverter.TryWriteBytes(arguments, 32);
        arguments[31] = 1;
        Fails(Errno.E2BIG, _device.TryIoctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, arguments));
        arguments[31] = 0;
        Fails(Errno.EFAULT, _device.Handle.Ioctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, Nowhere));
        UserMemory page = Pages(1);
        page.CopyFrom(Page - 16, arguments.AsSpan(0, 16));
        Fails(Errno.EFAULT, _device.Handle.Ioctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, page.Address.Value + Page - 16));
        Assert.Equal(1u, _context.AllocateIoas().Id);
        BitConverter.TryWriteBytes(arguments, 4096);
        Succeeds(_device.TryIoctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, arguments));
        Assert.Equal(2, BitConverter.ToInt32(arguments.AsSpan(12)));
    }

    [Fact]
    public void The_least_struct_is_enough()
    {
        var arguments = new byte[16];
        BitConverter.TryWriteBytes(arguments, 16);
        BitConverter.TryWriteBytes(arguments.AsSpan(8), _context.Handle.Descriptor);
        Succeeds(_device.TryIoctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, arguments));
    }

    private SysResult Bind(VfioDeviceBindIommufd arguments) =>
        _device.TryIoctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, ref arguments);

    private SysResult Attach(uint id)
    {
        var arguments = new VfioDeviceAttachIommufdPt { Argsz = Size<VfioDeviceAttachIommufdPt>(), PtId = id };
        return _device.TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref arguments);
    }
}
