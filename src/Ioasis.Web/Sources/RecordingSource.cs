using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.Record;
using Ioasis.Host.Control;
using Ioasis.Machine.Description;
using Ioasis.Replay.Recordings;

namespace Ioasis.Web.Sources;

/// <summary>
/// The machine of a recording (docs/replay.md), as it was after one of its lines. A machine cannot go back: a move to
/// an earlier line plays the recording from its start on a new machine.
/// </summary>
internal sealed class RecordingSource : IMachineSource
{
    /// <summary>The longest recording, which plays in a few seconds and takes some hundred MB.</summary>
    internal const int MostLines = 200_000;

    private readonly RecordingFile _recording;
    private readonly string _path;
    private readonly SemaphoreSlim _turn = new(1, 1); // one moves at a time
    private volatile RecordedSession _session;
    private long _newest;
    private volatile bool _isDisposed;

    private RecordingSource(string path, RecordingFile recording)
    {
        (_path, _recording) = (path, recording);
        _session = new RecordedSession(recording, Title);
    }

    /// <inheritdoc/>
    public string Kind => "recording";

    /// <inheritdoc/>
    public string Title => Path.GetFileName(_path);

    /// <summary>Where it is.</summary>
    internal RecordingPosition Position
    {
        get
        {
            RecordedSession session = _session;
            int at = session.At, lines = _recording.Lines.Count;
            return new RecordingPosition(at, lines, TimeOf(Math.Max(0, at - 1)), [TimeOf(0), TimeOf(lines - 1)],
                session.Difference?.Index + 1, session.Difference?.ToString());
        }
    }

    /// <summary>Reads a recording and makes its machine. No line is played.</summary>
    /// <exception cref="FormatException">The file cannot be read, is no recording, or is too long.</exception>
    internal static RecordingSource Open(string path)
    {
        try
        {
            RecordingFile recording = RecordingFile.Parse(File.ReadLines(path).Take(MostLines + 2));
            return recording.Lines.Count <= MostLines
                ? new RecordingSource(path, recording)
                : throw new FormatException(string.Create(CultureInfo.InvariantCulture,
                    $"it has more than {MostLines} lines, which the page cannot move in"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException
            or MachineDescriptionException or InvalidOperationException or ArgumentException)
        {
            throw new FormatException($"{path} cannot be shown: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Ask(ControlRequest request)
    {
        while (true)
        {
            RecordedSession session = _session;
            try
            {
                return session.Machine.Ask(request);
            }
            catch (NoProgramException) when (session != _session)
            {
                // A move put another machine in its place.
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>After a move back it goes on with the new machine.</remarks>
    public Task Follow(ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop) =>
        Task.Factory.StartNew(
            () =>
            {
                while (!stop.IsCancellationRequested && !_isDisposed)
                {
                    RecordedSession session = _session;
                    try
                    {
                        session.Machine.Follow(request, take, stop).GetAwaiter().GetResult();
                    }
                    catch (NoProgramException) when (session != _session)
                    {
                    }

                    if (session == _session) return;
                }
            }, stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Shows the machine as it was after a number of lines. Of many moves only the newest counts.</summary>
    /// <param name="at">How many lines.</param>
    /// <param name="stop">Gives up waiting for another move.</param>
    /// <returns>Where it is then; elsewhere if another move came meanwhile.</returns>
    /// <exception cref="IOException">There are not so many lines, or one cannot be played.</exception>
    internal async Task<RecordingPosition> Move(int at, CancellationToken stop)
    {
        if (at < 0 || at > _recording.Lines.Count)
            throw new IOException(string.Create(CultureInfo.InvariantCulture,
                $"there is no line {at}: the recording has lines 0 to {_recording.Lines.Count}"));
        long mine = Interlocked.Increment(ref _newest);
        await _turn.WaitAsync(stop);
        try
        {
            if (IsNewest(mine)) await Task.Run(() => Play(at, mine), CancellationToken.None);
            return Position;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The recorded events of some kinds, all at once; then it waits, as nothing more comes.</summary>
    /// <exception cref="IOException">There is no such kind.</exception>
    internal IAsyncEnumerable<string> Events(string? kinds, CancellationToken stop)
    {
        if (EventNames.TryRead(kinds, out _) is { } unknown)
            throw new IOException($"\"{unknown}\" is no kind of event");
        HashSet<string>? wanted = string.IsNullOrEmpty(kinds) ? null : [.. kinds.Split(',')];
        return Told(wanted, stop);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _turn.Wait(); // for a move, which Dispose of its session would disturb
        _isDisposed = true;
        _session.Dispose();
        _turn.Release();
    }

    private async IAsyncEnumerable<string> Told(
        HashSet<string>? wanted, [EnumeratorCancellation] CancellationToken stop)
    {
        foreach (JsonObject line in _recording.Lines)
            if (wanted is null || (line["event"] is JsonValue name && wanted.Contains(name.ToString())))
                yield return Recorder.TextOf(line);
        var ended = new TaskCompletionSource();
        using CancellationTokenRegistration end = stop.Register(ended.SetResult);
        await ended.Task;
    }

    private bool IsNewest(long move) => Interlocked.Read(ref _newest) == move && !_isDisposed;

    private void Play(int at, long mine)
    {
        RecordedSession before = _session;
        if (at >= before.At)
        {
            while (before.At < at && IsNewest(mine)) before.Step();
            return;
        }

        var fresh = new RecordedSession(_recording, Title);
        RecordedSession? unused = fresh;
        try
        {
            while (fresh.At < at && IsNewest(mine)) fresh.Step();
            if (fresh.At < at) return; // another move plays from the start or goes on with the machine that is shown
            (_session, unused) = (fresh, before);
        }
        finally
        {
            unused.Dispose();
        }
    }

    private double TimeOf(int index) =>
        index >= 0 && index < _recording.Lines.Count && _recording.Lines[index]["time"] is JsonValue value
            && value.TryGetValue(out double time) ? time : 0;
}

/// <summary>Where a recording is.</summary>
/// <param name="At">How many lines were played.</param>
/// <param name="Lines">How many it has.</param>
/// <param name="Time">When the last line that was played happened, in seconds.</param>
/// <param name="Times">When the first and the last line happened.</param>
/// <param name="DiffersAt">Which line the machine answered in another way than recorded; null for none.</param>
/// <param name="Difference">How, in words.</param>
internal sealed record RecordingPosition(
    int At, int Lines, double Time, double[] Times, int? DiffersAt, string? Difference);
