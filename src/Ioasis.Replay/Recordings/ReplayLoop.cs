using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Ioasis.Replay.Recordings;

/// <summary>Makes calls until one is answered in another way than recorded.</summary>
internal static class ReplayLoop
{
    // A device may still be at work when the program's next read comes sooner than it did.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>Makes all calls until the first whose answer differs.</summary>
    /// <param name="lines">The calls.</param>
    /// <param name="play">Makes one call; null for a line that is no call.</param>
    /// <param name="hasMemory">Whether memory is compared.</param>
    /// <returns>The difference; null if there is none.</returns>
    internal static RecordingDifference? Run(
        IReadOnlyList<JsonObject> lines, Func<JsonObject, JsonObject?> play, bool hasMemory)
    {
        for (int i = 0; i < lines.Count; i++)
            if (Step(lines, i, play, hasMemory) is { } difference) return difference;
        return null;
    }

    /// <summary>Makes the call of one line.</summary>
    /// <returns>How its answer differs; null if it does not, or the line is no call.</returns>
    internal static RecordingDifference? Step(
        IReadOnlyList<JsonObject> lines, int index, Func<JsonObject, JsonObject?> play, bool hasMemory)
    {
        JsonObject? answer = play(lines[index]);
        if (answer is null) return null;
        string? what = RecordingDifference.Find(lines[index], answer, hasMemory);
        if (what is null || (what == "bytes" && RecordingFile.IsRepeated(lines, index))) return null;
        return what is "bytes" && Again(lines[index], play, hasMemory, ref answer)
            ? null
            : new RecordingDifference(index, lines[index], answer, what);
    }

    /// <summary>Reads again until the answer is the recorded one.</summary>
    private static bool Again(
        JsonObject line, Func<JsonObject, JsonObject?> play, bool hasMemory, ref JsonObject answer)
    {
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < s_patience)
        {
            Thread.Yield();
            answer = play(line) ?? answer;
            if (RecordingDifference.Find(line, answer, hasMemory) is null) return true;
        }

        return false;
    }
}
