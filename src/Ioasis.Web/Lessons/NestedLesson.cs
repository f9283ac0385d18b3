using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Web.Lessons;

/// <summary>What <c>ioasis demo nested</c> shows: a guest's own tables above what its host maps.</summary>
internal sealed class NestedLesson : Lesson
{
    private const ulong GuestLength = 4 << 20, Data = 2 << 20, At = 0x1000, Missing = 0x5000, Outside = 0x3000;

    private readonly byte[] _content = DemoBytes.Of(1), _changed = DemoBytes.Of(2);
    private DemoBoard? _board;
    private DemoDevice? _device;
    private DemoGuest? _guest;
    private FaultQueue? _faults;
    private ulong? _root;
    private NestedHwpt? _nested;
    private bool _hasLeaf; // a look at a leaf makes the tables above it
    private string? _request, _invalidated;

    internal override string Name => "nested";

    internal override string Title => "Two stages";

    internal override string About => "A guest's tables translate a device's addresses, and the host's translate what "
        + "the guest takes for memory.";

    internal override IReadOnlyList<LessonStep> Steps =>
    [
        new("Open the nodes and bind the device",
            """
            int iommu = open("/dev/iommu", O_RDWR);
            int device = open("/dev/vfio/devices/vfio1", O_RDWR);
            ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
            """,
            "device.Bind(context);",
            () =>
            {
                _board = new DemoBoard(Machine, "dmatest", LocksMemory);
                _device = new DemoDevice(_board.Device);
            },
            () => $"{_board!.Model.Requester} is device {_board.Device.Id} of the context."),
        new("The second stage: map the guest's memory",
            """
            ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc);
            struct iommu_ioas_map_file map = {
                .size = sizeof(map), .ioas_id = alloc.out_ioas_id, .fd = guest_memory, .length = 4 << 20,
                .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE };
            ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map);
            struct iommu_hwpt_alloc parent = {
                .size = sizeof(parent), .dev_id = bind.out_devid, .pt_id = alloc.out_ioas_id,
                .flags = IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_PASID };
            ioctl(iommu, IOMMU_HWPT_ALLOC, &parent);
            """,
            """
            Ioas ioas = context.AllocateIoas();
            ioas.MapFile(memory, 0, 4 << 20, at: Iova.Zero);
            Hwpt parent = context.AllocateHwpt(device, ioas, HwptOptions.NestParent | HwptOptions.Pasid);
            """,
            () => _guest = new DemoGuest(_board!, GuestLength),
            () => $"IOAS {_guest!.Ioas.Id} maps guest-physical 0x0 to 0x{GuestLength - 1:x} to "
                + $"{_guest.Memory.Address}. "
                + $"HWPT {_guest.Parent.Id} is its page table, made to be the parent of nested ones."),
        new("The first stage: the guest's own table",
            """
            // table: where the root is, and how many bits it translates, in the form of the unit's kind
            struct iommu_hwpt_alloc nested = {
                .size = sizeof(nested), .dev_id = bind.out_devid, .pt_id = parent.out_hwpt_id,
                .data_type = kind, .data_uptr = (uintptr_t)&table, .data_len = sizeof(table) };
            ioctl(iommu, IOMMU_HWPT_ALLOC, &nested);
            attach.pt_id = nested.out_hwpt_id;
            ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
            """,
            """
            NestedHwpt nested = context.AllocateNestedHwpt(device, parent, X86FirstStage.At(root),
                HwptOptions.Pasid, faults);
            device.Attach(nested);
            """,
            () =>
            {
                _root = _guest!.NewPage();
                _faults = _board!.Context.AllocateFaultQueue();
                _nested = _guest.Nest(_root.Value, _faults);
                _board.Device.Attach(_nested);
                Must(_device!.ReadMemory(new Iova(At)) == FaultReason.NotMapped, "an empty table translates nothing");
            },
            () => $"HWPT {_nested!.Id} walks the guest's table of 4 levels, whose root is at guest-physical "
                + $"0x{_root:x}. "
                + "The table is empty: the first read was refused, not present in the first stage.")
        { Walk = () => Walk(At) },
        new("The guest writes an entry, and the device reads through both stages",
            """
            // in the guest: a page-table entry, present, writable, user
            *(uint64_t *)(table + index * 8) = 0x200000 | 0x7;
            """,
            """
            guest.SetLeaf(root, 0x1000, 0x200000);
            engine.ReadMemory(new Iova(0x1000));
            """,
            () =>
            {
                _guest!.Memory.CopyFrom(Data, _content);
                _guest.SetLeaf(_root!.Value, At, Data);
                _hasLeaf = true;
                Must(_device!.ReadMemory(new Iova(At)) == FaultReason.None
                    && _device.Buffer.AsSpan().SequenceEqual(_content), "the bytes arrive");
            },
            () => $"No call was made: the guest wrote an entry into its own memory. IOVA 0x{At:x} leads through it to "
                + $"guest-physical 0x{Data:x}, and through HWPT {_guest!.Parent.Id} to memory. The unit has set the "
                + "bit A: "
                + $"the entry is 0x{Leaf(At):x} now. The address of each entry was guest-physical too, so the second "
                + "stage "
                + "was walked for each of the four levels.")
        { Walk = () => Walk(At) },
        new("An entry leads out of the guest's memory",
            "*(uint64_t *)(table + index * 8) = 0x400000 | 0x7; // the guest has 4 MiB",
            """
            guest.SetLeaf(root, 0x3000, 0x400000);
            engine.ReadMemory(new Iova(0x3000));
            """,
            () =>
            {
                _guest!.SetLeaf(_root!.Value, Outside, GuestLength);
                Must(_device!.ReadMemory(new Iova(Outside)) == FaultReason.NotMapped, "the second stage refuses it");
            },
            () => $"The guest may write into its entries what it likes. Guest-physical 0x{GuestLength:x} is none of "
                + "its "
                + "memory, so the second stage refused the read.")
        { Walk = () => Walk(Outside) },
        new("The device asks for a page that is missing",
            """
            struct iommu_hwpt_pgfault fault;
            read(fault_fd, &fault, sizeof(fault));
            *(uint64_t *)(table + index * 8) = 0x200000 | 0x7;
            struct iommu_hwpt_page_response answer = { .cookie = fault.cookie, .code = IOMMUFD_PAGE_RESP_SUCCESS };
            write(fault_fd, &answer, sizeof(answer));
            """,
            """
            engine.Begin(new Iova(0x5000), toDevice: true, requestPages: true);
            PageFault request = faults.Read(timeout)[0];
            guest.SetLeaf(root, 0x5000, 0x200000);
            faults.Respond(request.Cookie, PageResponse.Success);
            """,
            AskForPage,
            () => $"{_request}. The guest wrote the entry, the answer was success, and the read went on where it "
                + "stopped.")
        { Walk = () => Walk(Missing) },
        new("The guest changes an entry, and invalidates nothing",
            "*(uint64_t *)(table + index * 8) = 0x201000 | 0x7;",
            """
            guest.SetLeaf(root, 0x1000, 0x201000);
            engine.ReadMemory(new Iova(0x1000));
            """,
            () =>
            {
                _guest!.Memory.CopyFrom(Data + DemoGuest.Page, _changed);
                _guest.SetLeaf(_root!.Value, At, Data + DemoGuest.Page);
                Must(_device!.ReadMemory(new Iova(At)) == FaultReason.None
                    && _device.Buffer.AsSpan().SequenceEqual(_content), "the old page is still used");
            },
            () => $"The entry in memory is 0x{Leaf(At):x} now. The unit had kept the old translation, and the device "
                + "read "
                + $"the page at 0x{Data:x} again. Hardware may do that until it is told to forget.")
        { Walk = () => Walk(At) },
        new("HWPT_INVALIDATE",
            """
            // entry: one page at 0x1000, leaves alone, in the form of the unit's kind
            struct iommu_hwpt_invalidate call = {
                .size = sizeof(call), .hwpt_id = nested.out_hwpt_id, .data_uptr = (uintptr_t)&entry,
                .data_type = kind, .entry_len = sizeof(entry), .entry_num = 1 };
            ioctl(iommu, IOMMU_HWPT_INVALIDATE, &call);
            """,
            """
            nested.Invalidate(X86FirstStage.Pages(0x1000, 1, leafOnly: true));
            engine.ReadMemory(new Iova(0x1000));
            """,
            () =>
            {
                _nested!.Invalidate(X86FirstStage.Pages(At, 1, leafOnly: true));
                _invalidated = $"0x{At:x}";
                Must(_device!.ReadMemory(new Iova(At)) == FaultReason.None
                    && _device.Buffer.AsSpan().SequenceEqual(_changed), "the new page is used");
            },
            () => "When the call returned, nothing used the old translation any more. The device read the page at "
                + $"0x{Data + DemoGuest.Page:x}.")
        { Walk = () => Walk(At) },
        new("The host takes the guest's memory away",
            "ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap); // all of it",
            """
            ioas.UnmapAll();
            engine.ReadMemory(new Iova(0x1000));
            """,
            () =>
            {
                Must(_guest!.Ioas.UnmapAll() == GuestLength, "all of it is unmapped");
                Must(_device!.ReadMemory(new Iova(At)) == FaultReason.NotMapped, "nothing is translated any more");
            },
            () => "The guest's table still stands in its memory, but the unit cannot read it: the second stage leads "
                + "nowhere. The host needs no help of the guest for that.")
        { Walk = () => Walk(At) },
    ];

    internal override object Picture => new
    {
        kind = "nested",
        unit = _board?.Unit.Name,
        device = _board?.Model.Requester.ToString(),
        ioas = _guest?.Ioas.Id,
        parent = _guest?.Parent.Id,
        guestLast = _guest is null ? null : $"0x{GuestLength - 1:x}",
        memory = _guest?.Memory.Address.ToString(),
        nested = _nested?.Id,
        root = _root is { } root ? $"0x{root:x}" : null,
        iova = $"0x{At:x}",
        leaf = _hasLeaf ? $"0x{Leaf(At):x16}" : null,
        faults = _faults?.Id,
        request = _request,
        invalidated = _invalidated,
    };

    public override void Dispose()
    {
        _faults?.Dispose();
        _guest?.Dispose();
        _board?.Dispose();
    }

    private void AskForPage()
    {
        _device!.Begin(new Iova(Missing), toDevice: true, requestPages: true);
        IReadOnlyList<PageFault> asked = [];
        DemoPatience.Until(
            () => _device.IsIdle | (asked = _faults!.Read(TimeSpan.FromMilliseconds(1))).Count > 0, "a page request");
        Must(asked.Count == 1, "the device asks for one page");
        PageFault request = asked[0];
        _request = $"device {request.DeviceId} asks for 0x{request.Address.Value:x}, cookie {request.Cookie}";
        _guest!.SetLeaf(_root!.Value, Missing, Data);
        _faults!.Respond(request.Cookie, PageResponse.Success);
        Must(_device.End() == FaultReason.None && _device.Buffer.AsSpan().SequenceEqual(_content), "the bytes arrive");
    }

    private ulong Leaf(ulong iova) => _guest!.Leaf(_root!.Value, iova);

    private LessonWalk Walk(ulong address) => new(_board!.Model.Requester.ToString(), null, $"0x{address:x}", false);
}
