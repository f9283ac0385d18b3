using System.Text.Json.Nodes;
using Ioasis.Client;
using Ioasis.Diagnostics.Trace;
using Ioasis.Host.Control;
using Ioasis.Web.Sources;

namespace Ioasis.Web.Lessons;

/// <summary>A lesson that was begun: its machine, and what its steps have done so far.</summary>
internal sealed class LessonRun : IMachineSource
{
    private static readonly ControlRequest s_state = new("state");

    private readonly Lesson _lesson;
    private readonly InProcessMachine _machine;
    private readonly StepTrace _calls;
    private readonly SemaphoreSlim _turn = new(1, 1); // a step is under way
    private volatile IReadOnlyList<LessonResult> _done = [];
    private bool _isFailed, _isDisposed; // of who has the turn

    /// <summary>Begins a lesson on a machine of its own.</summary>
    internal LessonRun(Lesson lesson)
    {
        _lesson = lesson;
        _machine = new InProcessMachine(lesson.Description, $"the lesson \"{lesson.Title}\"");
        _calls = new StepTrace(_machine.Machine.Observers, _machine.Machine.NameOf);
        lesson.Machine = _machine.Machine;
        Picture = lesson.Picture;
    }

    /// <inheritdoc/>
    public string Kind => "lesson";

    /// <inheritdoc/>
    public string Title => _lesson.Title;

    /// <summary>What it is of.</summary>
    internal Lesson Lesson => _lesson;

    /// <summary>What its steps have done.</summary>
    internal IReadOnlyList<LessonResult> Done => _done;

    /// <summary>The numbers of its picture after the last step.</summary>
    internal object Picture { get; private set; }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Ask(ControlRequest request) => _machine.Ask(request);

    /// <inheritdoc/>
    public Task Follow(ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop) =>
        _machine.FollowOnThread(request, take, stop);

    /// <summary>Makes the next step.</summary>
    /// <param name="at">How many steps are done, as the one who asks knows it.</param>
    /// <exception cref="LessonException">It is at another step, or at its end; or a step failed.</exception>
    internal LessonResult Next(int at)
    {
        if (!_turn.Wait(0)) throw new LessonException("A step is under way.");
        try
        {
            IReadOnlyList<LessonStep> steps = _lesson.Steps;
            if (_isDisposed) throw new LessonException("The lesson was left; begin it anew.");
            if (_isFailed) throw new LessonException("A step has failed; begin the lesson anew.");
            if (at != _done.Count)
                throw new LessonException($"{_done.Count} steps of the lesson are done, not {at}.");
            if (at == steps.Count) throw new LessonException("The lesson is at its end; begin it anew.");
            return Make(steps[at]);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _turn.Wait(); // for the step that is under way
        try
        {
            if (_isDisposed) return;
            _isDisposed = true;
            _machine.Dispose(before: () =>
            {
                _calls.Dispose();
                _lesson.Dispose();
            });
        }
        finally
        {
            _turn.Release();
        }
    }

    private LessonResult Make(LessonStep step)
    {
        JsonNode before = State();
        _calls.Take(out _);
        try
        {
            step.Do();
        }
        catch (Exception e) when (e is IommuException or LessonException or TimeoutException
            or InvalidOperationException)
        {
            _isFailed = true;
            throw new LessonException($"\"{step.Title}\" failed. {e.Message}");
        }

        IReadOnlyList<TracedLine> calls = _calls.Take(out int accesses);
        var result = new LessonResult(
            step.Says(), calls, accesses, StateChanges.Between(before, State()), step.Walk?.Invoke());
        Picture = _lesson.Picture;
        _done = [.. _done, result];
        return result;
    }

    private JsonNode State() => JsonNode.Parse(_machine.Ask(s_state))!;
}

/// <summary>What a step did.</summary>
/// <param name="Says">What came of it, in words.</param>
/// <param name="Calls">Its calls, and what they caused.</param>
/// <param name="Accesses">How many reads and writes of registers there were beside.</param>
/// <param name="Changes">What is otherwise in the machine.</param>
/// <param name="Walk">The address whose translation it is about.</param>
internal sealed record LessonResult(string Says, IReadOnlyList<TracedLine> Calls, int Accesses,
    IReadOnlyList<StateChange> Changes, LessonWalk? Walk);
