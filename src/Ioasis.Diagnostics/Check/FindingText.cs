using System.Globalization;

namespace Ioasis.Diagnostics.Check;

/// <summary>Writes findings in AddressSanitizer's form.</summary>
internal static class FindingText
{
    internal const string Rule = "=================================================================";

    /// <summary>The lines of a report, without the rule before it.</summary>
    internal static List<string> Of(Finding finding, ICallStacks? stacks)
    {
        List<string> lines =
        [
            string.Create(CultureInfo.InvariantCulture,
                $"=={finding.Process}==ERROR: Ioasis: {finding.Kind.Name}: {finding.What}"),
        ];
        string? source = null;
        foreach (FindingPart part in finding.Parts)
        {
            string[] stack = part.Stack is { } own ? [.. own]
                : part.Call is { } call ? LinesOf(stacks?.Of(call.Number)) : [];
            source ??= SourceOf(stack);
            string end = stack.Length == 0 ? "" : ":";
            lines.Add(part.Call is null ? part.Text + end : $"{part.Text} {part.Call}{end}");
            lines.AddRange(stack.Select(l => $"    {l.Trim()}"));
        }

        if (finding.Hint is { } hint) lines.Add($"Hint: {hint}");
        CallSite? first = finding.Parts.Select(p => p.Call).FirstOrDefault(c => c is not null);
        lines.Add($"SUMMARY: Ioasis: {finding.Kind.Name} {source ?? first?.ToString() ?? finding.Place.Device}".Trim());
        return lines;
    }

    private static string[] LinesOf(string? stack) =>
        stack?.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>The line of source of the innermost frame that has one, and its function.</summary>
    private static string? SourceOf(string[] stack)
    {
        if (Array.Find(stack, HasSource) is not { } frame) return null;
        // #1 0x55d0c2a012a1 in function source.c:12
        int begin = frame.IndexOf(" in ", StringComparison.Ordinal) + 4, end = frame.LastIndexOf(' ');
        return begin < 4 || end <= begin ? frame : $"{frame[(end + 1)..]} in {frame[begin..end]}";
    }

    private static bool HasSource(string frame)
    {
        int colon = frame.LastIndexOf(':');
        return colon >= 0 && colon + 1 < frame.Length && char.IsAsciiDigit(frame[colon + 1]);
    }
}
