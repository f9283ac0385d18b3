using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Web.Lessons;

/// <summary>A virtio disk by the ioctls of vhost-vdpa, whose rings and buffers are behind an IOMMU.</summary>
internal sealed class VdpaLesson : Lesson
{
    private static readonly Iova s_ring = new(0x10_0000), s_data = new(0x20_0000);

    private NodeTransport? _nodes;
    private DiskPart? _disk;
    private UserMemory? _data;
    private bool _isRingMapped, _isDataMapped, _runs;
    private string? _name;

    internal override string Name => "vdpa";

    internal override string Title => "vDPA: a virtio device behind an IOMMU";

    internal override string About => "A program drives a virtio disk itself. Each ring and each buffer is at an I/O "
        + "virtual address that it mapped.";

    internal override MachineDescription Description => DiskPart.With(MachineDescription.Default);

    internal override IReadOnlyList<LessonStep> Steps =>
    [
        new("Open the node and own the device",
            """
            int device = open("/dev/vhost-vdpa-0", O_RDWR);
            ioctl(device, VHOST_SET_OWNER);
            ioctl(device, VHOST_VDPA_GET_DEVICE_ID, &id);
            """,
            """
            var device = VdpaDevice.Open(nodes, 0);
            device.SetOwner();
            uint id = device.GetDeviceId();
            """,
            () =>
            {
                _nodes = NodeTransport.InProcess(Machine, LocksMemory);
                _disk = new DiskPart(_nodes);
                Must(_disk.Device.GetDeviceId() == 2, "it is a disk");
            },
            () => "The device is a virtio disk (ID 2). Memory that is mapped from now on is that of its owner, this "
                + "process. No other program can open it meanwhile."),
        new("Negotiate features",
            """
            uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
            ioctl(device, VHOST_VDPA_SET_STATUS, &status);
            uint64_t features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM;
            ioctl(device, VHOST_SET_FEATURES, &features);
            status |= VIRTIO_CONFIG_S_FEATURES_OK;
            ioctl(device, VHOST_VDPA_SET_STATUS, &status);
            """,
            """
            device.SetStatus(Acknowledge | Driver);
            device.SetFeatures(Version1 | AccessPlatform);
            device.SetStatus(Acknowledge | Driver | FeaturesOk);
            """,
            () => _disk!.Negotiate(),
            () => "ACCESS_PLATFORM says that the device's addresses are translated. Without it SET_FEATURES is "
                + "EINVAL."),
        new("Map the queue and a buffer",
            """
            struct vhost_msg_v2 message = { .type = VHOST_IOTLB_MSG_V2, .iotlb = {
                .iova = 0x100000, .size = 4 * 4096, .uaddr = (uintptr_t)ring,
                .perm = VHOST_ACCESS_RW, .type = VHOST_IOTLB_UPDATE } };
            write(device, &message, sizeof(message)); // and the buffer at 0x200000
            """,
            """
            device.Map(new Iova(0x100000), ring);
            device.Map(new Iova(0x200000), buffer);
            """,
            () =>
            {
                _data = _nodes!.Allocate(4096);
                _disk!.Device.Map(s_ring, _disk.Ring);
                _disk.Device.Map(s_data, _data, MapAccess.Write);
                (_isRingMapped, _isDataMapped) = (true, true);
            },
            () => "The maps are messages, a write each. Behind them is an IOAS that the device's driver owns: IOVA "
                + $"{s_ring} leads to {_disk!.Ring.Address}, IOVA {s_data} to {_data!.Address}, for writing alone.")
        { Walk = () => Walk(s_data, true) },
        new("Set up the queue, and let the device run",
            """
            ioctl(device, VHOST_SET_VRING_NUM, &num);
            struct vhost_vring_addr rings = { .desc_user_addr = 0x100000,
                .avail_user_addr = 0x101000, .used_user_addr = 0x102000 };
            ioctl(device, VHOST_SET_VRING_ADDR, &rings);
            ioctl(device, VHOST_SET_VRING_KICK, &kick);
            ioctl(device, VHOST_VDPA_SET_VRING_ENABLE, &enable);
            status |= VIRTIO_CONFIG_S_DRIVER_OK;
            ioctl(device, VHOST_VDPA_SET_STATUS, &status);
            """,
            """
            VdpaQueue queue = device.GetQueue(0);
            queue.SetSize(16);
            queue.SetAddresses(new Iova(0x100000), new Iova(0x101000), new Iova(0x102000));
            queue.SetKick(kick);
            queue.Enable();
            device.SetStatus(Acknowledge | Driver | FeaturesOk | DriverOk);
            """,
            () =>
            {
                _disk!.Run(s_ring);
                _runs = true;
            },
            () => "The three addresses of the queue are IOVAs. The device reads the rings through the IOMMU as it "
                + "reads any buffer.")
        { Walk = () => Walk(s_ring, false) },
        new("Ask the disk for its name",
            """
            descriptors[1] = (struct vring_desc){ .addr = 0x200000, .len = 20, .flags = VRING_DESC_F_WRITE };
            avail->idx++;
            eventfd_write(kick_fd, 1);
            """,
            """
            ring.Offer(header, new Buffer(0x200000, 20, isWritten: true), status);
            kick.Signal();
            """,
            () =>
            {
                Must(_disk!.Ask(s_ring, s_data) == DiskPart.Ok, "the disk answers");
                _name = DiskPart.NameIn(_data!);
                Must(_name.Length != 0, "the name is in memory");
            },
            () => $"The disk took the request from its ring, wrote \"{_name}\" to IOVA {s_data}, and gave the request "
                + "back in the used ring.")
        { Walk = () => Walk(s_data, true) },
        new("Unmap the buffer, and ask again",
            """
            message.iotlb.type = VHOST_IOTLB_INVALIDATE;
            write(device, &message, sizeof(message));
            """,
            """
            device.Unmap(new Iova(0x200000), 4096);
            ring.Offer(header, new Buffer(0x200000, 20, isWritten: true), status);
            """,
            () =>
            {
                _disk!.Device.Unmap(s_data, 4096);
                _isDataMapped = false;
                _data!.Clear();
                Must(_disk.Ask(s_ring, s_data) != DiskPart.Ok, "the request fails");
                Must(_data.Read<byte>() == 0, "nothing was written");
            },
            () => "The request ended with an I/O error, and the unit recorded the fault. The queue still works: its "
                + "own mapping is there.")
        { Walk = () => Walk(s_data, true) },
        new("Close the device",
            "close(device);",
            "device.Dispose();",
            () =>
            {
                _disk!.Dispose();
                (_isRingMapped, _runs) = (false, false);
            },
            () => "Closing resets the device and unmaps everything. The node can be opened anew.")
        { Walk = () => Walk(s_ring, false) },
    ];

    private static LessonWalk Walk(Iova address, bool write) => new(DiskPart.Name, null, address.ToString(), write);

    internal override object Picture => new
    {
        kind = "consumers",
        unit = Machine.Units.First().Name,
        vdpa = new
        {
            name = DiskPart.Name,
            node = _disk is null ? null : "/dev/vhost-vdpa-0",
            runs = _runs,
            rings = _disk is null ? null : new
            {
                iova = s_ring.ToString(),
                address = _disk.Ring.Address.ToString(),
                mapped = _isRingMapped,
            },
            data = _data is null ? null : new
            {
                iova = s_data.ToString(),
                address = _data.Address.ToString(),
                mapped = _isDataMapped,
            },
            answer = _name,
        },
    };

    public override void Dispose()
    {
        _disk?.Dispose();
        _nodes?.Dispose();
    }
}
