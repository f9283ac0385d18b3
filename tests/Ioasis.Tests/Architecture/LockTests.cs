using System.Text.RegularExpressions;
using System.Xml.Linq;
using Ioasis.Memory.Threads;

namespace Ioasis.Tests.Architecture;

/// <summary>Every lock has a rank, and docs/architecture.md has all ranks in their order.</summary>
public sealed partial class LockTests
{
    private const string Threads = "src/Ioasis.Memory/Threads/", Page = "src/Ioasis.Web/";

    private static IEnumerable<(string File, string Code)> Sources =>
        from path in Repository.Sources()
        let file = Repository.Relative(path)
        where !file.StartsWith(Threads, StringComparison.Ordinal)
        where !file.StartsWith(Page, StringComparison.Ordinal) // a program of its own, in which no machine is served
        select (file, Comments().Replace(File.ReadAllText(path), ""));

    [Fact]
    public void EveryLockHasARank()
    {
        foreach ((string file, string code) in Sources)
        {
            Match found = Unranked().Match(code);
            Assert.False(found.Success, $"{file}: \"{found.Value}\" has no rank: " +
                "declare a RankedLock or a RankedMonitor, and take it by \"using (_lock.Enter())\"");
        }
    }

    [Fact]
    public void EveryRankIsALock()
    {
        IEnumerable<string> declared = Sources.SelectMany(source => Declaration().Matches(source.Code))
            .Select(match => match.Groups[1].Value);
        IEnumerable<string> ranks = Enum.GetNames<LockRank>().Where(name => name != nameof(LockRank.Innermost));
        Assert.Equal(ranks.Order(), declared.Distinct().Order());
    }

    [Fact]
    public void TheDocumentationHasThemInTheirOrder()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs/architecture.md"));
        int at = text.IndexOf("\n## Locks\n", StringComparison.Ordinal);
        IEnumerable<string> rows =
            text[at..].Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal));
        Assert.Equal(Expected(), string.Join('\n', rows));
    }

    // A table of those that are ordered, and one of the innermost.
    private static string Expected()
    {
        XDocument documentation = XDocument.Load(Path.ChangeExtension(typeof(LockRank).Assembly.Location, ".xml"));
        const string Title = "| lock | guards |";
        List<string> rows = [Title];
        foreach (LockRank rank in Enum.GetValues<LockRank>())
        {
            string member = $"F:{typeof(LockRank).FullName}.{rank}";
            string guards = (string)documentation.Descendants("member")
                .Single(m => (string)m.Attribute("name")! == member).Element("summary")!;
            guards = guards.Trim().TrimEnd('.');
            guards = char.ToLowerInvariant(guards[0]) + guards[1..];
            rows.Add(rank == LockRank.Innermost ? Title : $"| `{rank}` | {guards} |");
        }

        return string.Join('\n', rows);
    }

    [GeneratedRegex(@"//.*$|/\*.*?\*/", RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\block \([^)]*\)|\bnew Lock\(|\bLock \w+( =|;| \{)|\bMonitor\.\w+")]
    private static partial Regex Unranked();

    [GeneratedRegex(@"\bnew\(LockRank\.(\w+)\)")]
    private static partial Regex Declaration();
}
