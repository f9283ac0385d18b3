namespace Ioasis.EndToEnd;

/// <summary>
/// The supervisor has too little of something, a device's eventfd no room, or the supervisor is killed: programs are
/// served on, or end.
/// </summary>
public sealed class ScarceTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Device_never_waits_for_an_eventfd(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, bench.Client("full_eventfd"),
            Machine.DmaTest, "5000")))
            .MustEnd().MustSay("signals to a full eventfd: ok", "another process: ok",
                "full_eventfd: all as it must be");

    /// <summary>As nobody: the limit of processes does not bind root.</summary>
    [Fact]
    public async Task What_gets_no_thread_is_tried_again() =>
        (await Execution.Run(bench.UnderIoasis(Who.Nobody, Machine.Devices, bench.Client("scarce"), "threads",
            Machine.DmaTest)))
            .MustEnd().MustSay("mapping a BAR: ok", "commands: ok", "IOEVENTFD: ok", "scarce: all as it must be");

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task What_gets_no_descriptor_is_tried_again(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, bench.Client("scarce"), "descriptors",
            Machine.DmaTest)))
            .MustEnd().MustSay("mapping a BAR: ok", "commands: ok", "IOEVENTFD: ok", "scarce: all as it must be");

    [Fact]
    public async Task Every_descriptor_that_is_missing_is_told_and_nothing_is_lost() =>
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("fail_nth"), Machine.DmaTest,
            Machine.Edu)))
            .MustEnd().MustSay("fail_nth: all as it must be");

    [Fact]
    public async Task A_hundred_descriptors_are_enough() =>
        (await Run("ulimit -n 100", bench.Client("edu_mmio"), Machine.Edu))
        .MustEnd().MustSay("edu by mmap: all as it must be");

    /// <summary>Too few to begin with: one word of it, and the code of <c>run</c>'s own failures.</summary>
    [Fact]
    public async Task Too_few_descriptors_are_told()
    {
        Ending ending = (await Run("ulimit -n 70", "true")).MustEnd(125);
        Assert.StartsWith("ioasis: ", ending.Error, StringComparison.Ordinal);
    }

    /// <summary>The files behind nodes are longer than the soft limit allows.</summary>
    [Fact]
    public async Task A_soft_limit_of_file_sizes_keeps_no_node_from_being_opened() =>
        (await Run("ulimit -Sf 5001", bench.Client("edu_mmio"), Machine.Edu))
        .MustEnd().MustSay("edu by mmap: all as it must be");

    /// <summary>The first is too low for the .NET runtime, the second for nodes.</summary>
    [Theory]
    [InlineData(5001)]
    [InlineData(5_000_000)]
    public async Task A_hard_limit_of_file_sizes_that_is_too_low_is_told(int kibibytes)
    {
        Ending ending = (await Run($"ulimit -f {kibibytes}", "true")).MustEnd(125);
        Assert.StartsWith(
            $"ioasis: the hard limit of file sizes is {kibibytes * 1024L} bytes, and ", ending.Error,
            StringComparison.Ordinal);
        Assert.Equal(1, ending.Error.AsSpan().Count('\n'));
    }

    /// <summary>vm.memfd_noexec, which is a PID namespace's own.</summary>
    [Fact]
    public async Task Where_no_file_in_memory_is_executed_a_temporary_one_starts_the_program()
    {
        const string Forbid = "echo 2 >/proc/sys/vm/memfd_noexec && \"$@\"";
        string[] forbidden = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", Forbid, "sh"];
        Assert.SkipUnless((await Execution.Run([.. forbidden, "true"])).Code == 0,
            "this host gives no PID namespace, or has no vm.memfd_noexec");
        string folder = await bench.Scratch(Who.Self);
        (await Execution.Run([.. forbidden, .. bench.UnderIoasis(Who.Self, Machine.Devices,
            bench.Client("edu_mmio"), Machine.Edu)], new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = folder }))
            .MustEnd().MustSay("edu by mmap: all as it must be");
        Assert.Empty(Directory.GetFiles(folder, "ioasis-*", SearchOption.AllDirectories));
    }

    /// <summary>
    /// As strace --kill-on-exit: without its supervisor the program would get ENOSYS for what is stopped.
    /// </summary>
    [Fact]
    public async Task Program_dies_with_its_supervisor_and_nothing_of_it_is_found_any_more()
    {
        var alone = new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = await bench.Scratch(Who.Self) };
        using Execution execution = Execution.Start(["sh", "-c", "\"$@\"; echo \"ended with $?\"", "sh",
            .. bench.UnderIoasis(Who.Self, [], "sh", "-c", "echo $PPID; exec sleep 1000000")], alone);
        int supervisor = int.Parse(await execution.HearLine(), System.Globalization.CultureInfo.InvariantCulture);
        (await Execution.Run(["kill", "-9", $"{supervisor}"])).MustEnd();
        (await execution.End()).MustEnd().MustSay("ended with 137"); // its output is closed: nobody has it any more

        Ending over = (await Execution.Run([bench.Launcher(Who.Self), "faults"], alone)).MustEnd(3);
        Assert.Equal("ioasis: no program is running under ioasis run.", over.Error.Trim());
    }

    private Task<Ending> Run(string before, params string[] program) => Execution.Run(
        ["bash", "-c", $"{before}; exec \"$@\"", "prepared", .. bench.UnderIoasis(Who.Self, Machine.Devices, program)]);
}
