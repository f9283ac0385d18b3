using System.Text.Json.Nodes;
using Ioasis.Machine;
using Ioasis.Replay.Comparison;

namespace Ioasis.Replay.Recordings;

/// <summary>Shortens a recording to the calls that something needs to happen again.</summary>
/// <param name="make">Makes a fresh machine.</param>
public sealed class RecordingShrinker(Func<SoftwareMachine> make)
{
    /// <summary>The shortest recording found whose last call differs as the first different call did.</summary>
    /// <returns>Null if no call differs.</returns>
    public RecordingFile? Differing(RecordingFile recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        if (First(recording.Lines) is not { } wanted) return null;
        return Shrink(recording, lines => First(lines) is { } found && found.What == wanted.What
            && ReferenceEquals(found.Recorded, wanted.Recorded) ? found.Index : null);
    }

    /// <summary>The shortest recording found with a call that is refused in a given way.</summary>
    /// <param name="recording">The recording.</param>
    /// <param name="errno">The name of the errno, such as EINVAL.</param>
    /// <returns>Null if no call is refused so.</returns>
    public RecordingFile? Refused(RecordingFile recording, string errno)
    {
        ArgumentNullException.ThrowIfNull(recording);
        return Shrink(recording, lines => PlayUntil(lines, (_, answer) => (string?)answer?["errno"] == errno));
    }

    /// <summary>The shortest recording found in which a device's access is refused.</summary>
    /// <returns>Null if there is no such access.</returns>
    public RecordingFile? Faulting(RecordingFile recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        return Shrink(recording, lines => PlayUntil(lines, (player, _) => player.HasFaulted));
    }

    private static RecordingFile? Shrink(RecordingFile recording, Func<IReadOnlyList<JsonObject>, int?> failing)
    {
        var shrinker = new Shrinker<JsonObject>(candidates => [.. candidates.Select(failing)]);
        return shrinker.Shrink(recording.Lines, kept: 0) is { } lines ? recording with { Lines = lines } : null;
    }

    private RecordingDifference? First(IReadOnlyList<JsonObject> lines)
    {
        using SoftwareMachine machine = make();
        using var player = new RecordingPlayer(machine);
        return player.Play(lines);
    }

    private int? PlayUntil(IReadOnlyList<JsonObject> lines, Func<RecordingPlayer, JsonObject?, bool> isReached)
    {
        using SoftwareMachine machine = make();
        using var player = new RecordingPlayer(machine);
        for (int i = 0; i < lines.Count; i++)
            if (isReached(player, player.Play(lines[i]))) return i;
        return null;
    }
}
