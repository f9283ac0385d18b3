using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>The manual page and the completion scripts, in the programs that read them.</summary>
public sealed class ManualTests(Workbench bench)
{
    [Fact]
    public async Task The_manual_page_is_right_for_groff_and_for_mandoc()
    {
        string page = await Write("ioasis.1", "man");
        Ending groff = (await Execution.Run(["groff", "-ww", "-man", "-Tutf8", page])).MustEnd();
        Assert.Equal("", groff.Error);
        // Bold is a letter over itself, and underlined one over a line.
        string plain = Regex.Replace(groff.Output, ".\b", "");
        Assert.Contains("NAME\n       ioasis - the IOMMU in user space\n", plain, StringComparison.Ordinal);
        Assert.Contains("EXIT STATUS\n", plain, StringComparison.Ordinal);
        Ending mandoc = await Execution.Run(["mandoc", "-T", "lint", "-W", "warning", page]);
        Assert.Equal("", mandoc.MustEnd().Output);
    }

    [Fact]
    public async Task The_manual_page_has_the_date_that_a_reproducible_build_asks_for()
    {
        Ending page = await Execution.Run(
            [bench.Launcher(Who.Self), "man"], new Dictionary<string, string> { ["SOURCE_DATE_EPOCH"] = "86400" });
        page.MustEnd().MustSay(".TH IOASIS 1 1970-01-02 ");
    }

    /// <summary>What bash completes, as it splits words; an empty last word stands after a blank.</summary>
    [Theory]
    [InlineData("ioasis wa", "walk")]
    [InlineData("ioasis trace conv", "convert")]
    [InlineData("ioasis run --mach", "--machine")]
    [InlineData("ioasis run --device dmat", "dmatest")]
    [InlineData("ioasis trace convert --to perf", "perfetto")]
    [InlineData("ioasis completion ", "bash fish zsh --help")]
    [InlineData("ioasis run --machine /etc/host", "/etc/host.conf /etc/hostname /etc/hosts")]
    [InlineData("ioasis replay /etc/hostn", "/etc/hostname")]
    [InlineData("ioasis run -- tru", "true truncate")]
    [InlineData("ioasis run --check tru", "true truncate")]
    [InlineData("ioasis run --machine m.json -- cat /etc/hostn", "/etc/hostname")]
    [InlineData("ioasis run --device edu@1000:00:05.0 --strict", "--strict-sva")]
    [InlineData("ioasis devices --strict", "")]
    public async Task Bash_completes(string line, string expected)
    {
        string script = await Write("ioasis.bash", "completion", "bash");
        // COMP_WORDS as readline makes them: split at the characters of COMP_WORDBREAKS, too.
        const string Complete = """
            source "$1"
            COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=() word=
            for ((i = 0; i < ${#2}; i++)); do
              c=${2:i:1}
              if [[ $c == ' ' || $COMP_WORDBREAKS == *"$c"* ]]; then
                [[ -z $word ]] || COMP_WORDS+=("$word")
                [[ $c == ' ' ]] || COMP_WORDS+=("$c")
                word=
              else word+=$c
              fi
            done
            COMP_WORDS+=("$word")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            compopt() { :; }
            _ioasis
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        Ending ending = (await Execution.Run(["bash", "--norc", "-c", Complete, "bash", script, line])).MustEnd();
        Assert.Equal("", ending.Error);
        string[] wanted = expected.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] found = [.. ending.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct()];
        if (expected is "true truncate") Assert.Superset(wanted.ToHashSet(), found.ToHashSet());
        else Assert.Equal(wanted.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    /// <summary>Each shell at a terminal: a line is typed with tabs, and what runs is the completed line.</summary>
    [Theory]
    [InlineData("bash", "bash --norc --noprofile -i", "source '{0}'")]
    [InlineData("zsh", "zsh -f -i", "autoload -U compinit; compinit -u -D; source '{0}'")]
    public async Task A_shell_completes_at_a_terminal(string shell, string command, string prepare)
    {
        string script = await Write($"ioasis.{shell}", "completion", shell);
        string folder = Path.GetDirectoryName(script)!;
        string typed = string.Format(System.Globalization.CultureInfo.InvariantCulture, prepare, script)
            + "\nioasis comple\tbas\t> " + folder + "/out; exit\n";
        Ending ending = await Execution.Run(["script", "-qec", command, "/dev/null"], new Dictionary<string, string>
        {
            ["PATH"] = $"{bench.Root}:{Environment.GetEnvironmentVariable("PATH")}",
            ["TERM"] = "dumb",
        }, input: typed);
        Assert.True(File.Exists($"{folder}/out"), $"nothing ran: {ending}");
        Assert.StartsWith("# bash completion of ioasis", await File.ReadAllTextAsync($"{folder}/out",
            TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ioasis wa", "walk")]
    [InlineData("ioasis run --mach", "--machine")]
    [InlineData("ioasis run --device dmat", "dmatest")]
    [InlineData("ioasis trace convert --to perf", "perfetto")]
    [InlineData("ioasis run --machine /etc/hostn", "/etc/hostname")]
    [InlineData("ioasis run -- trunca", "truncate")]
    [InlineData("ioasis run --check -- cat /etc/hostn", "/etc/hostname")]
    public async Task Fish_completes(string line, string expected)
    {
        string script = await Write("ioasis.fish", "completion", "fish");
        Ending ending = (await Execution.Run(
            ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script, line])).MustEnd();
        Assert.Equal("", ending.Error);
        Assert.Equal([expected], ending.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => l.Split('\t')[0]));
    }

    private async Task<string> Write(string name, params string[] words)
    {
        string file = Path.Combine(await bench.Scratch(Who.Self), name);
        Ending ending = (await Execution.Run([bench.Launcher(Who.Self), .. words])).MustEnd();
        await File.WriteAllTextAsync(file, ending.Output, TestContext.Current.CancellationToken);
        return file;
    }
}
