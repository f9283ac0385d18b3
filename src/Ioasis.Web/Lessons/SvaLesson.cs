using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Walks;
using Ioasis.Devices.Dsa;
using Ioasis.Machine.Description;
using Ioasis.Scenes;

namespace Ioasis.Web.Lessons;

/// <summary>
/// What <c>ioasis demo vsva</c> shows: processes of a guest share their address spaces with a device of the host.
/// </summary>
internal sealed class SvaLesson : Lesson
{
    private const ulong Source = VsvaScene.Source, Target = VsvaScene.Target, Fresh = VsvaScene.Fresh,
        Missing = Fresh + DemoGuest.Page;
    private const int Page = (int)DemoGuest.Page;

    private VsvaScene? _scene;
    private string? _request, _invalidated, _stale;
    private bool _hasDsa, _isDetached;

    internal override string Name => "sva";

    internal override string Title => "Shared virtual addressing for a guest";

    internal override string About => "Two processes of a guest hand a device their own pointers. A PASID says whose "
        + "page table each pointer belongs to.";

    internal override MachineDescription Description => VsvaScene.Machine;

    internal override IReadOnlyList<LessonStep> Steps =>
    [
        new("The host opens the nodes and binds the device",
            """
            int iommu = open("/dev/iommu", O_RDWR);
            int device = open("/dev/vfio/devices/vfio2", O_RDWR);
            ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
            """,
            "device.Bind(context);",
            () => _scene = VsvaScene.Begin(Machine, LocksMemory),
            () => $"The device is a DSA, which copies memory: {Board.Model.Requester}, device {Board.Device.Id} of the "
                + "VMM's context. Each descriptor that it takes names a PASID."),
        new("The second stage: the host maps the guest's memory",
            """
            ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc);
            ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map);      // guest-physical 0 on
            parent.flags = IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_PASID;
            ioctl(iommu, IOMMU_HWPT_ALLOC, &parent);
            """,
            """
            ioas.MapFile(memory, 0, length, at: Iova.Zero);
            Hwpt parent = context.AllocateHwpt(device, ioas, HwptOptions.NestParent | HwptOptions.Pasid);
            """,
            () => _scene!.AddGuest(),
            () => $"IOAS {Guest.Ioas.Id} maps guest-physical 0x0 to 0x{Guest.Memory.Length - 1:x} to "
                + $"{Guest.Memory.Address}. HWPT {Guest.Parent.Id} is the second stage that all processes share."),
        new("The guest starts two processes",
            """
            ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &queue); // the VMM's, for page requests
            // in the guest: each process has page tables of its own
            """,
            """
            FaultQueue faults = context.AllocateFaultQueue();
            process.Map(0x7f1234000000, pages: 3);
            """,
            () =>
            {
                _scene!.AddProcesses();
                Must(_scene.A.Follow(Source) != _scene.B.Follow(Source), "each process has pages of its own");
            },
            () => $"Process A has its root table (CR3) at guest-physical 0x{A.Cr3:x}, process B at 0x{B.Cr3:x}. The "
                + "same "
                + $"pointer 0x{Source:x} leads A to the page at 0x{A.Follow(Source):x} and B to the one at "
                + $"0x{B.Follow(Source):x}. No device knows these tables yet."),
        new("Bind each process's table to a PASID",
            """
            // table: CR3, and how many bits it translates, in the form of the unit's kind
            nested.flags = IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_FAULT_ID_VALID;
            ioctl(iommu, IOMMU_HWPT_ALLOC, &nested);
            struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach),
                .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = nested.out_hwpt_id, .pasid = 1 };
            ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
            """,
            """
            NestedHwpt table = context.AllocateNestedHwpt(device, parent, X86FirstStage.At(cr3),
                HwptOptions.Pasid, faults);
            device.Attach(table, new Pasid(1));
            """,
            () =>
            {
                foreach (DemoProcess process in _scene!.Both) process.Bind(Board.Device, _scene.Faults);
                foreach (DemoProcess process in _scene.Both)
                    Must(_scene.Walk(process, Source)[^1] is { IsFault: false, Stage: WalkStage.Second } end
                        && end.Address == process.Follow(Source), "the pointer is translated by its process's table");
            },
            () => $"PASID {A.Pasid.Value} is process A's table now, as HWPT {A.Bound!.Id}; PASID {B.Pasid.Value} is "
                + $"process B's, as HWPT {B.Bound!.Id}. Both lie on HWPT {Guest.Parent.Id}. The guest's tables are "
                + "used as "
                + "they are: nothing was copied, and what the guest writes there counts.")
        { Walk = () => Walk(A, Source) },
        new("The device copies between pointers of process A",
            """
            struct dsa_hw_desc copy = { .pasid = 1, .opcode = DSA_OPCODE_MEMMOVE,
                .src_addr = 0x7f1234000000, .dst_addr = 0x7f1234020000, .xfer_size = 3 * 4096 };
            pwrite(device, &copy, sizeof(copy), portal); // 64 bytes at once
            """,
            """
            dsa.Submit(processA, source: 0x7f1234000000, target: 0x7f1234020000, length: 3 * 4096, record);
            """,
            Copy,
            () => $"{VsvaScene.SourcePages * Page} bytes went from 0x{Source:x} to 0x{Target:x}. The program did not "
                + "map "
                + "anything for the device: its pointers were enough.")
        { Walk = () => Walk(A, Target, write: true) },
        new("A page is missing, and the device asks for it",
            """
            copy.flags |= IDXD_OP_FLAG_BOF; // block on fault
            pwrite(device, &copy, sizeof(copy), portal); // 64 bytes at once
            read(fault_fd, &fault, sizeof(fault));
            // the guest's handler provides the page and writes its entry
            write(fault_fd, &response, sizeof(response));
            """,
            """
            PageFault request = faults.Read(timeout)[0];
            process.Map(request.Address.Value);
            faults.Respond(request.Cookie, PageResponse.Success);
            """,
            Ask,
            () => $"{_request}. Each of the {VsvaScene.FreshPages - 1} missing pages came in the same way, and the "
                + "copy "
                + "went on where it had stopped. So memory need not be pinned for a device.")
        { Walk = () => Walk(A, Missing) },
        new("The guest unmaps a page, and invalidates nothing",
            "*pte = 0; // in the guest",
            "process.Unmap(0x7f1234002000);",
            () =>
            {
                const ulong Forgotten = Source + (2 * DemoGuest.Page);
                ulong former = A.Unmap(Forgotten);
                Must(_scene!.Copy(A, Forgotten, 1).IsSuccess, "the old translation is still used");
                _stale = $"0x{Forgotten:x} -> GPA 0x{former:x}";
            },
            () => $"The entry is gone from memory, but the copy went through: {_stale} was kept, by the device and by "
                + "the "
                + "unit. The guest owes them an invalidation before it gives the page to somebody else.")
        { Walk = () => Walk(A, Source + (2 * DemoGuest.Page)) },
        new("The guest invalidates, and the VMM passes that on",
            """
            // entry: one page at 0x7f1234002000, leaves alone, in the form of the unit's kind
            ioctl(iommu, IOMMU_HWPT_INVALIDATE, &call);
            """,
            "processA.Bound.Invalidate(X86FirstStage.Pages(0x7f1234002000, 1, leafOnly: true));",
            () =>
            {
                const ulong Forgotten = Source + (2 * DemoGuest.Page);
                A.Bound!.Invalidate(X86FirstStage.Pages(Forgotten, 1, leafOnly: true));
                (_invalidated, _stale) = ($"0x{Forgotten:x}", null);
                DsaCompletionRecord record = _scene!.Copy(A, Forgotten, 1);
                Must(record.Status == (byte)DsaStatus.PageFaultNobof && record.FaultAddr == Forgotten,
                    "the copy ends at the page");
            },
            () => $"When HWPT_INVALIDATE returned, neither unit nor device kept {_invalidated}. The same copy ended "
                + "there "
                + "with a page fault in its completion record.")
        { Walk = () => Walk(A, Source + (2 * DemoGuest.Page)) },
        new("Process B uses the same pointer",
            "copy.pasid = 2; // all else is the same",
            "dsa.Submit(processB, source: 0x7f1234000000, target: 0x7f1234020000, length: 4096, record);",
            () =>
            {
                byte[] ofA = DemoBytes.Of(4, Page), ofB = DemoBytes.Of(5, Page);
                A.Fill(Source, ofA);
                B.Fill(Source, ofB);
                foreach (DemoProcess process in _scene!.Both)
                    Must(_scene.Copy(process, Source, 1).IsSuccess, "both copies are done");
                Must(A.Holds(Target, ofA) && B.Holds(Target, ofB), "each has its own bytes");
            },
            () => $"Two descriptors that differ in the PASID alone: each copied its own process's bytes. For B, "
                + $"0x{Source:x} is guest-physical 0x{B.Follow(Source):x}.")
        { Walk = () => Walk(B, Source) },
        new("Detach PASID 2",
            """
            struct vfio_device_detach_iommufd_pt detach = {
                .argsz = sizeof(detach), .flags = VFIO_DEVICE_DETACH_PASID, .pasid = 2 };
            ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
            """,
            "device.Detach(new Pasid(2));",
            () =>
            {
                Board.Device.Detach(B.Pasid);
                _isDetached = true;
                _scene!.Dsa.Submit(B, Source, Target, Page, VsvaScene.Record);
                DemoPatience.Until(() => _scene.Dsa.SoftwareError is not null, "the error of a detached PASID");
                Must(_scene.Dsa.SoftwareError is (DsaStatus.CraXlat, var pasid) && pasid == B.Pasid.Value,
                    "the device reports PASID 2");
                Must(_scene.Copy(A, Source, 1).IsSuccess, "A's copies still work");
            },
            () => $"Nothing of B is in reach any more, not even the completion record: the device reports PASID "
                + $"{B.Pasid.Value} in SWERR. Process A is not disturbed.")
        { Walk = () => Walk(B, Source) },
    ];

    internal override object Picture => new
    {
        kind = "sva",
        unit = _scene?.Board.Unit.Name,
        device = _scene?.Board.Model.Requester.ToString(),
        ioas = _scene?.Guest?.Ioas.Id,
        parent = _scene?.Guest?.Parent.Id,
        guestLast = _scene?.Guest is { } guest ? $"0x{guest.Memory.Length - 1:x}" : null,
        memory = _scene?.Guest?.Memory.Address.ToString(),
        pointer = $"0x{Source:x}",
        faults = _scene?.Faults?.Id,
        processes = new[] { Shown("A", _scene?.A, false), Shown("B", _scene?.B, _isDetached) },
        request = _request,
        stale = _stale,
        invalidated = _invalidated,
    };

    private DemoBoard Board => _scene!.Board;

    private DemoGuest Guest => _scene!.Guest;

    private DemoProcess A => _scene!.A;

    private DemoProcess B => _scene!.B;

    public override void Dispose() => _scene?.Dispose();

    private static object Shown(string name, DemoProcess? process, bool isDetached) => new
    {
        name,
        cr3 = process is null ? null : $"0x{process.Cr3:x}",
        pte = process is null ? null : $"0x{process.Leaf(Source):x16}",
        gpa = process is null ? null : $"0x{process.Follow(Source):x}",
        pasid = process?.Bound is null ? null : (uint?)process.Pasid.Value,
        hwpt = process?.Bound?.Id,
        attached = process?.Bound is not null && !isDetached,
    };

    private void Copy()
    {
        if (!_hasDsa)
        {
            _scene!.AddDsa();
            _hasDsa = true;
        }

        byte[] content = DemoBytes.Of(1, VsvaScene.SourcePages * Page);
        A.Fill(Source, content);
        Must(_scene!.Copy(A, Source, VsvaScene.SourcePages).IsSuccess && A.Holds(Target, content),
            "all bytes arrive");
    }

    private void Ask()
    {
        byte[] content = DemoBytes.Of(2, VsvaScene.FreshPages * Page);
        A.Fill(Fresh, content.AsSpan(0, Page));
        (IReadOnlyList<PageFault> requests, DsaCompletionRecord record, _) = _scene!.CopyAsPagesCome(content);
        Must(requests.Count == VsvaScene.FreshPages - 1 && record.IsSuccess && A.Holds(Target, content),
            "the pages come and all bytes arrive");
        PageFault first = requests[0];
        _request = $"Device {first.DeviceId}, PASID {first.Pasid} asks for 0x{first.Address.Value:x}, cookie "
            + $"{first.Cookie}";
    }

    private LessonWalk Walk(DemoProcess process, ulong address, bool write = false) =>
        new(Board.Model.Requester.ToString(), process.Pasid.Value, $"0x{address:x}", write);
}
