using System.Globalization;
using Ioasis.Diagnostics.Check;

namespace Ioasis.Diagnostics.Report;

/// <summary>A finding as it was reported.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="What">What happened, in a phrase.</param>
/// <param name="Lines">The lines of its report.</param>
/// <param name="File">The file of source where the program made the call that matters; null if unknown.</param>
/// <param name="Line">The line there; null if unknown.</param>
internal sealed record ReportedFinding(
    CheckKind Kind, string What, IReadOnlyList<string> Lines, string? File, int? Line)
{
    /// <summary>Where it happened.</summary>
    public FindingPlace Place { get; init; }

    /// <summary>Takes the place from the summary: <c>SUMMARY: Ioasis: KIND FILE:LINE in FUNCTION</c>.</summary>
    internal static ReportedFinding Of(Finding finding, IReadOnlyList<string> lines)
    {
        string begin = $"SUMMARY: Ioasis: {finding.Kind.Name} ";
        string place = lines.LastOrDefault(l => l.StartsWith(begin, StringComparison.Ordinal))?[begin.Length..] ?? "";
        int end = place.IndexOf(" in ", StringComparison.Ordinal);
        if (end >= 0) place = place[..end];
        int colon = place.LastIndexOf(':');
        bool isPlace = colon > 0 && int.TryParse(
            place.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return new ReportedFinding(finding.Kind, finding.What, lines, isPlace ? place[..colon] : null,
            isPlace ? int.Parse(place.AsSpan(colon + 1), CultureInfo.InvariantCulture) : null)
        {
            Place = finding.Place,
        };
    }
}
