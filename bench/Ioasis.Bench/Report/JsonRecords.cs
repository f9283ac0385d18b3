using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ioasis.Bench.Report;

/// <summary>
/// The results as JSON for other programs, in the form of all commands: docs/bench.schema.json.
/// </summary>
internal static class JsonRecords
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // not embedded in a page
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    internal static string Of(IEnumerable<Comparison> results) =>
        JsonSerializer.Serialize(new { Ioasis = 1, Results = results }, s_options);
}
