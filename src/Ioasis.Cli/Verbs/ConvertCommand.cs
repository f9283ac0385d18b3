using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Record;

namespace Ioasis.Cli.Verbs;

/// <summary>The command <c>trace convert</c>: a recording or a trace in JSON for other programs.</summary>
internal static class ConvertCommand
{
    internal static Command Of(TextWriter output, TextWriter error)
    {
        var convert = new Command("convert", "Writes a recording, or a trace in JSON, for another program.");
        var to = new Option<string>("--to")
        {
            HelpName = "perfetto|csv",
            Description = "perfetto: a trace for ui.perfetto.dev (needs -o). csv: a row for each line.",
        };
        var destination = new Option<string>("-o") { HelpName = "FILE", Description = "Writes to this file." };
        var file = new Argument<string[]>("file")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "What ioasis trace -o FILE.ioasis or trace --json wrote.",
        };
        convert.Add(to);
        convert.Add(destination);
        convert.Add(file);
        convert.SetAction(parsed =>
        {
            if (parsed.GetValue(file) is not [string path])
                return CommandLine.Refuse(error, "convert takes one file: ioasis trace convert --to csv F.ioasis");
            string? place = parsed.GetValue(destination);
            try
            {
                switch (parsed.GetValue(to))
                {
                    case "csv" when place is null:
                        CsvTrace.Write(LinesOf(path), output);
                        return 0;
                    case "csv":
                        using (var rows = new StreamWriter(place)) CsvTrace.Write(LinesOf(path), rows);
                        return 0;
                    case "perfetto" when place is null:
                        return CommandLine.Refuse(error, "a trace for Perfetto is no text: it needs -o FILE");
                    case "perfetto":
                        using (FileStream trace = File.Create(place)) PerfettoTrace.Write(LinesOf(path), trace);
                        return 0;
                    default:
                        return CommandLine.Refuse(error, "convert needs --to perfetto or --to csv");
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
            {
                return CommandLine.Refuse(error, e.Message);
            }
        });
        return convert;
    }

    private static IEnumerable<JsonObject> LinesOf(string path) => File.ReadLines(path).Where(l => l.Length != 0)
        .Select(l => JsonNode.Parse(l) as JsonObject
            ?? throw new JsonException($"{path} has a line that is no object."))
        .Where(l => l["recording"] is null);
}
