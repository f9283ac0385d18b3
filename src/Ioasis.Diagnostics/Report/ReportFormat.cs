namespace Ioasis.Diagnostics.Report;

/// <summary>A form that a report can take.</summary>
/// <param name="Name">Its name in options.</param>
/// <param name="Write">Writes a report.</param>
internal sealed record ReportFormat(string Name, Action<CheckReport, TextWriter> Write)
{
    /// <summary>All forms.</summary>
    public static IReadOnlyList<ReportFormat> All { get; } =
    [
        new("junit", JUnitReport.Write), new("sarif", SarifReport.Write), new("tap", TapReport.Write),
        new("github", GitHubReport.Write),
    ];

    /// <summary>The form of a name; null if there is none.</summary>
    public static ReportFormat? Find(string name) => All.FirstOrDefault(f => f.Name == name);
}
