using Ioasis.Abi;
using Ioasis.Cli.Verbs;
using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Units;
using Ioasis.Core.Walks;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Cli.Demo;

/// <summary>
/// <c>ioasis demo nested</c>: dual-stage translation on a machine within this process. The guest's tables are written
/// by hand. Every statement is checked, as in <see cref="DemoRun"/>.
/// </summary>
internal sealed class NestedDemo(DemoReport report)
{
    private const ulong GuestLength = 4 << 20, Data = 2 << 20; // guest-physical: tables below, data above

    /// <summary>Called with a step's number before the step. Tests make a step fail with it.</summary>
    internal Action<int, UserMemory, NestedHwpt>? BeforeStep { get; init; }

    /// <summary>Runs the demo on the console. Returns the exit code.</summary>
    internal static int ToConsole(bool json) =>
        DemoRun.OnConsole(json, report => new NestedDemo(report).Run(MachineDescription.Default));

    /// <summary>Runs the demo. Returns 0 if all checks hold, else 1.</summary>
    internal int Run(MachineDescription description) => report.Prove(description, Show,
    [
        "A guest's tables translated a device's addresses, and the IOAS below translated the tables' own.",
        "What either stage did not permit was refused.",
        "A missing page came after the device had asked for it.",
        "A change was in force when its invalidation returned.",
    ]);

    private void Show(SoftwareMachine machine)
    {
        report.Title("A guest's page tables, on what its host maps for it, all in this process.");
        using var board = new DemoBoard(machine, "dmatest");
        (MachineDevice model, IommuUnit unit) = (board.Model, board.Unit);
        var device = new DemoDevice(board.Device);

        report.Step("Stage 2 is an IOAS with the guest's memory, stage 1 is the guest's own");
        using var guest = new DemoGuest(board, GuestLength);
        ulong root = guest.NewPage();
        using FaultQueue faults = board.Context.AllocateFaultQueue();
        NestedHwpt nested = guest.Nest(root, faults);
        board.Device.Attach(nested);
        report.Say(
            $"IOAS {guest.Ioas.Id}: guest-physical 0x0-0x{GuestLength - 1:x}; nest parent HWPT {guest.Parent.Id}");
        report.Say($"nested HWPT {nested.Id}: 4 levels, their root at guest-physical 0x{root:x}; {model.Requester} is "
            + "attached to it");
        report.Check(Refused(unit, model, new Iova(0x1000), () => device.ReadMemory(new Iova(0x1000)),
                FaultReason.NotMapped, 0x71), "its tables are empty: SFS.2, not present");

        report.Step("Leaves of each size lead to the same page");
        BeforeStep?.Invoke(2, guest.Memory, nested);
        byte[] content = DemoBytes.Of(1);
        guest.Memory.CopyFrom(Data, content);
        foreach ((string size, ulong iova, ulong leaf, int level) in
            ((string, ulong, ulong, int)[])[("4 KiB", 0x1000, Data, 1), ("2 MiB", 0x4000_0000, Data, 2),
                ("1 GiB", 0x80_0000_0000 + Data, 0, 3)])
        {
            ulong entry = guest.SetLeaf(root, iova, leaf, level);
            bool arrived = device.ReadMemory(new Iova(iova)) == FaultReason.None
                && device.Buffer.AsSpan().SequenceEqual(content);
            report.Check(arrived, $"{size}: IOVA 0x{iova:x} -> entry 0x{entry:x} -> guest-physical 0x{Data:x}, "
                + $"{content.Length} bytes are in the device");
        }

        report.Step("Each stage checks permissions by itself");
        BeforeStep?.Invoke(3, guest.Memory, nested);
        guest.SetLeaf(root, 0x2000, Data, rights: DemoGuest.Present | DemoGuest.User);
        guest.SetLeaf(root, 0x3000, GuestLength);
        report.Check(Refused(unit, model, new Iova(0x2000), () => device.WriteMemory(new Iova(0x2000)),
                FaultReason.NoPermission, 0x85), "a leaf without R/W: SGN.6");
        report.Check(Refused(unit, model, new Iova(0x3000), () => device.ReadMemory(new Iova(0x3000)),
                FaultReason.NotMapped, 0x79), "the guest has no memory there: SSS.2");
        report.Check(DemoBytes.Hold(guest.Memory, content, Data), "memory is unchanged");

        report.Step("The device requests a missing page, and continues once it is there");
        BeforeStep?.Invoke(4, guest.Memory, nested);
        device.Begin(new Iova(0x5000), toDevice: true, requestPages: true);
        IReadOnlyList<PageFault> asked = [];
        DemoPatience.Until(() => device.IsIdle | (asked = faults.Read(TimeSpan.FromMilliseconds(1))).Count > 0,
            "a page request, or the end of the DMA");
        PageFault request = asked.Count == 1
            ? asked[0]
            : throw new InvalidOperationException($"{asked.Count} page requests came, not 1.");
        report.Check(request.Address == new Iova(0x5000) && request.DeviceId == board.Device.Id,
            $"fault queue {faults.Id}: device {request.DeviceId} requests 0x{request.Address.Value:x}, "
                + $"cookie {request.Cookie}");
        guest.SetLeaf(root, 0x5000, Data);
        faults.Respond(request.Cookie, PageResponse.Success);
        report.Check(device.End() == FaultReason.None && device.Buffer.AsSpan().SequenceEqual(content),
            "after the answer, the read completed with all bytes");

        report.Step("Without an invalidation a changed leaf reaches the old page; after it, the new one");
        BeforeStep?.Invoke(5, guest.Memory, nested);
        byte[] changed = DemoBytes.Of(2);
        guest.Memory.CopyFrom(Data + DemoGuest.Page, changed);
        guest.SetLeaf(root, 0x1000, Data + DemoGuest.Page);
        report.Check(device.ReadMemory(new Iova(0x1000)) == FaultReason.None
            && device.Buffer.AsSpan().SequenceEqual(content),
            "the leaf leads elsewhere now, and the unit still uses the cached old page, as it may");
        foreach (WalkStep shown in TranslationWalk.Of(model.Endpoint, null, new Iova(0x1000), write: false).Steps)
            report.Say(WalkView.Line(shown));
        nested.Invalidate(X86FirstStage.Pages(0x1000, 1, leafOnly: true));
        report.Check(device.ReadMemory(new Iova(0x1000)) == FaultReason.None
            && device.Buffer.AsSpan().SequenceEqual(changed), "HWPT_INVALIDATE of one leaf: the new page");

        report.Step("PASIDs have first stages of their own, side by side");
        BeforeStep?.Invoke(6, guest.Memory, nested);
        foreach ((uint number, ulong page, byte[] expected) in ((uint, ulong, byte[])[])[(1, Data, content),
            (2, Data + DemoGuest.Page, changed)])
        {
            ulong own = guest.NewPage();
            guest.SetLeaf(own, 0x1000, page);
            NestedHwpt table = guest.Nest(own);
            board.Device.Attach(table, new Pasid(number));
            bool arrived = device.ReadMemory(new Iova(0x1000), new Pasid(number)) == FaultReason.None
                && device.Buffer.AsSpan().SequenceEqual(expected);
            report.Check(arrived, $"PASID {number}, HWPT {table.Id}: IOVA 0x1000 -> guest-physical 0x{page:x}");
        }

        report.Step("The host takes the guest's memory away");
        BeforeStep?.Invoke(7, guest.Memory, nested);
        ulong unmapped = guest.Ioas.UnmapAll();
        report.Check(unmapped == GuestLength, $"{unmapped} bytes are unmapped");
        report.Check(Refused(unit, model, new Iova(0x1000), () => device.ReadMemory(new Iova(0x1000)),
                FaultReason.NotMapped, 0x79), "nothing is translated any more: SSS.2");
    }

    /// <summary>Whether an access is refused for that reason, and recorded under the unit's number for it.</summary>
    private bool Refused(IommuUnit unit, MachineDevice model, Iova iova, Func<FaultReason> access,
        FaultReason expected, byte code)
    {
        long before = unit.Faults.Count;
        FaultReason reason = access();
        FaultRecord? record = unit.Faults.Count == before + 1 ? unit.Faults.Snapshot()[^1] : null;
        report.Say(record is { } kept
            ? $"{unit.Name} fault {kept.Sequence}: "
                + $"{kept.Device} {(kept.IsWrite ? "write" : "read")} {kept.Iova}, reason 0x{kept.Code:x2}"
            : $"{unit.Name} recorded {unit.Faults.Count - before} faults");
        return reason == expected && record is { } fault && fault.Device == model.Requester && fault.Iova == iova
            && fault.Code == code;
    }
}
