using System.CommandLine;
using System.CommandLine.Help;

namespace Ioasis.Cli.Verbs;

/// <summary>The ways to ask for help and for the version, and the command that a mistyped word stands for.</summary>
internal static class HelpWords
{
    private const string Help = "--help", Version = "--version";

    /// <summary>Help wraps at the width of the screen, and --version has the letter that others give it.</summary>
    internal static RootCommand Prepare(RootCommand root)
    {
        foreach (Option option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction action })
            {
                action.MaxWidth = Screen.Width;
                option.Aliases.Remove("/h"); // these belong to Windows
                option.Aliases.Remove("/?");
            }
            else if (option is VersionOption) option.Aliases.Add("-V");
        }

        return root;
    }

    /// <summary>Makes options of the words <c>help COMMAND</c> and <c>version</c>.</summary>
    internal static string[] Translate(string[] words) => words switch
    {
        ["help", .. string[] rest] => [.. rest, Help],
        ["version"] => [Version],
        _ => words,
    };

    /// <summary>
    /// The word that is no command, in front of a question for help: the parser would answer with the help of all.
    /// </summary>
    internal static string? UnknownCommand(string[] words, RootCommand root) =>
        words is [{ } word, .., Help] && !word.StartsWith('-') && root.Subcommands.All(c => c.Name != word)
            ? word
            : null;

    /// <summary>The name that a word was probably meant to be; null if none is near.</summary>
    internal static string? Nearest(string word, IEnumerable<string> names)
    {
        (string name, int distance) = names.Select(n => (n, Distance(word, n))).MinBy(n => n.Item2);
        return distance <= Math.Min(2, (name.Length - 1) / 2) ? name : null;
    }

    /// <summary>How many letters are to be typed, taken away, changed or swapped with the next (optimal string
    /// alignment).</summary>
    private static int Distance(string from, string to)
    {
        int[,] steps = new int[from.Length + 1, to.Length + 1];
        for (int i = 0; i <= from.Length; i++) steps[i, 0] = i;
        for (int j = 0; j <= to.Length; j++) steps[0, j] = j;
        for (int i = 1; i <= from.Length; i++)
        {
            for (int j = 1; j <= to.Length; j++)
            {
                int change = from[i - 1] == to[j - 1] ? 0 : 1;
                int best = Math.Min(Math.Min(steps[i - 1, j], steps[i, j - 1]) + 1, steps[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    best = Math.Min(best, steps[i - 2, j - 2] + 1);
                steps[i, j] = best;
            }
        }

        return steps[from.Length, to.Length];
    }
}
