using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>
/// The commands of the pages do what the pages show. Each line that begins with "$ " is run, in one shell for a page,
/// in a folder with the source tree's own folders; what follows it is its output. A line "..." stands for any lines.
/// </summary>
public sealed partial class PageTests(Workbench bench)
{
    private const string Mark = "\u0001end of command ";
    private const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    [Theory]
    [InlineData("docs/commands.md")]
    [InlineData("docs/learn.md")]
    [InlineData("docs/driver-in-c.md")]
    [InlineData("docs/driver-in-csharp.md")]
    [InlineData("docs/devices/your-own.md")]
    [InlineData("docs/dpdk-spdk.md")]
    public async Task The_commands_of_a_page_print_what_it_shows(string page)
    {
        string[] lines = await File.ReadAllLinesAsync(
            Path.Combine(bench.Root, page), TestContext.Current.CancellationToken);
        (string Command, List<string> Shown)[] all = [.. CommandsOf(lines)];
        Assert.NotEmpty(all);
        string folder = await bench.Scratch(Who.Self);
        foreach (string name in (string[])["artifacts", "docs", "eng", "examples", "include", "ioasis"])
            File.CreateSymbolicLink(Path.Combine(folder, name), Path.Combine(bench.Root, name));
        var script = new StringBuilder($"cd '{folder}'\n");
        for (int i = 0; i < all.Length; i++)
            script.Append(CultureInfo.InvariantCulture, $"{all[i].Command}\nprintf '{Mark}%s\\n' {i}\n");
        Ending ending = (await Execution.Run(["bash", "-c", script.ToString()], new Dictionary<string, string>
        {
            ["PATH"] = $"{bench.Root}:{Environment.GetEnvironmentVariable("PATH")}",
            ["XDG_RUNTIME_DIR"] = Directory.CreateDirectory(Path.Combine(folder, "run"), OwnersOnly).FullName,
            ["MANPAGER"] = "cat",
            ["TERM"] = "dumb",
        })).MustEnd();
        string[] parts = ending.Output.Split(Mark);
        Assert.Equal(all.Length + 1, parts.Length);
        for (int i = 0; i < all.Length; i++)
        {
            string printed = i == 0 ? parts[0] : parts[i][(parts[i].IndexOf('\n', StringComparison.Ordinal) + 1)..];
            if (all[i].Shown.Count != 0)
                Assert.True(Pattern(all[i].Shown).IsMatch(printed), $"{page}: {all[i].Command} printed\n{printed}");
        }
    }

    /// <summary>A page that shows something else is found.</summary>
    [Theory]
    [InlineData("a b\nc\n", "a b|c", true)]
    [InlineData("a b\nc\n", "a b", false)]
    [InlineData("a b\nc\nd\n", "a b|...", true)]
    [InlineData("a b\nc\n", "a c|...", false)]
    [InlineData("HVA 0x12 in 7 ms\n", "HVA 0xabc in 12 ms", true)]
    public void What_is_shown_is_compared(string printed, string shown, bool isSame) =>
        Assert.Equal(isSame, Pattern([.. shown.Split('|')]).IsMatch(printed));

    private static IEnumerable<(string Command, List<string> Shown)> CommandsOf(IEnumerable<string> lines)
    {
        bool isBlock = false, isPlain = false;
        (string Command, List<string> Shown)? current = null;
        foreach (string line in lines)
        {
            if (line.StartsWith("```", StringComparison.Ordinal) || line.StartsWith("$ ", StringComparison.Ordinal))
            {
                if (current is { } ended) yield return ended;
                current = null;
            }

            if (line.StartsWith("```", StringComparison.Ordinal)) (isBlock, isPlain) = (!isBlock, line == "```");
            else if (isBlock && isPlain && line.StartsWith("$ ", StringComparison.Ordinal)) current = (line[2..], []);
            else current?.Shown.Add(line);
        }
    }

    private static Regex Pattern(List<string> shown)
    {
        var pattern = new StringBuilder("^");
        foreach (string line in shown)
            pattern.Append(line == "..." ? "(.*\n)*?" : Differing().Replace(Regex.Escape(line), Any) + "[ ]*\n");
        return new Regex(pattern.Append('$').ToString().Replace("\n", @"\n", StringComparison.Ordinal));
    }

    // Addresses of memory and times differ from run to run. Escape puts a backslash before blanks.
    private static string Any(Match match) =>
        match.Value.StartsWith('H') ? @"HVA\ 0x[0-9a-f]+" : @"[0-9]+\ " + match.Value[^2..];

    [GeneratedRegex(@"HVA\\ 0x[0-9a-f]+|[0-9]+\\ [mµ]s")]
    private static partial Regex Differing();
}
