using System.Globalization;
using Ioasis.Host.Control;
using Ioasis.Web.Sources;

namespace Ioasis.Web.Lessons;

/// <summary>A place for a lesson, whose machine is asked as any other.</summary>
/// <param name="number">The place's number.</param>
internal sealed class LessonPlace(int number) : IMachineSource
{
    private volatile Held? _held;
    private long _usedAt;

    /// <summary>The lesson that is here; null for none.</summary>
    internal LessonRun? Run => _held?.Run;

    /// <summary>When it was used last.</summary>
    internal long UsedAt => Volatile.Read(ref _usedAt);

    /// <inheritdoc/>
    public string Kind => "lesson";

    /// <inheritdoc/>
    public string Title => Run?.Title ?? "left";

    /// <summary>Where requests for its machine go (<see cref="Serving.MachineChoice"/>).</summary>
    internal string Path => string.Create(CultureInfo.InvariantCulture, $"/lessons/{number}");

    /// <summary>Whether a lesson of this ID is here; if so, it is used.</summary>
    internal bool Has(string id)
    {
        if (_held?.Id != id) return false;
        Volatile.Write(ref _usedAt, Environment.TickCount64);
        return true;
    }

    /// <summary>Puts a lesson in the place of the one that is here.</summary>
    /// <returns>Its ID.</returns>
    internal string Begin(LessonRun run, long begun)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{run.Lesson.Name}-{begun}");
        Held? before = _held;
        _held = new Held(id, run);
        Volatile.Write(ref _usedAt, Environment.TickCount64);
        before?.Run.Dispose();
        return id;
    }

    /// <summary>Ends the lesson that is here.</summary>
    internal void Leave()
    {
        Held? before = _held;
        _held = null;
        before?.Run.Dispose();
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Ask(ControlRequest request) => Now().Ask(request);

    /// <inheritdoc/>
    public Task Follow(ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop) =>
        Now().Follow(request, take, stop);

    /// <inheritdoc/>
    public void Dispose() => Leave();

    private LessonRun Now() => Run ?? throw new NoProgramException("the lesson was left; begin it anew");

    private sealed record Held(string Id, LessonRun Run);
}
