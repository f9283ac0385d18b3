using System.Runtime.InteropServices;

namespace Ioasis.EndToEnd.Guests;

/// <summary>
/// Recordings between our machine and a real kernel, in both directions: the vfio-pci and iommufd are those of a
/// guest's Linux, edu and the IOMMU are QEMU's own.
/// </summary>
[Collection(nameof(GuestBench))]
public sealed class RecordingTests(GuestBench guests, Workbench bench)
{
    // Behind a port of its own edu can be reset, as a device of ours can.
    private const string Edu = "0000:01:00.0";

    /// <summary>A machine as the guest's: QEMU's unit in legacy mode.</summary>
    private const string Described = $$"""
        {
          "units": [{ "name": "dmar0", "nesting": false, "pageRequests": false, "pasidBits": 0,
            "dirtyTracking": false }],
          "devices": [{ "model": "edu", "address": "{{Edu}}" }]
        }
        """;

    private static readonly (string Program, string[] Arguments)[] s_programs =
    [
        ("descriptors", [Edu]),
        ("edu_irq", [Edu]),
        ("edu_mmio", [Edu]),
        ("edu_pio", [Edu]),
        ("fault_queue", []),
        ("fork_fds", [Edu]),
        ("ioas_basic", [Edu]),
        ("map_file", [Edu]),
        ("open_how", [Edu]),
        ("path_calls", [Edu]),
        ("reopen", [Edu, "20"]),
        ("shared_memory", [Edu]),
        ("sysfs_view", [Edu]),
    ];

    private static readonly string[] s_recorded = ["edu_pio", "map_file"];

    [Fact]
    public async Task A_real_kernel_answers_as_recorded_here_and_its_answers_are_given_here()
    {
        string work = await guests.Work($"sh ./recordings.sh {Edu} {string.Join(' ', s_recorded)}"),
            machine = Path.Combine(work, "machine.json"), launcher = bench.Launcher(Who.Self),
            dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        await File.WriteAllTextAsync(machine, Described, TestContext.Current.CancellationToken);
        foreach ((string program, string[] arguments) in s_programs)
        {
            (await Execution.Run([launcher, "trace", "-o", Path.Combine(work, $"{program}.ioasis"), "--with-memory",
                "--machine", machine, "--", bench.Client(program), .. arguments])).MustEnd();
        }

        string built = Path.Combine(bench.Root, "artifacts/bin/Ioasis.Cli/release");
        (await Execution.Run(["cp", "-r", built, Path.Combine(work, "ioasis")])).MustEnd();
        Ending ending = (await Execution.Run(guests.Alone(work,
                "-smp", "2", "-device", "intel-iommu,aw-bits=48",
                "-device", "pcie-root-port,id=port1,bus=pcie.0,addr=0x10,chassis=1", "-device", "edu,bus=port1",
                "-fsdev", $"local,id=dotnet,path={dotnet},security_model=none,readonly=on",
                "-device", "virtio-9p-pci,fsdev=dotnet,mount_tag=dotnet"),
            new Dictionary<string, string> { ["MEMORY"] = "1500M", ["APPEND"] = "intel_iommu=on" },
            patience: GuestBench.Patience)).MustEnd();
        ending.MustSay($"replayed {s_programs.Length} recordings", "recordings: all as they must be");

        foreach (string program in s_recorded)
        {
            string file = Path.Combine(work, $"{program}.recorded");
            Assert.True((await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken)).Length > 20);
            Ending replayed = (await Execution.Run([launcher, "replay", file])).MustEnd();
            Assert.Equal("", replayed.Output);
        }
    }
}
