namespace Ioasis.EndToEnd;

/// <summary>What a real Linux printed for a program, as the same program is to print it here.</summary>
internal static class RecordedAnswers
{
    /// <summary>The recorded lines with the differences, each of which must occur once, in any order.</summary>
    internal static List<string> Expect(string file, IEnumerable<Difference> differences)
    {
        List<string> expected = [];
        List<Difference> left = [.. differences];
        foreach (string line in Lines(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, file))))
        {
            int known = left.FindIndex(difference => difference.Linux == line);
            if (known < 0) expected.Add(line);
            else
            {
                if (left[known].Ours is { } ours) expected.Add(ours);
                left.RemoveAt(known);
            }
        }

        Assert.Empty(left);
        return expected;
    }

    /// <summary>The lines of a text, with one blank between words.</summary>
    internal static IEnumerable<string> Lines(string text) => text.Split('\n').Select(
        line => string.Join(' ', line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)))
        .Where(line => line.Length != 0);
}

/// <summary>A line that is another one here.</summary>
/// <param name="Linux">Linux's.</param>
/// <param name="Ours">Ours; null for none.</param>
/// <param name="Reason">Why.</param>
internal sealed record Difference(string Linux, string? Ours, string Reason);
