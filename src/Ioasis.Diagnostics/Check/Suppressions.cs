using System.Text;
using System.Text.RegularExpressions;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Findings that are not reported: lines <c>kind:pattern</c>, as LeakSanitizer's files have them. A pattern matches a
/// part of a line of the report; <c>*</c> stands for anything, <c>^</c> and <c>$</c> for the line's ends.
/// </summary>
internal sealed class Suppressions
{
    private readonly List<(string Kind, Regex Pattern)> _rules = [];

    private Suppressions()
    {
    }

    /// <summary>None.</summary>
    public static Suppressions None { get; } = new();

    /// <summary>Reads the lines of a file. Empty lines and those that begin with <c>#</c> say nothing.</summary>
    /// <param name="lines">The lines.</param>
    /// <exception cref="FormatException">A line is wrong. The message says which and how.</exception>
    public static Suppressions Read(IEnumerable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var read = new Suppressions();
        int number = 0;
        foreach (string line in lines.Select(l => l.Trim()))
        {
            number++;
            if (line.Length == 0 || line[0] == '#') continue;
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string kind = colon < 0 ? line : line[..colon], pattern = colon < 0 ? "" : line[(colon + 1)..];
            if (pattern.Length == 0)
                throw new FormatException($"line {number}: \"{line}\" is no suppression such as dma-unmapped:warm_up");
            if (!CheckKind.All.Any(k => k.Name == kind))
                throw new FormatException($"line {number}: there is no kind of finding \"{kind}\"");
            read._rules.Add((kind, Compile(pattern)));
        }

        return read;
    }

    /// <summary>Whether a report is suppressed.</summary>
    internal bool Match(CheckKind kind, IEnumerable<string> lines) =>
        _rules.Exists(r => r.Kind == kind.Name && lines.Any(l => r.Pattern.IsMatch(l)));

    private static Regex Compile(string pattern)
    {
        var text = new StringBuilder();
        for (int i = 0; i < pattern.Length; i++)
        {
            bool isAnchor = (pattern[i] == '^' && i == 0) || (pattern[i] == '$' && i == pattern.Length - 1);
            text.Append(pattern[i] == '*' ? ".*" : isAnchor ? pattern[i].ToString() : Regex.Escape($"{pattern[i]}"));
        }

        return new Regex(text.ToString(), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }
}
