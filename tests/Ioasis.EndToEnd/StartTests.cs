namespace Ioasis.EndToEnd;

/// <summary>What the start of a program costs that can be counted.</summary>
public sealed class StartTests(Workbench bench)
{
    // Each takes a tenth of a millisecond or more. Most are generic types of the framework with structs in them, for
    // which neither the framework's assemblies nor ours can have code.
    private const int MostCompiled = 170;

    [Fact]
    public async Task Few_methods_are_compiled_when_a_program_starts()
    {
        string file = Path.Combine(await bench.Scratch(Who.Self), "compiled");
        var told = new Dictionary<string, string>
        {
            ["DOTNET_JitStdOutFile"] = file,
            ["DOTNET_JitDisasmSummary"] = "1",
        };
        (await Execution.Run(bench.UnderIoasis(Who.Self, [], "true"), told)).MustEnd();
        string[] compiled = [.. (await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken))
            .Where(line => line.Contains("JIT compiled", StringComparison.Ordinal))];
        Assert.True(compiled.Length is > 0 and <= MostCompiled,
            $"{compiled.Length} methods:\n{string.Join('\n', compiled)}");
    }
}
