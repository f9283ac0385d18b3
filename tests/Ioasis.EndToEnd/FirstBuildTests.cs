namespace Ioasis.EndToEnd;

/// <summary>
/// What the launcher of a source tree says while it builds for the first time. A script stands for dotnet: it says what
/// dotnet says, and waits until the test has heard of it.
/// </summary>
public sealed class FirstBuildTests(Workbench bench)
{
    private const string Dotnet = """
        #!/bin/sh
        if [ "$1" != build ]; then echo "ran $2"; exit; fi
        echo "$*" >>"$GATE/arguments"
        case "$*" in *Ioasis.slnx*) exit ;; esac # the build of the tests waits for nobody
        read -r _ <"$GATE/1" # nothing is said until the test has heard the launcher
        echo '  Restored /tree/src/Ioasis.Abi/Ioasis.Abi.csproj (in 1 sec).'
        read -r _ <"$GATE/2"
        for each in 1 2 3 4 5; do echo "  Ioasis.$each -> /tree/$each.dll"; done
        read -r _ <"$GATE/3"
        mkdir -p "${2%/src/*}/artifacts/bin/Ioasis.Cli/release"
        : >"${2%/src/*}/artifacts/bin/Ioasis.Cli/release/ioasis.dll"
        exit "$RESULT"
        """;

    [Fact]
    public async Task First_build_tells_what_it_does_before_it_is_done()
    {
        (Execution build, string gates) = await Start(0, "exec \"$0\" demo 2>&1");
        using Execution end = build;
        Assert.Equal("ioasis: building (for the first time; this takes about half a minute)", await build.HearLine());
        await build.Hear("ioasis: restoring packages");
        await Open(gates, 1);
        await build.Hear("ioasis: compiling");
        await Open(gates, 2);
        await build.Hear("ioasis: compiling, 5 projects are built");
        await Open(gates, 3);
        (await build.End()).MustEnd().MustSay("ran demo");
    }

    [Fact]
    public async Task On_a_terminal_one_line_ticks()
    {
        (Execution build, string gates) = await Start(0, "exec script -qec \"'$0' demo\" /dev/null");
        using Execution end = build;
        await build.HearPart("restoring packages, 1 s");
        await Open(gates, 1);
        await build.HearPart("ioasis: compiling, 1 s");
        await Open(gates, 2);
        await build.HearPart("5 projects are built, ");
        await Open(gates, 3);
        (await build.End()).MustEnd().MustSay("ran demo");
    }

    [Fact]
    public async Task Failed_build_shows_what_the_compiler_said()
    {
        (Execution build, string gates) = await Start(1, "exec \"$0\" demo");
        using Execution end = build;
        for (int i = 1; i <= 3; i++) await Open(gates, i);
        Ending ending = (await build.End()).MustEnd(125);
        Assert.Contains("Ioasis.5 -> /tree/5.dll", ending.Error, StringComparison.Ordinal);
        Assert.Contains("ioasis: it does not build", ending.Error, StringComparison.Ordinal);
    }

    /// <summary>
    /// Analyzers are half of the build. What was built without them is built anew before it is tested.
    /// </summary>
    [Fact]
    public async Task Only_the_first_build_is_without_analyzers_and_the_tests_do_not_take_it()
    {
        (Execution build, string gates) = await Start(0, "cd \"$GATE\" && ./ioasis demo && touch src/New.cs "
            + "&& ./ioasis demo && ./eng/test.sh build && ./eng/test.sh build");
        using Execution end = build;
        for (int i = 1; i <= 6; i++) await Open(gates, (i - 1) % 3 + 1);
        (await build.End()).MustEnd().MustSay("0 passed, 0 failed");
        string[] calls = await File.ReadAllLinesAsync(
            Path.Combine(gates, "arguments"), TestContext.Current.CancellationToken);
        Assert.Equal(
            [true, false, false, false],
            calls.Select(c => c.Contains("-p:RunAnalyzers=false", StringComparison.Ordinal)));
        Assert.Equal(
            [false, false, true, false], calls.Select(c => c.Contains("--no-incremental", StringComparison.Ordinal)));
    }

    private async Task<(Execution Build, string Gates)> Start(int result, string script)
    {
        string tree = await bench.Scratch(Who.Self);
        string tools = Directory.CreateDirectory(Path.Combine(tree, "tools")).FullName;
        Directory.CreateDirectory(Path.Combine(tree, "src"));
        Directory.CreateDirectory(Path.Combine(tree, "eng"));
        foreach (string file in (string[])["ioasis", "eng/test.sh"])
            File.Copy(Path.Combine(bench.Root, file), Path.Combine(tree, file));
        string dotnet = Path.Combine(tools, "dotnet");
        await File.WriteAllTextAsync(dotnet, Dotnet, TestContext.Current.CancellationToken);
        (await Execution.Run(["chmod", "0500", dotnet])).MustEnd();
        for (int i = 1; i <= 3; i++) (await Execution.Run(["mkfifo", Path.Combine(tree, $"{i}")])).MustEnd();
        Dictionary<string, string> environment = new()
        {
            ["PATH"] = tools + ":" + Environment.GetEnvironmentVariable("PATH"),
            ["GATE"] = tree,
            ["RESULT"] = $"{result}",
        };
        return (Execution.Start(["sh", "-c", script, Path.Combine(tree, "ioasis")], environment), tree);
    }

    /// <summary>Lets dotnet go on. Ends when it does.</summary>
    private static async Task Open(string gates, int gate) =>
        (await Execution.Run(["sh", "-c", "echo >\"$0\"", Path.Combine(gates, $"{gate}")])).MustEnd();
}
