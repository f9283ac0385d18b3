using System.Globalization;
using System.Text.Json.Nodes;
using Ioasis.Replay.Recordings;

namespace Ioasis.Web.Sources;

/// <summary>A machine on which the first lines of a recording were played.</summary>
internal sealed class RecordedSession : IDisposable
{
    private readonly RecordingFile _recording;
    private readonly RecordingPlayer _player;
    private bool _isDisposed;

    internal RecordedSession(RecordingFile recording, string title)
    {
        _recording = recording;
        Machine = new InProcessMachine(recording.DescribeMachine(), title);
        _player = new RecordingPlayer(Machine.Machine) { HasMemory = recording.HasMemory };
    }

    internal InProcessMachine Machine { get; }

    /// <summary>How many lines were played.</summary>
    internal int At { get; private set; }

    /// <summary>
    /// The first answer of the machine that is not the recorded one; null if all are. What comes after it is played
    /// all the same, on a machine that is another one from there on.
    /// </summary>
    internal RecordingDifference? Difference { get; private set; }

    /// <summary>Plays the next line.</summary>
    /// <exception cref="IOException">It is no line of a recording.</exception>
    internal void Step()
    {
        IReadOnlyList<JsonObject> lines = _recording.Lines;
        try
        {
            if (Difference is null) Difference = _player.Play(lines, At);
            else _player.Play(lines[At]);
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or ArgumentException)
        {
            throw new IOException(string.Create(
                CultureInfo.InvariantCulture, $"line {At + 2} of the recording cannot be played: {e.Message}"), e);
        }

        At++;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        // Files are closed before the machine ends, and after those who ask about them are gone.
        Machine.Dispose(before: _player.Dispose);
    }
}
