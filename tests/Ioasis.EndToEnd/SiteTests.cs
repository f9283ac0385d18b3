using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>The documentation as a site: it is built without a warning, and no link in it is dead.</summary>
public sealed partial class SiteTests(Workbench bench)
{
    [Fact]
    public async Task The_site_is_built_and_each_link_leads_to_something()
    {
        string site = Path.Combine(await bench.Scratch(Who.Self), "site");
        Ending built = (await Execution.Run(
            [Path.Combine(bench.Root, "eng/site.sh"), site], patience: TimeSpan.FromMinutes(10))).MustEnd();
        Dictionary<string, string> pages = [];
        foreach (string file in Directory.EnumerateFiles(site, "*.html", SearchOption.AllDirectories))
            pages[file] = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.Contains(Path.Combine(site, "docs/learn.html"), pages.Keys);
        Assert.Contains(Path.Combine(site, "api/Ioasis.Client.IommuContext.html"), pages.Keys);
        Assert.True(pages.Values.Sum(p => Target().Count(p)) > 1000, built.ToString());
        string[] dead = [.. DeadLinks(pages)];
        Assert.True(dead.Length == 0, string.Join('\n', dead));
    }

    /// <summary>The check is not blind.</summary>
    [Fact]
    public void A_link_to_a_missing_page_or_place_is_found()
    {
        Dictionary<string, string> pages = new()
        {
            ["/none/a.html"] = """<a href="b.html#here">x</a> <a href="b.html#there">x</a> <a href="c.html">x</a>"""
                + """<a href="#top">x</a> <a href="https://example.org/">x</a><h1 id="top">x</h1>""",
            ["/none/b.html"] = """<h2 id="here">x</h2>""",
        };
        Assert.Equal(["/none/a.html: b.html#there", "/none/a.html: c.html"], DeadLinks(pages));
    }

    private static IEnumerable<string> DeadLinks(Dictionary<string, string> pages)
    {
        Dictionary<string, HashSet<string>> places =
            pages.ToDictionary(p => p.Key, p => Place().Matches(p.Value).Select(m => m.Groups[1].Value).ToHashSet());
        foreach ((string page, string text) in pages)
        {
            foreach (string link in Target().Matches(text).Select(m => m.Groups[1].Value).Distinct())
            {
                if (link.Length == 0 || link.Contains(':', StringComparison.Ordinal)
                    || link.StartsWith("//", StringComparison.Ordinal)) continue;
                string[] parts = link.Split('#', 2);
                string path = Uri.UnescapeDataString(parts[0].Split('?')[0]);
                string target = path.Length == 0
                    ? page
                    : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, path));
                bool isThere = places.TryGetValue(target, out HashSet<string>? known)
                    ? parts.Length == 1 || parts[1].Length == 0 || known.Contains(Uri.UnescapeDataString(parts[1]))
                    : File.Exists(target);
                if (!isThere) yield return $"{page}: {link}";
            }
        }
    }

    [GeneratedRegex("(?:href|src)=\"([^\"]*)\"")]
    private static partial Regex Target();

    [GeneratedRegex("\\b(?:id|name)=\"([^\"]*)\"")]
    private static partial Regex Place();
}
