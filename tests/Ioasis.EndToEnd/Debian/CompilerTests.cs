namespace Ioasis.EndToEnd.Debian;

/// <summary>Stacks of programs whose compilers are Debian's golang-go and rustc.</summary>
public sealed class CompilerTests(Workbench bench)
{
    [Theory]
    [InlineData("")]
    [InlineData("-ldflags=-linkmode=external")]
    public async Task A_call_of_Go_has_its_method_and_line(string flags)
    {
        string folder = await bench.Scratch(Who.Self), program = Path.Combine(folder, "program");
        (await Execution.Run(["sh", "-c",
            $"GOCACHE='{folder}/cache' go build {flags} -o '{program}' '{StackTests.PathOf(bench, "stacks.go")}'"]))
            .MustEnd();
        string map = StackTests.FramesOf(await StackTests.Trace(bench, Who.Self, [program]), "IOMMU_IOAS_MAP");
        Assert.Matches(
            $@"\(main\.\(\*mapper\)\.call\+0x.*/stacks\.go:{StackTests.LineOf(bench, "stacks.go", "// map")}\n", map);
        Assert.Contains("(main.(*mapper).mapPage+0x", map, StringComparison.Ordinal);
        Assert.Contains("(main.main+0x", map, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-C target-feature=+crt-static")]
    public async Task A_call_of_Rust_has_its_function_and_line(string flags)
    {
        string program = Path.Combine(await bench.Scratch(Who.Self), "program");
        (await Execution.Run(["sh", "-c",
            $"rustc -g -O {flags} '{StackTests.PathOf(bench, "stacks.rs")}' -o '{program}'"])).MustEnd();
        string map = StackTests.FramesOf(await StackTests.Trace(bench, Who.Self, [program]), "IOMMU_IOAS_MAP");
        Assert.Matches(
            $@"\(stacks::mapping::map_page\+0x.*/stacks\.rs:{StackTests.LineOf(bench, "stacks.rs", "// map")}\n", map);
        Assert.Contains("(stacks::main+0x", map, StringComparison.Ordinal);
    }
}
