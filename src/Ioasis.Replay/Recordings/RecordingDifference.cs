using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Diagnostics.Record;

namespace Ioasis.Replay.Recordings;

/// <summary>A call whose answer is not the recorded one.</summary>
/// <param name="Index">Its place among the recording's lines after the first, from 0.</param>
/// <param name="Recorded">The recorded line.</param>
/// <param name="Answered">What the replay says of the call.</param>
/// <param name="What">Which part differs: <c>errno</c>, <c>out</c> and so on.</param>
public sealed record RecordingDifference(int Index, JsonObject Recorded, JsonObject Answered, string What)
{
    private const int Longest = 400;

    private static readonly string[] s_parts = ["errno", "result", "out", "more_out", "memory_out", "bytes", "sha256"];

    /// <summary>The part in which two answers of a call differ; null for none.</summary>
    internal static string? Find(JsonObject recorded, JsonObject answered, bool withMemory)
    {
        foreach (string part in s_parts)
        {
            if (part == "bytes" && !(IsRead(recorded) && (withMemory || IsOfConfiguration(recorded)))) continue;
            if (part == "sha256" && !(withMemory && recorded[part] is not null)) continue;
            if (!JsonNode.DeepEquals(recorded[part], answered[part])) return part;
        }

        return null;
    }

    private static bool IsRead(JsonObject line) => (string?)line["call"] == "read";

    // What a device's regions have may come from memory, which a recording without pages lacks.
    internal static bool IsOfConfiguration(JsonObject line) =>
        RecordValues.TryNumber(line["offset"], out ulong offset) && offset >> 40 == VfioH.VFIO_PCI_CONFIG_REGION_INDEX;

    /// <inheritdoc/>
    public override string ToString() => $"""
        call {Index + 1}: {NameOf(Recorded)} differs in "{What}"
          recorded: {AnswerOf(Recorded)}
          replayed: {AnswerOf(Answered)}
          {Shortened(Recorder.TextOf(Recorded))}
        """;

    private static string NameOf(JsonObject line) =>
        $"{line["request"] ?? line["call"] ?? line["event"]} of {line["file"]}";

    private static string AnswerOf(JsonObject line) => string.Join(' ', s_parts.Where(p => line[p] is not null)
        .Where(p => p != "bytes" || (string?)line["call"] == "read")
        .Select(p => Shortened(line[p] is JsonValue value ? $"{p}={value}" : $"{p}={line[p]!.ToJsonString()}")));

    private static string Shortened(string text) => text.Length <= Longest ? text : $"{text[..Longest]}...";
}
