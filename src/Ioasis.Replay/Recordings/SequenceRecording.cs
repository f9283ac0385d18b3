using Ioasis.Diagnostics.Record;
using Ioasis.Replay.Calls;
using Ioasis.Replay.InProcess;

namespace Ioasis.Replay.Recordings;

/// <summary>
/// Records sequences of calls. The recording of a generated sequence is replayed, shortened and written in C as that of
/// a program.
/// </summary>
public static class SequenceRecording
{
    /// <summary>Plays a sequence in process, and records it with our answers.</summary>
    /// <param name="calls">The sequence.</param>
    /// <param name="output">Where the recording is written.</param>
    public static void Write(IReadOnlyList<Call> calls, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(calls);
        bool ofVdpa = calls.Count != 0 && calls[0].Name == "reset_vdpa";
        Recorder? recorder = null;
        using var player = new Player
        {
            MachineMade = machine => recorder = new Recorder(
                machine.Observers, machine.NameOf, Player.DescriptionOf(ofVdpa), withMemory: false, output),
        };
        foreach (Call call in calls) player.Play(call);
        player.Close();
        recorder?.Dispose();
    }
}
