using System.Globalization;

namespace Ioasis.EndToEnd;

/// <summary>What commands print fits the screen, and they say so where it cannot be written.</summary>
public sealed class StandardOutputTests(Workbench bench)
{
    [Theory]
    [InlineData("--help")]
    [InlineData("run", "--help")]
    [InlineData("--version")]
    [InlineData("man")]
    [InlineData("completion", "bash")]
    [InlineData("schema", "machine")]
    [InlineData("devices")]
    [InlineData("devices", "--json")]
    [InlineData("demo")]
    [InlineData("demo", "--json")]
    [InlineData("doctor")]
    public async Task A_full_disk_is_told_and_is_an_error(params string[] words)
    {
        Ending ending = await Execution.Run(
            ["sh", "-c", "exec \"$0\" \"$@\" >/dev/full", bench.Launcher(Who.Self), .. words]);
        Assert.Equal("ioasis: cannot write to standard output: No space left on device.\n", ending.MustEnd(1).Error);
    }

    [Theory]
    [InlineData("40", 40)]
    [InlineData("60", 60)]
    [InlineData("100", 100)]
    [InlineData("1", 40)] // the narrowest
    [InlineData("wide", 80)]
    [InlineData(null, 80)]
    public async Task Help_is_as_wide_as_COLUMNS_says(string? columns, int width)
    {
        string set = columns is null ? "-uCOLUMNS" : $"COLUMNS={columns}";
        foreach (string[] words in (string[][])[["--help"], ["run", "--help"]])
            MustBeWide((await Execution.Run(["env", set, bench.Launcher(Who.Self), .. words])).MustEnd().Output, width);
    }

    [Fact]
    public async Task Help_is_as_wide_as_the_terminal()
    {
        string script = $"stty cols 50; exec env -u COLUMNS '{bench.Launcher(Who.Self)}' --help";
        Ending ending = (await Execution.Run(["script", "-qec", script, "/dev/null"])).MustEnd();
        MustBeWide(ending.Output.Replace("\r", "", StringComparison.Ordinal), 50);
    }

    // No line is longer, and a word more would not fit into the longest.
    private static void MustBeWide(string text, int width)
    {
        int longest = text.Split('\n').Max(line => line.Length);
        Assert.True(longest <= width && longest > width - 10, string.Create(CultureInfo.InvariantCulture,
            $"expected lines of up to {width} characters, came {longest}:\n{text}"));
    }
}
