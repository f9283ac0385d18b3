using Ioasis.Cli.Verbs;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Scenes;

namespace Ioasis.Cli.Demo;

/// <summary>
/// <c>ioasis demo</c>: DMA of a device in both directions through mappings, and refused accesses, on a machine within
/// this process. Every statement it prints is checked: bytes in memory and in the device, the device's status, the
/// unit's fault log.
/// </summary>
internal sealed class DemoRun(DemoReport report)
{
    private static readonly Iova s_source = new(0x10_0000), s_target = new(0x20_0000), s_nowhere = new(0x30_0000);

    /// <summary>Called with a step's number before the step. Tests make a step fail with it.</summary>
    internal Action<int, Ioas>? BeforeStep { get; init; }

    /// <summary>Runs the demo on the console. Returns the exit code.</summary>
    internal static int ToConsole(bool json) =>
        OnConsole(json, report => new DemoRun(report).Run(MachineDescription.Default));

    /// <summary>Runs a demo with the console as output, in colour on a terminal.</summary>
    internal static int OnConsole(bool json, Func<DemoReport, int> demo)
    {
        bool color = !Console.IsOutputRedirected
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        using var output = new StreamWriter(new StandardOutput()) { AutoFlush = false };
        return demo(new DemoReport(output, color, json));
    }

    /// <summary>Runs the demo. Returns 0 if all checks hold, else 1.</summary>
    internal int Run(MachineDescription description) => report.Prove(description, Show,
    [
        "Bytes went both ways through the map and arrived intact.",
        "A write without permission, a read outside the map and a write after the unmap were refused.",
        "Each refusal was recorded, and moved nothing.",
    ]);

    private void Show(SoftwareMachine machine)
    {
        report.Title("A device, an IOMMU and a program, all in this process.");
        using var board = new DemoBoard(machine, "dmatest");
        (MachineDevice model, IommuUnit unit) = (board.Model, board.Unit);

        report.Step("An I/O address space, and a device attached to it");
        using Ioas ioas = board.Context.AllocateIoas();
        uint hwpt = board.Device.Attach(ioas);
        var device = new DemoDevice(board.Device);
        string route = $"{model.Requester} -> HWPT {hwpt} (IOAS {ioas.Id})";
        report.Say($"{model.VfioNode}, a {model.Model} at {model.Requester} behind {unit.Name}: device "
            + $"{board.Device.Id} of the context");
        IReadOnlyList<IovaRange> ranges = ioas.GetIovaRanges();
        report.Say($"IOAS {ioas.Id}, translated by HWPT {hwpt}, addresses {string.Join(" and ", ranges)}");
        report.Check(ranges.Count == 2 && ranges[0].Last == 0xfedf_ffff,
            "the window of interrupt messages at 0xfee00000 is kept free");

        report.Step("Memory is mapped");
        BeforeStep?.Invoke(2, ioas);
        using UserMemory source = board.Nodes.Allocate(DemoDevice.BufferSize),
            target = board.Nodes.Allocate(DemoDevice.BufferSize);
        byte[] outward = DemoBytes.Of(1), inward = DemoBytes.Of(2);
        source.CopyFrom(0, outward);
        ioas.Map(source, MapAccess.Read, s_source);
        ioas.Map(target, MapAccess.ReadWrite, s_target);
        report.Say(Mapping(s_source, source, "r-"));
        report.Say(Mapping(s_target, target, "rw"));

        report.Step("The device reads memory");
        BeforeStep?.Invoke(3, ioas);
        FaultReason reason = device.ReadMemory(s_source);
        report.Say($"{route}: IOVA {s_source} -> HVA {source.Address}, read permitted");
        report.Check(reason == FaultReason.None && device.Buffer.AsSpan().SequenceEqual(outward),
            $"{outward.Length} bytes of memory are in the device");

        report.Step("The device writes memory");
        BeforeStep?.Invoke(4, ioas);
        device.Buffer = inward;
        reason = device.WriteMemory(s_target);
        report.Say($"{route}: IOVA {s_target} -> HVA {target.Address}, write permitted");
        report.Check(reason == FaultReason.None
            && DemoBytes.Hold(target, inward), $"{inward.Length} bytes of the device are in memory");

        report.Step("It writes what is mapped for reading alone");
        BeforeStep?.Invoke(5, ioas);
        Refused(unit, model, s_source, () => device.WriteMemory(s_source), FaultReason.NoPermission, isWrite: true);
        report.Check(DemoBytes.Hold(source, outward), "memory is as it was");

        report.Step("It reads outside the map");
        BeforeStep?.Invoke(6, ioas);
        byte[] before = device.Buffer;
        Refused(unit, model, s_nowhere, () => device.ReadMemory(s_nowhere), FaultReason.NotMapped, isWrite: false);
        report.Check(device.Buffer.AsSpan().SequenceEqual(before), "nothing came into the device");

        report.Step("The memory is unmapped, and the device writes there again");
        target.Clear();
        ulong unmapped = ioas.Unmap(s_target, target.Length);
        report.Check(unmapped == target.Length, $"{unmapped} bytes at IOVA {s_target} of IOAS {ioas.Id} are unmapped");
        BeforeStep?.Invoke(7, ioas);
        Refused(unit, model, s_target, () => device.WriteMemory(s_target), FaultReason.NotMapped, isWrite: true);
        report.Check(DemoBytes.Hold(target, new byte[DemoDevice.BufferSize]), "memory is as it was");
    }

    private void Refused(IommuUnit unit, MachineDevice model, Iova iova, Func<FaultReason> access, FaultReason expected,
        bool isWrite)
    {
        long faults = unit.Faults.Count;
        FaultReason reason = access();
        report.Say(
            $"{model.Requester}: IOVA {iova} -> {(reason == FaultReason.None ? "translated" : $"refused, {reason}")}");
        report.Check(reason == expected, $"the device is told {expected}");
        FaultRecord? record = unit.Faults.Count == faults + 1 ? unit.Faults.Snapshot()[^1] : null;
        report.Check(
            record is { } fault && fault.Device == model.Requester && fault.Iova == iova && fault.IsWrite == isWrite
            && fault.Reason == expected,
            record is { } kept
                ? $"{unit.Name} recorded fault {kept.Sequence}: {kept.Device} {(kept.IsWrite ? "write" : "read")} "
                    + $"{kept.Iova}, reason 0x{kept.Code:x2}"
                : $"{unit.Name} recorded {unit.Faults.Count - faults} faults");
    }

    private static string Mapping(Iova iova, UserMemory memory, string access) =>
        $"IOVA {iova}-0x{iova.Value + memory.Length - 1:x} -> HVA {memory.Address}, {memory.Length / 1024} KiB, "
            + $"{access}";
}
