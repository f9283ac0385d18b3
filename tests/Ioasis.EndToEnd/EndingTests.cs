namespace Ioasis.EndToEnd;

/// <summary>How a program ends, what it is given and what it is told stay its own under <c>ioasis run</c>.</summary>
public sealed class EndingTests(Workbench bench)
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(255)]
    public async Task Exit_code_is_the_programs(int code) =>
        (await Run(bench.Client("ending"), "exit", $"{code}")).MustEnd(code);

    [Theory]
    [InlineData(15)] // SIGTERM
    [InlineData(9)] // SIGKILL
    [InlineData(6)] // SIGABRT
    [InlineData(11)] // SIGSEGV
    [InlineData(13)] // SIGPIPE
    public async Task Death_by_a_signal_shows_as_a_shell_shows_it(int signal) =>
        // .NET runs this test with SIGPIPE ignored, and the program would rightly inherit that
        (await Execution.Run(["env", "--default-signal=PIPE",
            .. bench.UnderIoasis(Who.Self, [], bench.Client("ending"), "signal", $"{signal}")]))
            .MustEnd(128 + signal);

    [Theory]
    [InlineData("TERM", 40 + 15)]
    [InlineData("INT", 40 + 2)]
    [InlineData("HUP", 40 + 1)]
    public async Task Signal_to_ioasis_reaches_the_program(string signal, int code)
    {
        using Execution execution = Execution.Start(bench.UnderIoasis(Who.Self, [], bench.Client("ending"), "wait"));
        await execution.Hear("waiting");
        (await Execution.Run(["kill", $"-{signal}", $"{execution.Id}"])).MustEnd();
        (await execution.End()).MustEnd(code);
    }

    /// <summary>
    /// As Ctrl-C on a terminal: to the whole process group, so that both get it, and the program decides.
    /// </summary>
    [Fact]
    public async Task Signal_to_the_process_group_is_the_programs_to_answer()
    {
        using Execution execution =
            Execution.Start(["setsid", .. bench.UnderIoasis(Who.Self, [], bench.Client("ending"), "wait")]);
        await execution.Hear("waiting");
        (await Execution.Run(["kill", "-INT", "--", $"-{execution.Id}"])).MustEnd();
        (await execution.End()).MustEnd(40 + 2);
    }

    [Fact]
    public async Task Program_that_is_not_there_gives_127() =>
        Assert.Contains("/nothing/there", (await Run("/nothing/there")).MustEnd(127).Error, StringComparison.Ordinal);

    [Fact]
    public async Task File_that_cannot_be_executed_gives_126() => (await Run("/etc/passwd")).MustEnd(126);

    [Fact]
    public async Task Standard_streams_are_the_programs()
    {
        Ending ending = await Execution.Run(bench.UnderIoasis(Who.Self, [], "sh", "-c", "cat; echo problem >&2"),
            input: "one\ntwo\n");
        Assert.Equal("one\ntwo\n", ending.MustEnd().Output);
        Assert.Equal("problem\n", ending.Error);
    }

    [Fact]
    public async Task Arguments_are_the_programs() =>
        Assert.Equal("[a b][][*][--device][-- ]['\"$x]",
            (await Run("printf", "[%s]", "a b", "", "*", "--device", "-- ", "'\"$x")).MustEnd().Output);

    [Fact]
    public async Task Terminal_is_the_programs() =>
        (await Execution.Run(["script", "-qec", string.Join(
            ' ', bench.UnderIoasis(Who.Self, [], "sh", "-c", "'test -t 0 && test -t 1 && test -t 2 && echo yes'")),
            "/dev/null"])).MustEnd().MustSay("yes");

    /// <summary>Limits, masks, descriptors, environment: each is as it would be without ioasis.</summary>
    [Theory]
    [InlineData("limits", "ulimit -Sa; ulimit -Ha")]
    [InlineData("signals", "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status")]
    [InlineData("descriptors", "echo /proc/self/fd/*; cat <&7")]
    [InlineData("environment", "env | sort")]
    [InlineData("folder and mask", "pwd; umask")]
    [InlineData("scheduling", "cut -d' ' -f18,19 /proc/self/stat; cat /proc/self/oom_score_adj")]
    [InlineData("users", "id; grep -E '^Cap' /proc/self/status")]
    [InlineData("pipes", "yes | head -n 1")]
    public async Task Program_starts_as_without_ioasis(string what, string script)
    {
        // odd enough that a value which somebody resets shows
        const string Prepare = "ulimit -Sn 300; ulimit -Sf 5001; trap '' USR1; umask 027; cd /usr; "
            + "exec 7</etc/hostname; exec \"$@\"";
        string[] direct = ["bash", "-c", Prepare, "prepare", "bash", "-c", script];
        string[] under = ["bash", "-c", Prepare, "prepare", .. bench.UnderIoasis(Who.Self, [], "bash", "-c", script)];
        string expected = (await Execution.Run(direct)).MustEnd().Output;
        string came = (await Execution.Run(under)).MustEnd().Output;
        Assert.True(expected == came, $"expected the program's {what} to be\n{expected}\ncame\n{came}");
    }

    /// <summary>An installed ioasis has no script that tells it what the runtime has changed.</summary>
    [Theory]
    [InlineData("signals", "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status")]
    [InlineData("limits", "ulimit -Sa; ulimit -Ha")]
    [InlineData("descriptors", "echo /proc/self/fd/*; cat <&7")]
    public async Task Program_starts_as_without_ioasis_where_no_script_starts_it(string what, string script)
    {
        // The limit is that of the process which starts us, so it stays. SIGPIPE is the one that cannot be known.
        const string Prepare = "ulimit -Sn 3000; trap '' USR1; exec 7</etc/hostname; \"$@\"; exit $?";
        string[] prepare = ["env", "--default-signal=PIPE", "bash", "-c", Prepare, "prepare"],
            program = ["bash", "-c", script];
        string expected = (await Execution.Run([.. prepare, .. program])).MustEnd().Output;
        string came = (await Execution.Run([.. prepare, "dotnet",
            Path.Combine(bench.Root, "artifacts/bin/Ioasis.Cli/release/ioasis.dll"), "run", "--", .. program]))
            .MustEnd().Output;
        Assert.True(expected == came, $"expected the program's {what} to be\n{expected}\ncame\n{came}");
    }

    /// <summary>As a shell and execvp(3) do it.</summary>
    [Fact]
    public async Task A_program_is_looked_for_in_PATH_and_may_be_a_script_without_an_interpreter()
    {
        string folder = await bench.Scratch(Who.Self);
        (await Execution.Run(["sh", "-c", $"""
            cd {folder} && mkdir refused found last && echo >refused/named && echo >refused/only &&
            echo 'echo found "$0" "$@"' >found/named && echo 'echo last' >last/named && chmod +x found/named last/named
            """])).MustEnd();
        Ending named = (await Execution.Run(["env", $"PATH={folder}/refused:/no/such:{folder}/found:{folder}/last:"
            + Environment.GetEnvironmentVariable("PATH"), .. bench.UnderIoasis(Who.Self, [], "named", "a b", "c")]))
            .MustEnd();
        Assert.Equal($"found {folder}/found/named a b c\n", named.Output);
        Ending refused = (await Execution.Run(["env", $"PATH={folder}/refused:{folder}/last:"
            + Environment.GetEnvironmentVariable("PATH"), .. bench.UnderIoasis(Who.Self, [], "only")])).MustEnd(126);
        Assert.Equal("ioasis: cannot run 'only': Permission denied\n", refused.Error);
        Ending missing = (await Run("no such program")).MustEnd(127);
        Assert.Equal("ioasis: cannot run 'no such program': No such file or directory\n", missing.Error);
    }

    private Task<Ending> Run(params string[] program) => Execution.Run(bench.UnderIoasis(Who.Self, [], program));
}
