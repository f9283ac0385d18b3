namespace Ioasis.EndToEnd;

/// <summary>What ./ioasis says where it cannot build itself, and how a command line names its program.</summary>
public sealed class SourceTreeTests(Workbench bench)
{
    [Fact]
    public async Task Without_dotnet_it_says_what_is_missing()
    {
        string folder = await bench.Scratch(Who.Self);
        foreach (string tool in (string[])["dirname", "readlink"])
            File.CreateSymbolicLink(Path.Combine(folder, tool), $"/usr/bin/{tool}");
        Ending ending = (await Execution.Run(["/bin/bash", bench.Launcher(Who.Nobody), "devices"],
            new Dictionary<string, string> { ["PATH"] = folder })).MustEnd(125);
        Assert.Equal("ioasis: there is no dotnet in PATH; this source tree needs the .NET 10 SDK\n", ending.Error);
    }

    [Fact]
    public async Task A_tree_that_is_not_built_and_cannot_be_written_is_told()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "the tests' own user may write to the tree");
        string folder = await bench.Scratch(Who.Self), tree = Directory.CreateDirectory($"{folder}/tree").FullName;
        File.Copy(Path.Combine(bench.Root, "ioasis"), $"{tree}/ioasis");
        (await Execution.Run(["chmod", "-R", "a+rX,go-w", folder])).MustEnd();
        Ending ending = (await Execution.Run([.. Workbench.As(Who.Nobody), $"{tree}/ioasis", "demo"])).MustEnd(125);
        Assert.Equal($"ioasis: {tree} is not built, and you may not write there; run ./ioasis there once as its "
            + "owner\n", ending.Error);
    }

    [Fact]
    public async Task The_program_needs_no_dashes_before_it() =>
        Assert.Equal("[-l][--][--device]", (await Execution.Run([bench.Launcher(Who.Self), "run", "--device",
            $"edu@{Machine.Edu}", "--strict-sva", "printf", "[%s]", "-l", "--", "--device"])).MustEnd().Output);

    [Fact]
    public async Task A_missing_interpreter_is_named()
    {
        string script = Path.Combine(await bench.Scratch(Who.Self), "script");
        await File.WriteAllTextAsync(script, "#! /no/such/interpreter -x\n", TestContext.Current.CancellationToken);
        (await Execution.Run(["chmod", "+x", script])).MustEnd();
        Ending ending = (await Execution.Run(bench.UnderIoasis(Who.Self, [], script))).MustEnd(127);
        Assert.Equal($"ioasis: cannot run '{script}': its interpreter '/no/such/interpreter' does not exist\n",
            ending.Error);
    }
}
