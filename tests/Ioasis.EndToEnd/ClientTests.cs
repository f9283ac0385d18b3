namespace Ioasis.EndToEnd;

/// <summary>
/// Unmodified C programs, each of which checks everything itself; the same programs pass on real Linux.
/// </summary>
public sealed class ClientTests(Workbench bench)
{
    private static readonly (string Program, string[] Arguments, string[] Says)[] s_programs =
    [
        ("edu_mmio", [Machine.Edu], ["edu by mmap: all as it must be"]),
        ("edu_mmio_static", [Machine.Edu], ["edu by mmap: all as it must be"]),
        ("edu_pio", [Machine.Edu], ["edu by pread/pwrite: all as it must be"]),
        ("edu_irq", [Machine.Edu], ["INTx: automatic mask", "MSI: raised", "edu's interrupts: all as they must be"]),
        ("dmatest_mmio", [Machine.DmaTest], ["dmatest by mmap: all as it must be"]),
        ("dmatest_pio", [Machine.DmaTest], ["dmatest by pread/pwrite: all as it must be"]),
        ("dmatest_pio_static", [Machine.DmaTest], ["dmatest by pread/pwrite: all as it must be"]),
        ("dmatest_msix", [Machine.DmaTest],
            ["MSI-X: one vector each: ok", "dmatest's interrupts: all as they must be"]),
        ("ioas_basic", [Machine.Edu], ["ioas_basic: all as it must be"]),
        ("ioas_basic", [Machine.DmaTest], ["accesses obey the IOAS: ok", "ioas_basic: all as it must be"]),
        ("map_file", [Machine.Edu], ["map_file: all as it must be"]),
        ("map_file", [Machine.DmaTest], ["map_file: all as it must be"]),
        ("memlock", [Machine.Edu], ["charged to the user: ok", "memlock: all as it must be"]),
        ("memlock", [Machine.DmaTest], ["memlock: all as it must be"]),
        ("shared_memory", [Machine.Edu], ["shared_memory: all as it must be"]),
        ("shared_memory", [Machine.DmaTest], ["shared_memory: all as it must be"]),
        ("bad_input", [Machine.Edu], ["626 tried, 0 not as they must be"]),
        ("bad_input", [Machine.DmaTest], ["626 tried, 0 not as they must be"]),
        ("bad_device", [Machine.Edu], ["343 tried, 0 not as they must be"]),
        ("bad_device", [Machine.DmaTest], ["343 tried, 0 not as they must be"]),
        ("fork_fds", [Machine.Edu], ["fork_fds: all as it must be"]),
        ("fork_fds", [Machine.DmaTest], ["fork_fds: all as it must be"]),
        ("descriptors", [Machine.Edu],
            ["a thread's own table: ok", "closed before the next call: ok", "descriptors: all as it must be"]),
        ("threads", [Machine.Edu, "20"], ["threads: 8 of them, 20 rounds each: all as it must be"]),
        ("threads", [Machine.DmaTest, "100"], ["threads: 8 of them, 100 rounds each: all as it must be"]),
        ("reopen", [Machine.Edu, "1000"], ["reopen: all as it must be"]),
        ("in_flight", [Machine.DmaTest], ["in_flight: all as it must be"]),
        ("exec_memory", [Machine.DmaTest], ["exec_memory: all as it must be"]),
        ("file_rights", [Machine.DmaTest], ["file_rights: all as it must be"]),
        ("fault_queue", [], ["fault_queue: all as it must be"]),
        ("sva_pointers", [Machine.DmaTest], ["pointers of every kind: ok", "sva_pointers: all as it must be"]),
        ("sva_lives", [Machine.DmaTest], ["fork: ok", "exit and kill: ok", "exec: ok", "sva_lives: all as it must be"]),
        ("page_requests", [Machine.DmaTest],
            ["pages on demand: ok", "PASIDs side by side: ok", "page_requests: all as it must be"]),
        ("pasids", [Machine.DmaTest], ["an address space for each PASID: ok", "pasids: all as it must be"]),
        ("region_offsets", [Machine.Edu], ["region_offsets: all as it must be"]),
        ("region_offsets", [Machine.DmaTest], ["region_offsets: all as it must be"]),
        ("second_file", [Machine.Edu], ["a second process: ok", "second_file: all as it must be"]),
        ("second_file", [Machine.DmaTest], ["a second process: ok", "second_file: all as it must be"]),
        ("container_ranges", [Machine.DmaTest], ["container_ranges: all as it must be"]),
        ("unmask_event", [Machine.Edu], ["unmask_event: all as it must be"]),
        ("other_ways", [Machine.Edu],
            ["reads: ok", "writes: ok", "holes and copies: ok", "other_ways: all as it must be"]),
        ("sysfs_view", [Machine.Edu], ["sysfs_view: all as it must be"]),
        ("config_write", [Machine.DmaTest], ["sizing: ok", "by VFIO: ok", "config_write: all as it must be"]),
        ("sysfs_view", [Machine.DmaTest], ["sysfs_view: all as it must be"]),
    ];

    public static IEnumerable<TheoryDataRow<Who, string, string>> Programs =>
        from who in Enum.GetValues<Who>()
        from program in s_programs
        select new TheoryDataRow<Who, string, string>(who, program.Program, string.Join(' ', program.Arguments));

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Program_finds_everything_as_on_Linux(Who who, string program, string arguments)
    {
        (_, string[] words, string[] says) =
            s_programs.Single(one => one.Program == program && string.Join(' ', one.Arguments) == arguments);
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, [bench.Client(program), .. words])))
            .MustEnd().MustSay(says);
    }

    /// <summary>
    /// Memory that is never brought takes a privilege (userfaultfd); a structure of gigabytes does not.
    /// </summary>
    [Theory]
    [InlineData(Who.Self, "struct", 300)]
    [InlineData(Who.Self, "path", 70)]
    [InlineData(Who.Self, "how", 70)]
    [InlineData(Who.Self, "result", 70)]
    [InlineData(Who.Self, "zeros", 70)]
    [InlineData(Who.Nobody, "zeros", 70)]
    public async Task Calls_that_cannot_be_served_hold_up_nobody_else(Who who, string kind, int threads)
    {
        Assert.SkipUnless(who == Who.Nobody || kind == "zeros" || Environment.IsPrivilegedProcess,
            "userfaultfd takes root");
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, bench.Client("waiting_calls"), kind,
                $"{threads}")))
            .MustEnd().MustSay($"{kind}: others were served beside {threads} calls that waited");
    }

    /// <summary>So much memory takes more than an ordinary user may lock.</summary>
    [Fact]
    public async Task As_many_maps_of_one_file_as_DPDK_makes_of_small_pages()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root may lock so much");
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("many_maps"),
                Machine.DmaTest, "131072")))
            .MustEnd().MustSay("many_maps: all as it must be");
    }

    [Fact]
    public async Task Without_descriptors_nothing_is_done_that_cannot_be_found_out()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root may limit the supervisor");
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("few_descriptors"),
                Machine.DmaTest)))
            .MustEnd().MustSay("few_descriptors: all as it must be");
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task What_one_program_can_have_is_bounded(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, bench.Client("hoarders"))))
        .MustEnd().MustSay("hoarders: all as it must be");

    [Theory]
    [InlineData(Who.Self, "mmap")]
    [InlineData(Who.Nobody, "mmap")]
    [InlineData(Who.Nobody, "pio")]
    public async Task A_channel_of_ioat_that_was_reset_is_armed(Who who, string how) =>
        (await Execution.Run(bench.UnderIoasis(who, ["ioat@0000:08:00.0"], bench.Client("ioat_armed"),
            "0000:08:00.0", how)))
            .MustEnd().MustSay("ioat_armed: all as it must be");

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Virtual_functions_are_devices_by_themselves(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, Machine.SriovDevices, bench.Client("sriov"), Machine.Sriov)))
            .MustEnd().MustSay("sriov_numvfs: ok", "tokens: ok", "DMA of each: ok", "removal: ok",
                "sriov: all as it must be");

    [Theory]
    [InlineData(Who.Self, Machine.Edu, Machine.OtherEdu)]
    [InlineData(Who.Self, Machine.DmaTest, Machine.OtherDmaTest)]
    [InlineData(Who.Nobody, Machine.Edu, Machine.DmaTest)]
    [InlineData(Who.Nobody, Machine.OtherDmaTest, Machine.DmaTest)]
    public async Task Two_programs_at_once_know_nothing_of_each_other(Who who, string one, string other)
    {
        const string Both = """
            mkfifo there back
            "$1" "$2" "$3" there back & first=$!
            "$1" "$3" "$2" back there; second=$?
            wait $first && exit $second
            """;
        string folder = await bench.Scratch(who);
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices,
            "sh", "-c", $"cd {folder}\n{Both}", "two", bench.Client("two_programs"), one, other)))
            .MustEnd().MustSay($"{one}: all as it must be", $"{other}: all as it must be");
    }
}
