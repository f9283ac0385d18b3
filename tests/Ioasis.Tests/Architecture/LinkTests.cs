using System.Text.RegularExpressions;

namespace Ioasis.Tests.Architecture;

/// <summary>Each link of a page leads to a file that exists, and to a heading of it.</summary>
public sealed partial class LinkTests
{
    private static readonly string[] s_folders = ["docs", "tests", "examples"];

    [Fact]
    public void EveryLinkLeadsSomewhere()
    {
        string[] pages = [.. s_folders
            .SelectMany(f => Directory.EnumerateFiles(
                Path.Combine(Repository.Root, f), "*.md", SearchOption.AllDirectories))
            .Append(Path.Combine(Repository.Root, "README.md"))];
        (string Page, string Target)[] links = [.. pages.SelectMany(page => Text(page)
            .SelectMany(line => Link().Matches(line).Select(m => (page, m.Groups[1].Value))))];
        Assert.True(links.Length > 100, $"only {links.Length} links were found");
        Assert.Equal([], links.Where(l => !IsGood(l.Page, l.Target))
            .Select(l => $"{Repository.Relative(l.Page)}: {l.Target}"));
    }

    private static bool IsGood(string page, string target)
    {
        if (target.Contains("://", StringComparison.Ordinal)) return true;
        string[] parts = target.Split('#', 2);
        string file = parts[0].Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, parts[0]);
        return parts.Length == 1 ? Path.Exists(file) : File.Exists(file) && Anchors(file).Contains(parts[1]);
    }

    /// <summary>
    /// The anchors of a page's headings: letters, digits, hyphens and underscores, as GitHub makes them.
    /// </summary>
    private static HashSet<string> Anchors(string page)
    {
        var anchors = new HashSet<string>();
        foreach (string line in Text(page).Where(l => l.StartsWith('#')))
        {
            string text = NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');
            string anchor = text;
            for (int n = 1; !anchors.Add(anchor); n++) anchor = $"{text}-{n}";
        }

        return anchors;
    }

    /// <summary>The lines outside of code blocks.</summary>
    private static IEnumerable<string> Text(string page)
    {
        bool code = false;
        foreach (string line in File.ReadLines(page))
        {
            bool fence = line.TrimStart().StartsWith("```", StringComparison.Ordinal);
            code ^= fence;
            if (!fence && !code) yield return line;
        }
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\p{L}\p{N}_\- ]")]
    private static partial Regex NotInAnchor();
}
