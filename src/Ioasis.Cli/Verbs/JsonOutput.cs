using System.Text.Json;
using System.Text.Json.Nodes;
using Ioasis.Diagnostics;

namespace Ioasis.Cli.Verbs;

/// <summary>
/// JSON as all commands print it: one object, whose first member "ioasis" is the version of the form. Names are in
/// camelCase, addresses are text such as "0x1000", and null is left out. docs/*.schema.json describe each form.
/// </summary>
internal static class JsonOutput
{
    /// <summary>The version of the forms. A new member does not change it; one that goes or changes does.</summary>
    internal const int Version = 1;

    /// <summary>Writes an object, over several lines.</summary>
    internal static void Write<T>(T value, TextWriter output) =>
        output.WriteLine(WithVersion(JsonSerializer.SerializeToNode(value, DiagnosticsJson.Line))
            .ToJsonString(DiagnosticsJson.Indented));

    /// <summary>Writes an object on one line.</summary>
    internal static void WriteLine<T>(T value, TextWriter output) =>
        output.WriteLine(WithVersion(JsonSerializer.SerializeToNode(value, DiagnosticsJson.Line))
            .ToJsonString(DiagnosticsJson.Line));

    /// <summary>Writes an object that is JSON already, over several lines.</summary>
    internal static void WriteText(ReadOnlySpan<byte> json, TextWriter output) =>
        output.WriteLine(WithVersion(JsonNode.Parse(json)).ToJsonString(DiagnosticsJson.Indented));

    private static JsonObject WithVersion(JsonNode? value)
    {
        var all = new JsonObject { ["ioasis"] = Version };
        foreach ((string name, JsonNode? member) in value!.AsObject().ToArray())
        {
            value.AsObject().Remove(name);
            all.Add(name, member);
        }

        return all;
    }
}
