namespace Ioasis.EndToEnd;

/// <summary>
/// A supervisor that is killed takes its programs with it, or lets them run on; none is left with calls that fail.
/// </summary>
public sealed class KilledSupervisorTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Its_programs_are_killed(Who who)
    {
        using Execution run = Execution.Start(bench.UnderIoasis(who, [], "sh", "-c",
            "sleep 1000 & echo $$; echo $!; wait"));
        string[] programs = [await run.HearLine(), await run.HearLine()];
        (await Execution.Run(["kill", "-KILL", $"{run.Id}"])).MustEnd();
        foreach (string program in programs) await MustEnd(program);
        Assert.Contains($"ioasis: the supervisor ({run.Id}) was killed; its programs are killed too\n",
            (await run.End()).Error, StringComparison.Ordinal);
    }

    /// <summary>It has left the tree of the program: its next call that is looked at tells of it.</summary>
    [Fact]
    public async Task A_daemon_is_killed_at_its_next_open()
    {
        string folder = await bench.Scratch(Who.Self), go = $"{folder}/go", done = $"{folder}/done";
        (await Execution.Run(["mkfifo", go])).MustEnd();
        using Execution run = Execution.Start(bench.UnderIoasis(Who.Self, [], "sh", "-c",
            $"exec 5<>{go}; (setsid sh -c 'echo $$; read -r line <&5; : >{done}; echo lived' &); read -r forever"));
        string daemon = await run.HearLine();
        (await Execution.Run(["kill", "-KILL", $"{run.Id}"])).MustEnd();
        (await Execution.Run(["sh", "-c", $"echo go >{go}"])).MustEnd();
        await MustEnd(daemon);
        Assert.DoesNotContain("lived", (await run.End()).Output, StringComparison.Ordinal);
        Assert.False(File.Exists(done));
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Its_programs_run_on_if_that_is_asked_for(Who who)
    {
        using Execution run = Execution.Start([.. Workbench.As(who), bench.Launcher(who), "run", "--no-kill-on-exit",
            "sh", "-c", "test -e /dev/iommu && echo served; read -r line; cat /proc/self/comm; "
                + "ls -d /dev/vfio/devices/vfio0 || echo gone"]);
        await run.Hear("served");
        (await Execution.Run(["kill", "-KILL", $"{run.Id}"])).MustEnd();
        await run.Say("go on\n");
        await run.Hear("cat");
        await run.Hear("gone");
        Assert.Contains($"ioasis: the supervisor ({run.Id}) was killed; its programs run on without devices\n",
            (await run.End()).Error, StringComparison.Ordinal);
    }

    /// <summary>No other call is made that would tell of it.</summary>
    [Fact]
    public async Task A_call_that_was_being_served_ends_at_once()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "userfaultfd takes root");
        using Execution run = Execution.Start([bench.Launcher(Who.Self), "run", "--no-kill-on-exit",
            bench.Client("standing_call")]);
        await run.Hear("standing");
        (await Execution.Run(["kill", "-KILL", $"{run.Id}"])).MustEnd();
        await run.Hear("came back: Inappropriate ioctl for device");
        Assert.Contains($"ioasis: the supervisor ({run.Id}) was killed; its programs run on without devices\n",
            (await run.End()).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_time_that_is_over_kills_all_that_was_started()
    {
        Ending ending = (await Execution.Run([bench.Launcher(Who.Self), "run", "--timeout", "2s", "sh", "-c",
            "trap '' TERM; setsid sh -c 'sleep 1000; true' & (setsid sleep 1000 & echo $!); echo $!; sleep 1000"]))
            .MustEnd(124);
        Assert.Contains("2 s are over", ending.Error, StringComparison.Ordinal);
        foreach (string program in ending.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            await MustEnd(program);
    }

    /// <summary>Waits until a process has ended.</summary>
    private static async Task MustEnd(string process) =>
        (await Execution.Run(["timeout", "60", "tail", "--pid", process, "-f", "/dev/null"])).MustEnd();
}
