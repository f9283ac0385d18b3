using System.Diagnostics;
using Ioasis.Abi;
using Ioasis.Cli.Verbs;
using Ioasis.Client;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Walks;
using Ioasis.Devices.Dsa;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Scenes;

namespace Ioasis.Cli.Demo;

/// <summary>
/// <c>ioasis demo vsva</c>: processes of a guest share their address spaces with a DSA, on a machine within this
/// process. The guest's tables are written by hand. Every statement is checked, as in <see cref="DemoRun"/>.
/// </summary>
internal sealed class VsvaDemo(DemoReport report)
{
    private const int Page = (int)DemoGuest.Page;
    private const ulong Accessed = 1 << 5; // of a PTE

    /// <summary>Called with a step's number before the step. Tests make a step fail with it.</summary>
    internal Action<int, VsvaScene>? BeforeStep { get; init; }

    /// <summary>The built-in machine with a DSA.</summary>
    internal static MachineDescription Machine => VsvaScene.Machine;

    /// <summary>Runs the demo on the console. Returns the exit code.</summary>
    internal static int ToConsole(bool json) =>
        DemoRun.OnConsole(json, report => new VsvaDemo(report).Run(Machine));

    /// <summary>Runs the demo. Returns 0 if all checks hold, else 1.</summary>
    internal int Run(MachineDescription description) => report.Prove(description, Show,
    [
        "A device used the pointers of a guest's processes, by their PASIDs and the guest's own tables.",
        "Missing pages came after the device had asked for them.",
        "An unmapped page was out of reach when its invalidation returned; without one it was not.",
    ]);

    private void Show(SoftwareMachine machine)
    {
        report.Title("Processes of a guest share their address spaces with a device, all in this process.");
        using var scene = new VsvaScene(machine);
        Introduce(scene);
        Step(2, "The tables of each process are bound to a PASID", scene, Bind);
        Step(3, "The device copies between pointers of a process", scene, Copy);
        Step(4, "Pages are missing: the copy ends there, or the device requests them", scene, Ask);
        Step(5, "The guest unmaps pages", scene, Unmap);
        Step(6, "The processes stay apart", scene, KeepApart);
    }

    private void Step(int number, string text, VsvaScene scene, Action<VsvaScene> show)
    {
        report.Step(text);
        BeforeStep?.Invoke(number, scene);
        show(scene);
    }

    private void Introduce(VsvaScene scene)
    {
        (DemoBoard board, DemoGuest guest) = (scene.Board, scene.Guest);
        report.Step("The host maps the guest's memory, and gives it a device");
        report.Say($"IOAS {guest.Ioas.Id}: guest-physical 0x0-0x{guest.Memory.Length - 1:x} -> HVA "
            + $"{guest.Memory.Address}; nest parent HWPT {guest.Parent.Id}");
        report.Say($"{board.Model.VfioNode}, a {board.Model.Model} at {board.Model.Requester}: a shared queue of "
            + $"{DemoDsa.Entries} entries, each with a PASID of its own");
        HardwareDescription hardware = board.Context.DescribeHardware(board.Device);
        bool nests = X86FirstStage.IsOffered(hardware.Type, hardware.Data.Span);
        report.Check(nests && hardware.MaxPasidLog2 == 20,
            $"{board.Unit.Name} supports nested translation and PASIDs of {hardware.MaxPasidLog2} bits");
    }

    private void Bind(VsvaScene scene)
    {
        foreach (DemoProcess process in scene.Both) process.Bind(scene.Board.Device, scene.Faults);
        foreach (string line in VsvaPicture.Draw(
            [.. scene.Both.Select(p => $"PASID {p.Pasid.Value} is process {p.Name}'s")],
            [.. scene.Both.Select(p =>
                $"{p.Name}: CR3 0x{p.Cr3:x5}, GVA 0x{VsvaScene.Source:x}, PTE 0x{p.Leaf(VsvaScene.Source):x16}")],
            [.. scene.Both.Select(p => $"DSA, PASID {p.Pasid.Value}")],
            [.. scene.Both.Select(p => $"HWPT {p.Bound!.Id}, first stage of {p.Name}: GVA 0x{VsvaScene.Source:x} -> "
                + $"GPA 0x{p.Follow(VsvaScene.Source):x}")],
            $"HWPT {scene.Guest.Parent.Id}, second stage: GPA 0x0 -> HVA {scene.Guest.Memory.Address}"))
            report.Say(line);
        foreach (DemoProcess process in scene.Both)
        {
            IReadOnlyList<WalkStep> steps = scene.Walk(process, VsvaScene.Source);
            int entries = steps.Count(s => s is { Stage: WalkStage.First, Entry: not null });
            report.Check(entries == 4 && steps[^1] is { IsFault: false, Stage: WalkStage.Second } end
                && end.Address == process.Follow(VsvaScene.Source),
                $"PASID {process.Pasid.Value}: GVA 0x{VsvaScene.Source:x} -> {entries} entries of {process.Name}'s "
                    + $"tables -> GPA 0x{steps[^1].Address:x}");
        }

        report.Check(scene.A.Follow(VsvaScene.Source) != scene.B.Follow(VsvaScene.Source),
            "the same pointer leads each to a different page");
    }

    private void Copy(VsvaScene scene)
    {
        byte[] content = Bytes(1, VsvaScene.SourcePages);
        scene.A.Fill(VsvaScene.Source, content);
        bool done = scene.Copy(scene.A, VsvaScene.Source, VsvaScene.SourcePages).IsSuccess;
        (long found, long asked) = scene.Board.Model.Endpoint.DeviceTranslations;
        report.Check(done && scene.A.Holds(VsvaScene.Target, content),
            $"MEMMOVE 0x{VsvaScene.Source:x} -> 0x{VsvaScene.Target:x}: {content.Length} bytes arrived");
        report.Check(asked == 7,
            $"the device requested {asked} translations: 3 source pages, 3 target pages, the record's");
        long started = Stopwatch.GetTimestamp();
        done = scene.Copy(scene.A, VsvaScene.Source, VsvaScene.SourcePages).IsSuccess;
        TimeSpan took = Stopwatch.GetElapsedTime(started);
        (long foundThen, long askedThen) = scene.Board.Model.Endpoint.DeviceTranslations;
        report.Check(done && foundThen - found == 8 && askedThen == asked,
            $"again, in {took.TotalMicroseconds:f0} µs: {foundThen - found} hits in its cache (the record is written "
                + $"in two parts), {askedThen - asked} requests");
    }

    private void Ask(VsvaScene scene)
    {
        const ulong Missing = VsvaScene.Fresh + DemoGuest.Page;
        byte[] content = Bytes(2, VsvaScene.FreshPages);
        scene.A.Fill(VsvaScene.Fresh, content.AsSpan(0, Page));
        CheckFault(scene.Copy(scene.A, VsvaScene.Fresh, VsvaScene.FreshPages), Page, Missing, "without block on fault");
        (IReadOnlyList<PageFault> requests, DsaCompletionRecord record, TimeSpan latency) =
            scene.CopyAsPagesCome(content);
        foreach (PageFault first in requests.Where(r => r.Address.Value == Missing).Take(1))
        {
            report.Say($"fault queue {scene.Faults.Id}: device {first.DeviceId}, PASID {first.Pasid} requests "
                + $"0x{first.Address.Value:x}, cookie {first.Cookie}");
            report.Say("the guest's handler provides the page, writes its PTE, and answers with success");
            report.Check((scene.A.Leaf(first.Address.Value) & Accessed) != 0,
                $"the device used the page: PTE 0x{scene.A.Leaf(first.Address.Value):x16} has A");
        }

        bool asRequired = requests.Index()
            .All(r => r.Item.Address.Value == Missing + ((ulong)r.Index * DemoGuest.Page)
            && r.Item.Pasid == scene.A.Pasid && r.Item.DeviceId == scene.Board.Device.Id
            && r.Item.Access == PageRequestAccess.Read && r.Item.IsLast);
        report.Check(asRequired && requests.Count == VsvaScene.FreshPages - 1,
            $"with block on fault: {requests.Count} pages were requested one after the other, "
                + $"{latency.TotalMicroseconds:f0} µs at best from an answer to the next request");
        report.Check(record.IsSuccess && scene.A.Holds(VsvaScene.Target, content),
            $"the copy continued after each answer, and all {content.Length} bytes arrived");
    }

    private void Unmap(VsvaScene scene)
    {
        const ulong Invalidated = VsvaScene.Source + DemoGuest.Page, Forgotten = Invalidated + DemoGuest.Page;
        scene.A.Unmap(Invalidated);
        scene.A.Bound!.Invalidate(X86FirstStage.Pages(Invalidated, 1, leafOnly: true));
        CheckFault(scene.Copy(scene.A, VsvaScene.Source, VsvaScene.SourcePages), Page, Invalidated,
            "unmapped and invalidated");

        ulong former = scene.A.Unmap(Forgotten);
        byte[] later = Bytes(3, 1);
        scene.Guest.Memory.CopyFrom(former, later);
        DsaCompletionRecord record = scene.Copy(scene.A, Forgotten, 1);
        report.Check(record.IsSuccess && scene.A.Holds(VsvaScene.Target, later),
            $"unmapped but not invalidated: 0x{Forgotten:x} still leads to GPA 0x{former:x}, and the device reads the "
                + "new contents of that page");
        foreach (WalkStep step in scene.Walk(scene.A, Forgotten)
            .Where(s => s.IsKept || s is { Stage: WalkStage.First, Level: 1, Entry: not null }))
            report.Say(WalkView.Line(step));

        long started = Stopwatch.GetTimestamp();
        scene.A.Bound.Invalidate(X86FirstStage.Pages(Forgotten, 1, leafOnly: true));
        TimeSpan took = Stopwatch.GetElapsedTime(started);
        CheckFault(scene.Copy(scene.A, Forgotten, 1), 0, Forgotten,
            $"HWPT_INVALIDATE of that leaf, {took.TotalMicroseconds:f0} µs, fixes it");
    }

    private void KeepApart(VsvaScene scene)
    {
        (DemoProcess a, DemoProcess b) = (scene.A, scene.B);
        byte[] ofA = Bytes(4, 1), ofB = Bytes(5, 1);
        a.Fill(VsvaScene.Source, ofA);
        b.Fill(VsvaScene.Source, ofB);
        foreach (DemoProcess process in scene.Both)
            scene.Dsa.Submit(process, VsvaScene.Source, VsvaScene.Target, Page, VsvaScene.Record);
        bool done = VsvaScene.End(a).IsSuccess & VsvaScene.End(b).IsSuccess;
        report.Check(done && a.Holds(VsvaScene.Target, ofA) && b.Holds(VsvaScene.Target, ofB),
            "two descriptors that differ only in the PASID: each copied its own process's bytes, in that process's "
                + "memory");

        b.Map(VsvaScene.Own);
        b.Fill(VsvaScene.Own, ofA);
        done = scene.Copy(b, VsvaScene.Own, 1).IsSuccess;
        report.Check(done && b.Holds(VsvaScene.Target, ofA),
            $"0x{VsvaScene.Own:x} is mapped only in B: B's descriptor copies it");
        CheckFault(scene.Copy(a, VsvaScene.Own, 1), 0, VsvaScene.Own, "A's descriptor does not");

        scene.Board.Device.Detach(b.Pasid);
        scene.Dsa.Submit(b, VsvaScene.Source, VsvaScene.Target, Page, VsvaScene.Record);
        DemoPatience.Until(() => scene.Dsa.SoftwareError is not null, "the error of a detached PASID");
        (DsaStatus error, uint pasid) = scene.Dsa.SoftwareError!.Value;
        report.Check(error == DsaStatus.CraXlat && pasid == b.Pasid.Value && b.Read<byte>(VsvaScene.Record) == 0
            && b.Holds(VsvaScene.Target, ofA),
            $"PASID {b.Pasid.Value} is detached: nothing reaches B, not even the record; SWERR has 0x{(byte)error:x} "
                + $"for PASID {pasid}");
        report.Check(scene.Copy(a, VsvaScene.Source, 1).IsSuccess, "A's copies still work");
    }

    /// <summary>Checks that a copy ended at a missing page, after the bytes before it were copied.</summary>
    private void CheckFault(in DsaCompletionRecord record, uint done, ulong at, string why) => report.Check(
        record.Status == (byte)DsaStatus.PageFaultNobof && record.BytesCompleted == done && record.FaultAddr == at,
        $"{why}: status 0x{record.Status:x2} after {record.BytesCompleted} bytes, at 0x{record.FaultAddr:x}");

    private static byte[] Bytes(int seed, int pages) => DemoBytes.Of(seed, pages * Page);
}
