using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ioasis.Bench.Report;

/// <summary>The results for other programs: one object for each.</summary>
internal static class JsonRecords
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // it goes to no page
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    internal static string Of(IEnumerable<Comparison> results) => JsonSerializer.Serialize(results, s_options);
}
