using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>
/// The README's programs are the examples' own text, and what it shows of their output is what they print.
/// </summary>
public sealed partial class ReadmeTests(Workbench bench)
{
    private readonly string _readme = File.ReadAllText(Path.Combine(bench.Root, "README.md"));

    [Theory]
    [InlineData("c", "examples/first_dma.c")]
    [InlineData("csharp", "examples/FirstDma/Program.cs")]
    public void The_code_shown_is_the_example(string language, string file) =>
        Assert.Contains($"```{language}\n{File.ReadAllText(Path.Combine(bench.Root, file)).TrimEnd()}\n```", _readme,
            StringComparison.Ordinal);

    [Fact]
    public async Task The_program_in_c_prints_what_is_shown()
    {
        string program = Path.Combine(await bench.Scratch(Who.Self), "first_dma");
        string build = $"gcc -O2 -Wall -Wextra "
            + $"-Werror $('{bench.Root}/eng/uapi-headers.sh') '{bench.Root}/examples/first_dma.c' -o '{program}'";
        (await Execution.Run(["sh", "-c", build])).MustEnd();
        MustShow((await Execution.Run(bench.UnderIoasis(Who.Self, [], program))).MustEnd());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_program_in_csharp_prints_what_is_shown(bool throughNodes)
    {
        string[] program = ["dotnet", Path.Combine(bench.Root, "artifacts/bin/FirstDma/release/FirstDma.dll")];
        MustShow((await Execution.Run(throughNodes ? bench.UnderIoasis(Who.Self, [], [.. program, "nodes"]) : program))
            .MustEnd());
    }

    [Theory]
    [InlineData("c", "examples/sva.c")]
    [InlineData("csharp", "examples/Sva/Program.cs")]
    public void The_lines_shown_of_SVA_are_ten_of_the_example(string language, string file)
    {
        string[] example = File.ReadAllLines(Path.Combine(bench.Root, file));
        int first = Array.FindIndex(example, line => line.Contains("---- in the README ----", StringComparison.Ordinal))
            + 1;
        string[] lines =
            example[first..Array.FindIndex(example, line => line.Contains("---- ----", StringComparison.Ordinal))];
        Assert.InRange(lines.Length, 1, 10);
        string shown = string.Join(
            '\n', lines.Select(line => line.StartsWith("    ", StringComparison.Ordinal) ? line[4..] : line));
        Assert.Contains($"```{language}\n{shown}\n```", _readme, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_program_with_SVA_in_c_prints_what_is_shown()
    {
        string program = Path.Combine(await bench.Scratch(Who.Self), "sva");
        string build = $"gcc -O2 -Wall -Wextra -Werror -I '{bench.Root}/include' "
            + $"$('{bench.Root}/eng/uapi-headers.sh') '{bench.Root}/examples/sva.c' -o '{program}'";
        (await Execution.Run(["sh", "-c", build])).MustEnd();
        MustShow((await Execution.Run(bench.UnderIoasis(Who.Self, [], program))).MustEnd());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_program_with_SVA_in_csharp_prints_what_is_shown(bool throughNodes)
    {
        string[] program = ["dotnet", Path.Combine(bench.Root, "artifacts/bin/Sva/release/Sva.dll")];
        MustShow((await Execution.Run(throughNodes ? bench.UnderIoasis(Who.Self, [], [.. program, "nodes"]) : program))
            .MustEnd());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_program_that_drives_a_dsa_copies(bool throughNodes)
    {
        string[] program = ["dotnet", Path.Combine(bench.Root, "artifacts/bin/DsaCopy/release/DsaCopy.dll")];
        const string Dsa = "1000:00:05.0";
        Ending ending = (await Execution.Run(
                throughNodes ? bench.UnderIoasis(Who.Self, [$"dsa@{Dsa}"], [.. program, "nodes"]) : program)).MustEnd();
        string shown = await File.ReadAllTextAsync(Path.Combine(bench.Root, "docs/devices/dsa.md"),
            TestContext.Current.CancellationToken);
        MustShow(ending.Output, shown);
    }

    [Fact]
    public async Task The_demo_prints_what_is_shown() =>
        MustShow((await Execution.Run([Path.Combine(bench.Root, "ioasis"), "demo"])).MustEnd());

    [Fact]
    public async Task The_demo_of_a_guests_processes_prints_what_is_shown()
    {
        string output = (await Execution.Run([Path.Combine(bench.Root, "ioasis"), "demo", "vsva"])).MustEnd().Output;
        MustShow(output, await File.ReadAllTextAsync(Path.Combine(bench.Root, "docs/dual-stage.md"),
                TestContext.Current.CancellationToken));
        string[] lines = output.Split('\n');
        int first = Array.FindIndex(lines, l => l.StartsWith("   .--", StringComparison.Ordinal)),
            last = Array.FindLastIndex(lines, l => l.TrimStart().StartsWith("'--", StringComparison.Ordinal));
        MustShow(string.Join('\n', lines[first..(last + 1)]), _readme); // the picture
    }

    private void MustShow(Ending ending) => MustShow(ending.Output, _readme);

    /// <summary>But for addresses and times, which differ from run to run.</summary>
    private static void MustShow(string output, string page)
    {
        string same = Differing().Replace(output.TrimEnd(), "*");
        Assert.True(same.Length > 0 && Differing().Replace(page, "*").Contains(same, StringComparison.Ordinal),
            $"the page does not show {output}");
    }

    [GeneratedRegex(@"HVA 0x[0-9a-f]+ *|\d+ [mµ]s")]
    private static partial Regex Differing();
}
