using System.Text.Json.Nodes;

namespace Ioasis.EndToEnd;

/// <summary><c>trace -k</c> shows where in an unmodified program a call was made.</summary>
public sealed class StackTests(Workbench bench)
{
    private const string Libdw = "/usr/lib/x86_64-linux-gnu/libdw.so.1";

    [Theory]
    [InlineData("", Who.Self)]
    [InlineData("", Who.Nobody)]
    [InlineData("-no-pie", Who.Self)]
    [InlineData("-static", Who.Nobody)]
    [InlineData("-static-pie", Who.Self)]
    [InlineData("-fno-omit-frame-pointer -O0", Who.Self)]
    public async Task A_call_of_C_has_its_function_and_line(string flags, Who who)
    {
        string trace = await Trace(who, await Build(who, "gcc", "stacks.c", flags));
        string map = FramesOf(trace, "IOMMU_IOAS_MAP"), unmap = FramesOf(trace, "IOMMU_IOAS_UNMAP");
        Assert.Matches(
            $@"\(map_page\+0x[0-9a-f]+\) \[0x[0-9a-f]+\] .*/stacks\.c:{LineOf("stacks.c", "/* map */")}\n", map);
        Assert.Contains("(main+0x", map, StringComparison.Ordinal);
        Assert.Contains("(_start+0x", map, StringComparison.Ordinal);
        Assert.Matches(
            $@"\(unmap_inlined inlined in unmap_page\+0x.*/stacks\.c:{LineOf("stacks.c", "/* unmap */")}\n", unmap);
    }

    [Fact]
    public async Task A_call_of_Cpp_has_the_name_of_its_method()
    {
        string map = FramesOf(
            await Trace(Who.Self, await Build(Who.Self, "g++", "stacks.cc", "")), "IOMMU_IOAS_MAP");
        Assert.Matches(
            $@"\(stacks::Mapper<int>::map\(unsigned int, int\*\).*/stacks\.cc:{LineOf("stacks.cc", "// map")}\n", map);
    }

    [Fact]
    public async Task A_call_of_dotnet_has_the_names_of_its_methods()
    {
        string program = Path.Combine(bench.Root, "artifacts/bin/FirstDma/release/FirstDma.dll");
        string named = FramesOf(
            await Trace(Who.Self, ["env", "DOTNET_PerfMapEnabled=1", "dotnet", program, "nodes"]), "IOMMU_IOAS_MAP");
        Assert.Contains("Ioasis.Client.Ioas::Map(", named, StringComparison.Ordinal);
        Assert.Contains("Program::<Main>$(", named, StringComparison.Ordinal);
        Assert.Contains("(coreclr_execute_assembly+0x", named, StringComparison.Ordinal); // unwound to the end
        string nameless = FramesOf(await Trace(Who.Self, ["dotnet", program, "nodes"]), "IOMMU_IOAS_MAP");
        Assert.Contains(".NET names it with DOTNET_PerfMapEnabled=1", nameless, StringComparison.Ordinal);
        Assert.Contains("(coreclr_execute_assembly+0x", nameless, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_line_of_JSON_has_the_frames()
    {
        string[] lines = (await Trace(Who.Self, await Build(Who.Self, "gcc", "stacks.c", ""), "--json")).Split('\n');
        JsonNode map = lines.Where(l => l.Length != 0).Select(l => JsonNode.Parse(l)!)
            .Single(l => (string?)l["request"] == "IOMMU_IOAS_MAP");
        Assert.Contains("(map_page+0x", (string)map["stack"]![1]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task A_report_of_a_check_has_the_stacks_and_the_line(Who who)
    {
        string program = Path.Combine(await bench.Scratch(who), "checked");
        string build = $"gcc -g -O0 -D_GNU_SOURCE -I '{bench.Root}/include' "
            + $"$('{bench.Root}/eng/uapi-headers.sh') '{bench.Root}/tests/Clients/checked.c' -o '{program}'";
        (await Execution.Run(["sh", "-c", build])).MustEnd();
        string[] words = [.. Workbench.As(who), bench.Launcher(who), "run", "--check", "--device",
            $"dmatest@{Machine.DmaTest}", "--", program, Machine.DmaTest, "dma-after-unmap"];
        string report = (await Execution.Run(words)).MustEnd(99).Error;
        Assert.Matches(@"mapped by thread [0-9]+ in ioctl\(IOMMU_IOAS_MAP\), call [0-9]+:\n"
            + @"    #0 0x[0-9a-f]+ in ioctl \(.*\)\n"
            + @"(    #[1-9] .*\n)*    #[2-9] 0x[0-9a-f]+ in map_memory .*/checked\.c:[0-9]+\n", report);
        Assert.Matches(@"in dma_after_unmap .*/checked\.c:[0-9]+\n", report);
        Assert.Matches(@"SUMMARY: Ioasis: dma-after-unmap .*/[a-z]+\.[ch]:[0-9]+ in unmap\n", report);
        var without = new Dictionary<string, string> { ["IOASIS_CHECK"] = "stacks=0" };
        Assert.DoesNotContain("#0", (await Execution.Run(words, without)).MustEnd(99).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_thread_that_another_traces_has_no_stack_and_its_call_is_served()
    {
        string[] program = [.. await Build(Who.Self, "gcc", "stacks.c", ""), "traced"];
        Assert.Contains("> no stack: the thread is traced by another",
            FramesOf(await Trace(Who.Self, program), "IOMMU_IOAS_MAP"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Threads_that_die_in_calls_harm_nothing()
    {
        string file = Path.Combine(await bench.Scratch(Who.Self), "trace");
        string[] program = [.. await Build(Who.Self, "gcc", "stacks.c", ""), "dying"];
        (await Execution.Run([bench.Launcher(Who.Self), "trace", "-k", "-o", file, "--", .. program]))
            .MustEnd(128 + 9).MustSay("ok");
        Assert.Contains("(die+0x", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_libdw_a_sentence_says_so_and_the_program_runs()
    {
        string file = Path.Combine(await bench.Scratch(Who.Self), "trace");
        Ending run = await Execution.Run(["bwrap", "--dev-bind", "/", "/", "--dev-bind", "/dev/null", Libdw, "--",
            bench.Launcher(Who.Self), "trace", "-k", "-o", file, "--",
            .. await Build(Who.Self, "gcc", "stacks.c", "")]);
        run.MustEnd().MustSay("ok");
        Assert.Contains("libdw is not installed", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(" > ", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_runs_already_has_no_stacks() =>
        Assert.Contains("no -k", (await Execution.Run([bench.Launcher(Who.Self), "trace", "-k", "-p", "1"])).MustEnd(2)
            .Error, StringComparison.Ordinal);

    /// <summary>The number of the line that has a mark.</summary>
    internal static int LineOf(Workbench bench, string source, string mark) =>
        Array.FindIndex(File.ReadAllLines(PathOf(bench, source)), l => l.Contains(mark, StringComparison.Ordinal)) + 1;

    /// <summary>The path of a source.</summary>
    internal static string PathOf(Workbench bench, string source) =>
        Path.Combine(bench.Root, "tests/Clients/stacks", source);

    /// <summary>The lines after a call's.</summary>
    internal static string FramesOf(string trace, string call)
    {
        string[] lines = trace.Split('\n');
        int at = Array.FindIndex(lines, l => l.Contains($" {call}, ", StringComparison.Ordinal));
        Assert.True(at >= 0, $"no {call} in: {trace}");
        return string.Concat(lines.Skip(at + 1).TakeWhile(l => l.StartsWith(" > ", StringComparison.Ordinal))
            .Select(l => l + "\n"));
    }

    /// <summary>Traces a program that says "ok", with stacks.</summary>
    internal static async Task<string> Trace(Workbench bench, Who who, string[] program, params string[] options)
    {
        string file = Path.Combine(await bench.Scratch(who), "trace");
        (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "trace", "-k", "-e", "trace=iommu", "-o", file,
            .. options, "--", .. program])).MustEnd();
        return File.ReadAllText(file);
    }

    private int LineOf(string source, string mark) => LineOf(bench, source, mark);

    private Task<string> Trace(Who who, string[] program, params string[] options) =>
        Trace(bench, who, program, options);

    private async Task<string[]> Build(Who who, string compiler, string source, string flags)
    {
        string program = Path.Combine(await bench.Scratch(who), "program");
        (await Execution.Run(["sh", "-c", $"{compiler} -g -O2 {flags} $('{bench.Root}/eng/uapi-headers.sh') "
            + $"'{PathOf(bench, source)}' -o '{program}' -lpthread"])).MustEnd();
        return [program];
    }
}
