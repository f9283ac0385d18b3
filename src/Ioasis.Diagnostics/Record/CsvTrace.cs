using System.Text.Json.Nodes;

namespace Ioasis.Diagnostics.Record;

/// <summary>A recording, or a trace in JSON, as comma-separated values (RFC 4180): a row for each line.</summary>
internal static class CsvTrace
{
    private static readonly string[] s_columns =
    [
        "seq", "time", "took", "event", "thread", "call", "file", "path", "request", "device", "pasid", "iova", "last",
        "result", "errno",
    ];

    /// <summary>Writes the rows of some lines, after one with the names of the columns.</summary>
    /// <param name="lines">The lines, without the first of a recording.</param>
    /// <param name="output">Where the rows are written.</param>
    public static void Write(IEnumerable<JsonObject> lines, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentNullException.ThrowIfNull(output);
        output.Write(string.Join(',', s_columns.Append("details")) + "\r\n");
        foreach (JsonObject line in lines)
        {
            IEnumerable<string> cells = s_columns.Select(c => TextOf(line[c]));
            var details = new JsonObject();
            foreach ((string key, JsonNode? value) in line)
                if (!s_columns.Contains(key)) details[key] = value?.DeepClone();
            string rest = details.Count == 0 ? "" : Recorder.TextOf(details);
            output.Write(string.Join(',', cells.Append(rest).Select(Quoted)) + "\r\n");
        }
    }

    private static string TextOf(JsonNode? value) => value switch
    {
        null => "",
        JsonValue => value.ToString(),
        _ => value.ToJsonString(),
    };

    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\r\n") < 0
        ? text
        : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
