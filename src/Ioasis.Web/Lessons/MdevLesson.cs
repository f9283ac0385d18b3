using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Web.Lessons;

/// <summary>A part of a device is created by its name in sysfs and driven as a device of its own.</summary>
internal sealed class MdevLesson : Lesson
{
    private static readonly Iova s_at = new(0x10_0000);

    private readonly byte[] _content = DemoBytes.Of(1);
    private MdevPart? _mdev;
    private NodeTransport? _nodes;
    private IommuContext? _context;
    private Ioas? _ioas;
    private uint? _hwpt;
    private UserMemory? _memory;
    private bool _isMapped, _isAttached;
    private string? _available;

    internal override string Name => "mdev";

    internal override string Title => "mdev: a part of a device";

    internal override string About => "A channel of a device becomes a VFIO device of its own, with an address space "
        + "of "
        + "its own.";

    internal override MachineDescription Description => MdevPart.Description;

    internal override IReadOnlyList<LessonStep> Steps =>
    [
        new("See what the device offers",
            "cat /sys/class/mdev_bus/1000:00:05.0/mdev_supported_types/dmatest-1ch/available_instances",
            "string available = nodes.ReadAttribute(type + \"/available_instances\");",
            () =>
            {
                _mdev = new MdevPart(Machine);
                _nodes = NodeTransport.InProcess(Machine, LocksMemory);
                _available = _mdev.ReadAvailable(_nodes);
                Must(_available == "2", "two of the type can be created");
            },
            () => $"{MdevPart.Parent} is a parent of mdevs. {_available} more of its type {MdevPart.Type} can be "
                + "created: "
                + "each would be one channel of the device."),
        new("Create one by its name",
            $"echo {MdevPart.Uuid} > /sys/class/mdev_bus/1000:00:05.0/mdev_supported_types/dmatest-1ch/create",
            $"File.WriteAllText(type + \"/create\", \"{MdevPart.Uuid}\");",
            () =>
            {
                _mdev!.Create();
                _available = _mdev.ReadAvailable(_nodes!);
                Must(_mdev.Exists && _available == "1", "there is one, and one less is left");
            },
            () => $"The write created {MdevPart.Uuid}. Its node is {_mdev!.Node}, and {_available} of the type is "
                + "left."),
        new("Bind it to a context",
            """
            int iommu = open("/dev/iommu", O_RDWR);
            int device = open(node_of_the_mdev, O_RDWR);
            ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
            """,
            """
            var context = IommuContext.Open(nodes);
            var device = VfioDevice.Open(nodes, node);
            device.Bind(context);
            """,
            () =>
            {
                _context = IommuContext.Open(_nodes!);
                _mdev!.Open(_nodes!, _context);
            },
            () => $"It is device {_mdev!.Device.Id} of the context. The host gave it a PASID that no program learns: "
                + "all "
                + "its requests carry that one."),
        new("Attach it to an address space",
            """
            ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc);
            attach.pt_id = alloc.out_ioas_id;
            ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
            """,
            """
            Ioas ioas = context.AllocateIoas();
            uint hwpt = device.Attach(ioas);
            """,
            () =>
            {
                _ioas = _context!.AllocateIoas();
                _hwpt = _mdev!.Device.Attach(_ioas);
                _isAttached = true;
            },
            () => $"The calls are those of a whole device. HWPT {_hwpt} translates for the mdev's PASID alone: the "
                + "parent "
                + "and its other parts have tables of their own.")
        { Walk = () => Walk(false) },
        new("Map a page, and let the mdev read it",
            """
            ioctl(iommu, IOMMU_IOAS_MAP, &map); // IOVA 0x100000
            *(volatile uint64_t *)(bar0 + 0x00) = 0x100000;
            *(volatile uint32_t *)(bar0 + 0x08) = 3; // start, memory to device
            """,
            """
            ioas.Map(memory, at: new Iova(0x100000));
            engine.ReadMemory(new Iova(0x100000));
            """,
            () =>
            {
                _memory = _nodes!.Allocate(DemoDevice.BufferSize);
                _memory.CopyFrom(0, _content);
                _ioas!.Map(_memory, at: s_at);
                _isMapped = true;
                Must(_mdev!.Engine.ReadMemory(s_at) == FaultReason.None
                    && _mdev.Engine.Buffer.AsSpan().SequenceEqual(_content), "the bytes arrive");
            },
            () => $"{_content.Length} bytes went from {_memory!.Address} into the channel, translated by the hidden "
                + "PASID.")
        { Walk = () => Walk(false) },
        new("Unmap the page, and let the mdev write there",
            "ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap);",
            """
            ioas.UnmapAll();
            engine.WriteMemory(new Iova(0x100000));
            """,
            () =>
            {
                _ioas!.UnmapAll();
                _isMapped = false;
                Must(_mdev!.Engine.WriteMemory(s_at) == FaultReason.NotMapped, "the write is refused");
            },
            () => $"The write was refused. The unit's record names the parent's address and the hidden PASID "
                + $"{Machine.Units.First().Faults.Snapshot()[^1].Pasid?.Value}: by it the host knows which part it "
                + "was.")
        { Walk = () => Walk(true) },
        new("Close it, and remove it",
            $"""
            close(device);
            echo 1 > /sys/bus/mdev/devices/{MdevPart.Uuid}/remove
            """,
            """
            device.Dispose();
            File.WriteAllText(mdev + "/remove", "1");
            """,
            () =>
            {
                _mdev!.Close();
                _isAttached = false;
                _mdev.Remove();
                _available = _mdev.ReadAvailable(_nodes!);
                Must(!_mdev.Exists && _available == "2", "it is gone");
            },
            () => $"Directory, links and node are gone, and its channel is free: {_available} can be created again."),
    ];

    internal override object Picture => new
    {
        kind = "consumers",
        unit = Machine.Units.First().Name,
        ioas = _ioas?.Id,
        maps = _memory is null ? null : new
        {
            iova = s_at.ToString(),
            address = _memory.Address.ToString(),
            mapped = _isMapped,
        },
        mdev = new
        {
            uuid = _mdev?.Exists == true ? MdevPart.Uuid : null,
            parent = MdevPart.Parent,
            type = MdevPart.Type,
            node = _mdev?.Node,
            devid = _mdev?.DeviceId,
            hwpt = _isAttached ? _hwpt : null,
        },
    };

    public override void Dispose()
    {
        _mdev?.Dispose();
        _context?.Dispose();
        _nodes?.Dispose();
    }

    private static LessonWalk Walk(bool write) => new(MdevPart.Uuid, null, s_at.ToString(), write);
}
