using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Web.Lessons;

/// <summary>A VFIO device, an mdev and a vDPA device use one address space of one /dev/iommu.</summary>
internal sealed class ConsumersLesson : Lesson
{
    private static readonly Iova s_at = new(0x10_0000), s_ring = new(0x20_0000);

    private readonly byte[] _content = DemoBytes.Of(1);
    private DemoBoard? _board;
    private DemoDevice? _engine;
    private MdevPart? _mdev;
    private DiskPart? _disk;
    private Ioas? _ioas;
    private UserMemory? _memory;
    private uint? _functionHwpt, _mdevHwpt, _diskHwpt;
    private bool _isMapped, _runs;
    private string? _name;

    internal override string Name => "consumers";

    internal override string Title => "One address space for VFIO, mdev and vDPA";

    internal override string About => "Three kinds of device share the mappings of one IOAS. One unmap takes them from "
        + "all three.";

    internal override MachineDescription Description => DiskPart.With(MdevPart.Description);

    internal override IReadOnlyList<LessonStep> Steps =>
    [
        new("A VFIO device is bound and attached",
            """
            ioctl(function, VFIO_DEVICE_BIND_IOMMUFD, &bind);
            ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc);
            ioctl(function, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
            """,
            """
            function.Bind(context);
            Ioas ioas = context.AllocateIoas();
            function.Attach(ioas);
            """,
            () =>
            {
                _board = new DemoBoard(Machine, "dmatest", LocksMemory);
                _engine = new DemoDevice(_board.Device);
                _ioas = _board.Context.AllocateIoas();
                _functionHwpt = _board.Device.Attach(_ioas);
            },
            () => $"{_board!.Model.Requester}, a whole PCI function, is device {_board.Device.Id}. HWPT "
                + $"{_functionHwpt} is "
                + $"the page table of IOAS {_ioas!.Id} for it.")
        { Walk = () => Walk(_board!.Model.Requester.ToString()) },
        new("An mdev is created, bound and attached",
            $"""
            echo {MdevPart.Uuid} > .../dmatest-1ch/create
            ioctl(mdev, VFIO_DEVICE_BIND_IOMMUFD, &bind);
            ioctl(mdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach); // the same IOAS
            """,
            """
            mdev.Bind(context);
            mdev.Attach(ioas);
            """,
            () =>
            {
                _mdev = new MdevPart(Machine);
                _mdev.Create();
                _mdev.Open(_board!.Nodes, _board.Context);
                _mdevHwpt = _mdev.Device.Attach(_ioas!);
            },
            () => $"A channel of {MdevPart.Parent} is device {_mdev!.Device.Id} of the same context, by HWPT "
                + $"{_mdevHwpt}. "
                + "The calls are the same.")
        { Walk = () => Walk(MdevPart.Uuid) },
        new("A vDPA device is bound and attached",
            """
            struct vhost_vdpa_set_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommu };
            ioctl(disk, VHOST_VDPA_SET_IOMMU_FD, &bind);
            struct vdpa_device_attach_iommufd_as attach = {
                .argsz = sizeof(attach), .pt_id = alloc.out_ioas_id, .asid = 0 };
            ioctl(disk, VDPA_DEVICE_ATTACH_IOMMUFD_AS, &attach);
            """,
            """
            disk.Bind(context);
            disk.Attach(ioas);
            """,
            () =>
            {
                _disk = new DiskPart(_board!.Nodes);
                _disk.Device.Bind(_board.Context);
                _diskHwpt = _disk.Device.Attach(_ioas!);
            },
            () => $"The disk is device {_disk!.Device.Id}, by HWPT {_diskHwpt}. Linux has no such ioctls: there a vDPA "
                + "device has an IOTLB of its own, and memory is mapped and pinned once more for it."),
        new("Map memory once",
            "ioctl(iommu, IOMMU_IOAS_MAP, &map);",
            """
            ioas.Map(memory, at: new Iova(0x100000));
            ioas.Map(ring, at: new Iova(0x200000));
            """,
            () =>
            {
                _memory = _board!.Nodes.Allocate(DemoDevice.BufferSize);
                _memory.CopyFrom(0, _content);
                _ioas!.Map(_memory, at: s_at);
                _ioas.Map(_disk!.Ring, at: s_ring);
                _isMapped = true;
            },
            () => $"IOVA {s_at} leads to {_memory!.Address} for all three. The page is pinned once, and charged once.")
        { Walk = () => Walk(MdevPart.Uuid) },
        new("All three use it",
            """
            // function and mdev: read 0x100000
            // disk: write its name to 0x100000
            """,
            """
            function.ReadMemory(new Iova(0x100000));
            mdev.ReadMemory(new Iova(0x100000));
            ring.Offer(header, new Buffer(0x100000, 20, isWritten: true), status);
            """,
            () =>
            {
                Must(_engine!.ReadMemory(s_at) == FaultReason.None
                    && _engine.Buffer.AsSpan().SequenceEqual(_content), "the function reads the page");
                Must(_mdev!.Engine.ReadMemory(s_at) == FaultReason.None
                    && _mdev.Engine.Buffer.AsSpan().SequenceEqual(_content), "the mdev reads the page");
                _disk!.Negotiate();
                _disk.Run(s_ring);
                _runs = true;
                Must(_disk.Ask(s_ring, s_at) == DiskPart.Ok, "the disk answers");
                _name = DiskPart.NameIn(_memory!);
            },
            () => $"Function and mdev read the page, and the disk wrote \"{_name}\" into it.")
        { Walk = () => Walk(_board!.Model.Requester.ToString()) },
        new("One unmap stops all three",
            "ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap);",
            "ioas.Unmap(new Iova(0x100000), 4096);",
            () =>
            {
                _ioas!.Unmap(s_at, _memory!.Length);
                _isMapped = false;
                Must(_engine!.ReadMemory(s_at) == FaultReason.NotMapped, "the function is refused");
                Must(_mdev!.Engine.ReadMemory(s_at) == FaultReason.NotMapped, "the mdev is refused");
                Must(_disk!.Ask(s_ring, s_at) != DiskPart.Ok, "the disk is refused");
            },
            () => "When the call returned, none of them reached the page. Each was refused, and the unit recorded "
                + "three "
                + "faults: that is what one interface for all consumers gives.")
        { Walk = () => Walk(_board!.Model.Requester.ToString()) },
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
        function = new
        {
            address = _board?.Model.Requester.ToString(),
            node = _board?.Model.VfioNode,
            devid = _board?.Device.Id,
            hwpt = _functionHwpt,
        },
        mdev = new
        {
            uuid = _mdev?.Exists == true ? MdevPart.Uuid : null,
            parent = MdevPart.Parent,
            type = MdevPart.Type,
            node = _mdev?.Node,
            devid = _mdev?.DeviceId,
            hwpt = _mdevHwpt,
        },
        vdpa = new
        {
            name = DiskPart.Name,
            node = _disk is null ? null : "/dev/vhost-vdpa-0",
            devid = _disk?.Device.Id is > 0 and var id ? (uint?)id : null,
            hwpt = _diskHwpt,
            runs = _runs,
            answer = _name,
        },
    };

    public override void Dispose()
    {
        _disk?.Dispose();
        _mdev?.Dispose();
        _ioas?.Dispose();
        _board?.Dispose();
    }

    private static LessonWalk Walk(string device) => new(device, null, s_at.ToString(), false);
}
