using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Web.Lessons;

/// <summary>What <c>ioasis demo</c> shows: mappings, DMA in both directions, and accesses that are refused.</summary>
internal sealed class DmaLesson : Lesson
{
    private static readonly Iova s_source = new(0x10_0000), s_target = new(0x20_0000), s_nowhere = new(0x30_0000);

    private readonly byte[] _outward = DemoBytes.Of(1), _inward = DemoBytes.Of(2);
    private DemoBoard? _board;
    private DemoDevice? _device;
    private Ioas? _ioas;
    private uint? _hwpt;
    private UserMemory? _sourceMemory, _targetMemory;
    private bool _isTargetMapped;
    private (Iova Address, string Verdict)? _dma;

    internal override string Name => "dma";

    internal override string Title => "Map, DMA, fault";

    internal override string About => "A device reads and writes memory through an I/O address space, and is refused "
        + "where nothing is mapped.";

    internal override IReadOnlyList<LessonStep> Steps =>
    [
        new("Open the nodes and bind the device",
            """
            int iommu = open("/dev/iommu", O_RDWR);
            int device = open("/dev/vfio/devices/vfio1", O_RDWR);
            struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommu };
            ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
            """,
            """
            var context = IommuContext.Open(nodes);
            var device = VfioDevice.Open(nodes, address);
            device.Bind(context);
            device.EnableBusMaster();
            """,
            () =>
            {
                _board = new DemoBoard(Machine, "dmatest", LocksMemory);
                _device = new DemoDevice(_board.Device);
            },
            () => $"{_board!.Model.Requester} is device {_board.Device.Id} of the context now. Nobody else can have "
                + "its "
                + "group meanwhile. It is attached to nothing yet, so every access of it would be refused.")
        { Walk = () => Walk(s_source, false) },
        new("Allocate an I/O address space",
            """
            struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
            ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc);
            """,
            "Ioas ioas = context.AllocateIoas();",
            () => _ioas = _board!.Context.AllocateIoas(),
            () => $"IOAS {_ioas!.Id} is a set of mappings from I/O virtual addresses to memory. It is empty."),
        new("Attach the device",
            """
            struct vfio_device_attach_iommufd_pt attach = {
                .argsz = sizeof(attach), .pt_id = alloc.out_ioas_id };
            ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
            """,
            "uint hwpt = device.Attach(ioas);",
            () =>
            {
                _hwpt = _board!.Device.Attach(_ioas!);
                Must(_ioas!.GetIovaRanges()[0].Last == 0xfedf_ffff, "the window of interrupt messages is kept free");
            },
            () => $"The call made HWPT {_hwpt}, the page table of {_board!.Unit.Name} for IOAS {_ioas!.Id}. From now "
                + "on "
                + $"addresses {string.Join(" and ", _ioas.GetIovaRanges())} can be mapped: interrupt messages go to "
                + "the "
                + "gap between them.")
        { Walk = () => Walk(s_source, false) },
        new("Map two pages",
            """
            struct iommu_ioas_map map = {
                .size = sizeof(map), .ioas_id = alloc.out_ioas_id, .user_va = (uintptr_t)source,
                .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
                .iova = 0x100000, .length = 4096 };
            ioctl(iommu, IOMMU_IOAS_MAP, &map); // and target at 0x200000, also writeable
            """,
            """
            ioas.Map(source, MapAccess.Read, new Iova(0x100000));
            ioas.Map(target, MapAccess.ReadWrite, new Iova(0x200000));
            """,
            () =>
            {
                _sourceMemory = _board!.Nodes.Allocate(DemoDevice.BufferSize);
                _targetMemory = _board.Nodes.Allocate(DemoDevice.BufferSize);
                _sourceMemory.CopyFrom(0, _outward);
                _ioas!.Map(_sourceMemory, MapAccess.Read, s_source);
                _ioas.Map(_targetMemory, MapAccess.ReadWrite, s_target);
                _isTargetMapped = true;
            },
            () => $"IOVA {s_source} leads to the program's page at {_sourceMemory!.Address}, for reading. IOVA "
                + $"{s_target} leads to the page at {_targetMemory!.Address}, for both.")
        { Walk = () => Walk(s_source, false) },
        new("The device reads memory",
            """
            *(volatile uint64_t *)(bar0 + 0x00) = 0x100000;
            *(volatile uint32_t *)(bar0 + 0x10) = 4096;
            *(volatile uint32_t *)(bar0 + 0x08) = 3; // start, memory to device
            """,
            "engine.ReadMemory(new Iova(0x100000));",
            () =>
            {
                Dma(s_source, _device!.ReadMemory(s_source), FaultReason.None);
                Must(_device.Buffer.AsSpan().SequenceEqual(_outward), "the bytes of memory are in the device");
            },
            () => $"{_outward.Length} bytes went from memory into the device. No call of the program was under way: "
                + "the "
                + "device sent an address, and the IOMMU translated it.")
        { Walk = () => Walk(s_source, false) },
        new("The device writes memory",
            """
            *(volatile uint64_t *)(bar0 + 0x00) = 0x200000;
            *(volatile uint32_t *)(bar0 + 0x08) = 1; // start, device to memory
            """,
            "engine.WriteMemory(new Iova(0x200000));",
            () =>
            {
                _device!.Buffer = _inward;
                Dma(s_target, _device.WriteMemory(s_target), FaultReason.None);
                Must(DemoBytes.Hold(_targetMemory!, _inward), "the bytes of the device are in memory");
            },
            () => $"{_inward.Length} bytes of the device are at {_targetMemory!.Address}.")
        { Walk = () => Walk(s_target, true) },
        new("It writes what is mapped for reading alone",
            """
            *(volatile uint64_t *)(bar0 + 0x00) = 0x100000;
            *(volatile uint32_t *)(bar0 + 0x08) = 1; // start, device to memory
            """,
            "engine.WriteMemory(new Iova(0x100000));",
            () =>
            {
                Dma(s_source, _device!.WriteMemory(s_source), FaultReason.NoPermission);
                Must(DemoBytes.Hold(_sourceMemory!, _outward), "memory is as it was");
            },
            () => $"The mapping at {s_source} lacks the right to write. The access moved nothing, "
                + $"{_board!.Unit.Name} recorded fault {LastFault()}, and the device shows NoPermission.")
        { Walk = () => Walk(s_source, true) },
        new("It reads outside the map",
            """
            *(volatile uint64_t *)(bar0 + 0x00) = 0x300000;
            *(volatile uint32_t *)(bar0 + 0x08) = 3; // start, memory to device
            """,
            "engine.ReadMemory(new Iova(0x300000));",
            () => Dma(s_nowhere, _device!.ReadMemory(s_nowhere), FaultReason.NotMapped),
            () => $"Nothing is mapped at {s_nowhere}: fault {LastFault()}, NotMapped.")
        { Walk = () => Walk(s_nowhere, false) },
        new("Unmap the page, and let the device write there again",
            """
            struct iommu_ioas_unmap unmap = {
                .size = sizeof(unmap), .ioas_id = alloc.out_ioas_id, .iova = 0x200000, .length = 4096 };
            ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap);
            """,
            """
            ioas.Unmap(new Iova(0x200000), 4096);
            engine.WriteMemory(new Iova(0x200000));
            """,
            () =>
            {
                _targetMemory!.Clear();
                Must(_ioas!.Unmap(s_target, _targetMemory.Length) == _targetMemory.Length, "the page is unmapped");
                _isTargetMapped = false;
                Dma(s_target, _device!.WriteMemory(s_target), FaultReason.NotMapped);
                Must(DemoBytes.Hold(_targetMemory, new byte[DemoDevice.BufferSize]), "memory is as it was");
            },
            () => "When the call returns, no access uses the old translation any more, also not one that was under "
                + "way. "
                + $"The write was refused as fault {LastFault()}, and the page is the program's alone again.")
        { Walk = () => Walk(s_target, true) },
    ];

    internal override object Picture => new
    {
        kind = "dma",
        unit = _board?.Unit.Name,
        device = _board?.Model.Requester.ToString(),
        devid = _board?.Device.Id,
        ioas = _ioas?.Id,
        hwpt = _hwpt,
        maps = new[]
        {
            new
            {
                iova = s_source.ToString(),
                access = "r",
                address = _sourceMemory?.Address.ToString(),
                mapped = _sourceMemory is not null,
            },
            new
            {
                iova = s_target.ToString(),
                access = "rw",
                address = _targetMemory?.Address.ToString(),
                mapped = _isTargetMapped,
            },
        },
        dma = _dma is { } dma ? new { iova = dma.Address.ToString(), verdict = dma.Verdict } : null,
    };

    public override void Dispose()
    {
        _ioas?.Dispose();
        _board?.Dispose();
    }

    private void Dma(Iova address, FaultReason reason, FaultReason expected)
    {
        _dma = (address, reason == FaultReason.None ? "moved" : reason.ToString());
        Must(reason == expected, $"the device is told {expected}");
    }

    private long LastFault() => _board!.Unit.Faults.Snapshot()[^1].Sequence;

    private LessonWalk Walk(Iova address, bool write) =>
        new(_board!.Model.Requester.ToString(), null, address.ToString(), write);
}
