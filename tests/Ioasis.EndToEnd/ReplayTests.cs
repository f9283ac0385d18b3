using System.Text.Json.Nodes;

namespace Ioasis.EndToEnd;

/// <summary>A program's calls are made again from its recording, on a fresh machine, with the same answers.</summary>
public sealed class ReplayTests(Workbench bench)
{
    private const string Ioat = "0000:08:00.0";

    /// <summary>The devices of programs that need others than <see cref="Machine.Devices"/>.</summary>
    private static readonly Dictionary<string, string[]> s_devices = new()
    {
        ["ioat_armed"] = [$"ioat@{Ioat}"],
        ["vdpa_quiet"] = ["virtio-blk@d0,vdpa,size=1M"],
    };

    private static readonly (string Program, string[] Arguments)[] s_programs =
    [
        ("asked_maps", []),
        ("bad_device", [Machine.DmaTest]),
        ("bad_input", [Machine.Edu]),
        ("config_write", [Machine.DmaTest]),
        ("container_ranges", [Machine.DmaTest]),
        ("descriptors", [Machine.Edu]),
        ("dmatest_mmio", [Machine.DmaTest]),
        ("dmatest_msix", [Machine.DmaTest]),
        ("dmatest_pio", [Machine.DmaTest]),
        ("edu_irq", [Machine.Edu]),
        ("edu_mmio", [Machine.Edu]),
        ("edu_pio", [Machine.Edu]),
        ("exec_memory", [Machine.DmaTest]),
        ("fault_queue", []),
        ("fork_fds", [Machine.Edu]),
        ("full_eventfd", [Machine.DmaTest, "3"]),
        ("in_flight", [Machine.DmaTest]),
        ("ioas_basic", [Machine.DmaTest]),
        ("ioat_armed", [Ioat, "pio"]),
        ("map_file", [Machine.Edu]),
        ("open_how", [Machine.Edu]),
        ("other_ways", [Machine.Edu]),
        ("owners", [Machine.DmaTest]),
        ("page_requests", [Machine.DmaTest]),
        ("pasids", [Machine.DmaTest]),
        ("path_calls", [Machine.Edu]),
        ("reopen", [Machine.Edu, "20"]),
        ("second_file", [Machine.Edu]),
        ("shared_memory", [Machine.Edu]),
        ("sysfs_view", [Machine.Edu]),
        ("vdpa_quiet", ["/dev/vhost-vdpa-0", "50"]),
        ("waiting_calls", ["zeros", "3"]),
        ("walked", [Machine.DmaTest]),
        ("watched", [Machine.DmaTest, "30"]),
    ];

    /// <summary>The programs whose calls no replay can make again, each with what the replay lacks.</summary>
    private static readonly Dictionary<string, string> s_exceptions = new()
    {
        ["chased"] = "several programs at a time",
        ["checked"] = "makes mistakes on purpose, one for each argument",
        ["detours"] = "runs other programs",
        ["dsa_dedicated"] = "descriptors are stored to a mapped portal",
        ["dsa_shared"] = "descriptors are stored to a mapped portal",
        ["edu_mdev"] = "sysfs makes and removes mdevs",
        ["ending"] = "no call on a node",
        ["failing"] = "makes mistakes on purpose, one for each argument",
        ["fail_nth"] = "the supervisor runs out of memory",
        ["few_descriptors"] = "descriptors run out",
        ["file_rights"] = "EPERM for the rights to a file, which a recording does not have",
        ["hoard"] = "limits of memory",
        ["hoarders"] = "several programs at a time",
        ["hostile"] = "random calls of several threads",
        ["injected"] = "runs with injections",
        ["in_container"] = "makes a container, and runs other programs there",
        ["killed"] = "killed in a call",
        ["kvm_bars"] = "calls of KVM",
        ["kvm_dirty"] = "calls of KVM",
        ["kvm_files"] = "calls of KVM",
        ["kvm_irqs"] = "calls of KVM",
        ["landlocked"] = "runs other programs",
        ["lost_pages"] = "files run out of room and are truncated, which no call tells",
        ["many_maps"] = "maps more memory at once than a recording keeps, and a device reads it",
        ["mdev_cycles"] = "sysfs makes and removes mdevs",
        ["mdev_life"] = "sysfs makes and removes mdevs",
        ["mdev_parts"] = "sysfs makes and removes mdevs",
        ["mdev_probe"] = "sysfs makes and removes mdevs",
        ["mdev_sysfs"] = "sysfs makes and removes mdevs",
        ["memlock"] = "ENOMEM for the limits of locked memory",
        ["messages"] = "nodes of a plug-in",
        ["missing_pages"] = "pages that another thread brings while a device waits",
        ["nvme_rw"] = "sees in memory that the device is done, and no replay waits there",
        ["pinnable"] = "memory that cannot be pinned",
        ["recycled_thread"] = "no call on a node",
        ["region_offsets"] = "stores to a mapped BAR, which it reads back by calls",
        ["scarce"] = "descriptors and threads run out",
        ["sriov"] = "sysfs makes virtual functions",
        ["standing_call"] = "the supervisor is killed in a call",
        ["sva_devices"] = "a device uses the program's pointers",
        ["sva_killed"] = "a device uses the program's pointers",
        ["sva_lives"] = "a device uses the program's pointers",
        ["sva_pointers"] = "a device uses the program's pointers",
        ["sva_quota"] = "limits of users",
        ["sva_stops"] = "a device uses the program's pointers",
        ["sva_unmap"] = "a device uses the program's pointers",
        ["sysfs_files"] = "no call on a node",
        ["threads"] = "calls of several threads overlap, and end in another order than they took effect",
        ["traced_storm"] = "killed in a call",
        ["two_programs"] = "several programs at a time",
        ["unmask_event"] = "an eventfd is closed, which no call tells",
        ["vdpa_driver"] = "queues in the program's memory, and kicks",
        ["vdpa_hostile"] = "queues in the program's memory, and kicks",
        ["vdpa_killed"] = "queues in the program's memory, and kicks",
        ["vdpa_probe"] = "sysfs binds drivers",
        ["vdpa_shared"] = "queues in the program's memory, and kicks",
        ["virtio_pci"] = "stores to a mapped BAR",
        ["web_scene"] = "a device uses the program's pointers",
    };

    public static IEnumerable<TheoryDataRow<string>> Programs =>
        s_programs.Select(p => new TheoryDataRow<string>(p.Program));

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task A_programs_calls_are_answered_as_when_they_were_recorded(string program)
    {
        string file = await Record(program);
        Ending ending = (await Execution.Run([bench.Launcher(Who.Self), "replay", file])).MustEnd();
        Assert.Equal("", ending.Output);
    }

    /// <summary>Calls are made by system calls on the nodes beneath, which are those of run here.</summary>
    [Theory]
    [InlineData("dmatest_pio")]
    [InlineData("edu_pio")]
    [InlineData("ioas_basic")]
    [InlineData("map_file")]
    [InlineData("pasids")]
    [InlineData("reopen")]
    [InlineData("second_file")]
    public async Task The_nodes_beneath_give_the_same_answers(string program)
    {
        string file = await Record(program);
        Ending ending = (await Execution.Run(bench.UnderIoasis(
            Who.Self, Machine.Devices, bench.Launcher(Who.Self), "replay", "--on-system", file))).MustEnd();
        Assert.Equal("", ending.Output);
    }

    /// <summary>A program is replayed, or the table says why not.</summary>
    [Fact]
    public void Every_program_is_replayed_or_has_a_reason()
    {
        string[] clients = [.. Directory.EnumerateFiles(Path.Combine(bench.Root, "tests/Clients"), "*.c")
            .Select(f => Path.GetFileNameWithoutExtension(f))];
        string[] listed = [.. s_programs.Select(p => p.Program), .. s_exceptions.Keys];
        Assert.Equal(clients.Order(), listed.Order());
        Assert.Equal(listed.Distinct().Count(), listed.Length);
    }

    [Fact]
    public async Task A_changed_byte_is_found_and_shortened_to_what_it_needs()
    {
        string file = await Record("dmatest_pio");
        string[] lines = await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken);
        int index = Array.FindLastIndex(lines, l => l.Contains("\"call\":\"read\"", StringComparison.Ordinal)
            && l.Contains("\"count\":4096", StringComparison.Ordinal));
        JsonNode line = JsonNode.Parse(lines[index])!;
        string bytes = (string)line["bytes"]!;
        line["bytes"] = bytes[..^1] + (bytes[^1] == '0' ? '1' : '0');
        lines[index] = line.ToJsonString();
        await File.WriteAllLinesAsync(file, lines, TestContext.Current.CancellationToken);
        Ending found = (await Execution.Run([bench.Launcher(Who.Self), "replay", file])).MustEnd(1);
        Assert.Contains("differs in \"bytes\"", found.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recording_is_a_program_in_C_that_gets_the_same_answers()
    {
        string file = await Record("ioas_basic"), source = file + ".c", program = file + ".out";
        string text = (await Execution.Run([bench.Launcher(Who.Self), "replay", "--to-c", file])).MustEnd().Output;
        await File.WriteAllTextAsync(source, text, TestContext.Current.CancellationToken);
        string headers = (await Execution.Run([Path.Combine(bench.Root, "eng/uapi-headers.sh")])).MustEnd().Output;
        (await Execution.Run(["gcc", "-Wall", "-Werror", "-D_GNU_SOURCE",
            .. headers.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries), "-o", program, source]))
            .MustEnd();
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, program))).MustEnd()
            .MustSay("all answers are those of the recording");
    }

    private async Task<string> Record(string program)
    {
        string[] arguments = s_programs.Single(p => p.Program == program).Arguments;
        string file = Path.Combine(await bench.Scratch(Who.Self), program + ".ioasis");
        (await Execution.Run([bench.Launcher(Who.Self), "trace", "-o", file, "--with-memory",
            .. s_devices.GetValueOrDefault(program, Machine.Devices).SelectMany(d => new[] { "--device", d }),
            "--", bench.Client(program), .. arguments]))
            .MustEnd();
        return file;
    }
}
