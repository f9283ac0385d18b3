using System.Globalization;
using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Check;

namespace Ioasis.Diagnostics.Report;

/// <summary>
/// SARIF 2.1.0 (OASIS), as code scanning reads it. A finding without a place in the sources has the program as its
/// place, because a result without one is not shown.
/// </summary>
internal static class SarifReport
{
    private const string Schema = "https://json.schemastore.org/sarif-2.1.0.json", Root = "ROOT";

    internal static void Write(CheckReport report, TextWriter output) =>
        output.WriteLine(new JsonObject
        {
            ["$schema"] = Schema,
            ["version"] = "2.1.0",
            ["runs"] = new JsonArray(Run(report)),
        }.ToJsonString(DiagnosticsJson.Indented));

    private static JsonObject Run(CheckReport report) => new()
    {
        ["tool"] = new JsonObject
        {
            ["driver"] = new JsonObject
            {
                ["name"] = "Ioasis",
                ["version"] = report.Version,
                ["rules"] = new JsonArray([.. report.Kinds.Select(Rule)]),
            },
        },
        ["originalUriBaseIds"] = new JsonObject
        {
            [Root] = new JsonObject { ["uri"] = Uri($"{report.Root.TrimEnd('/')}/") },
        },
        ["invocations"] = new JsonArray(new JsonObject
        {
            ["executionSuccessful"] = report.ProgramFailure is null,
            ["exitCode"] = report.ExitCode,
            ["commandLine"] = string.Join(' ', report.Command),
            ["startTimeUtc"] = Time(report.Began),
            ["endTimeUtc"] = Time(report.Began + report.Took),
        }),
        ["results"] = new JsonArray([.. report.Findings.Select(f => Result(report, f))]),
    };

    private static JsonObject Rule(CheckKind kind) => new()
    {
        ["id"] = kind.Name,
        ["shortDescription"] = new JsonObject { ["text"] = kind.Meaning },
        ["defaultConfiguration"] = new JsonObject { ["level"] = "error" },
    };

    private static JsonObject Result(CheckReport report, ReportedFinding finding)
    {
        var place = new JsonObject { ["artifactLocation"] = Location(report, finding.File ?? report.Command[0]) };
        if (finding is { File: not null, Line: > 0 })
            place["region"] = new JsonObject { ["startLine"] = finding.Line };
        int rule = report.Kinds.TakeWhile(k => k.Name != finding.Kind.Name).Count();
        return new JsonObject
        {
            ["ruleId"] = finding.Kind.Name,
            ["ruleIndex"] = rule < report.Kinds.Count ? rule : -1,
            ["level"] = "error",
            ["message"] = new JsonObject { ["text"] = string.Join('\n', finding.Lines) },
            ["locations"] = new JsonArray(new JsonObject { ["physicalLocation"] = place }),
        };
    }

    private static JsonObject Location(CheckReport report, string file)
    {
        string shown = report.Shown(file);
        return shown.StartsWith('/')
            ? new JsonObject { ["uri"] = Uri(shown) }
            : new JsonObject { ["uri"] = Escaped(shown), ["uriBaseId"] = Root };
    }

    private static string Uri(string path) => "file://" + Escaped(path);

    private static string Escaped(string path) =>
        string.Join('/', path.Split('/').Select(System.Uri.EscapeDataString));

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
}
