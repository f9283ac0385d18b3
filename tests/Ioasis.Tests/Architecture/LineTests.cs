namespace Ioasis.Tests.Architecture;

/// <summary>Lines end at 120 columns, so that two files fit beside each other.</summary>
public sealed class LineTests
{
    private const int Columns = 120;

    // What a program writes is as it writes it, and a reader does not go through it by lines.
    private static readonly string[] s_written =
        ["tests/Ioasis.Differential/Recorded/", "tests/Ioasis.Tests/Abi/Golden/"];
    private static readonly string[] s_folders = ["src", "tests", "bench", "examples", "eng", "include", "docs"];

    private static readonly string[] s_kinds = [".cs", ".c", ".h", ".S", ".sh"];

    [Fact]
    public void EveryLineOfCodeEndsAtColumn120()
    {
        string[] files = [.. Files().Where(f => s_kinds.Contains(Path.GetExtension(f)))
            .Where(f => !s_written.Any(w => f.StartsWith(w, StringComparison.Ordinal)))];
        Assert.True(files.Length > 500, $"only {files.Length} files were found");
        Assert.Equal([], files.SelectMany(LongLines));
    }

    [Fact]
    public void EveryLineOfTextEndsAtColumn120()
    {
        string[] files = [.. Files().Concat(["README.md"]).Where(f => Path.GetExtension(f) == ".md")];
        Assert.True(files.Length > 20, $"only {files.Length} files were found");
        Assert.Equal([], files.SelectMany(f => LongLines(f).Except(Output(f))));
    }

    /// <summary>
    /// The lines of blocks that show a command and its output, from the first prompt on.
    /// </summary>
    private static IEnumerable<string> Output(string file)
    {
        bool fenced = false, shown = false;
        int number = 0;
        foreach (string line in File.ReadLines(Path.Combine(Repository.Root, file)))
        {
            number++;
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                fenced = !fenced;
                shown = false;
            }
            else if (fenced)
            {
                shown |= line.StartsWith("$ ", StringComparison.Ordinal);
                if (shown) yield return $"{file}:{number}";
            }
        }
    }

    private static IEnumerable<string> Files() => s_folders
        .SelectMany(f => Directory.EnumerateFiles(
            Path.Combine(Repository.Root, f), "*", SearchOption.AllDirectories))
        .Select(Repository.Relative);

    private static IEnumerable<string> LongLines(string file) =>
        File.ReadLines(Path.Combine(Repository.Root, file))
            .Select((line, i) => (line, i))
            .Where(l => l.line.EnumerateRunes().Count() > Columns)
            .Select(l => $"{file}:{l.i + 1}");
}
