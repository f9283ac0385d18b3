using System.Collections.Concurrent;
using Ioasis.Replay.Calls;

namespace Ioasis.Replay.Fuzz;

/// <summary>Plays calls, and looks after each whether what must hold does.</summary>
/// <param name="target">What they are played on.</param>
/// <param name="progress">Is told before each call and after each look.</param>
internal sealed class CheckedPlay(IFuzzTarget target, Action progress)
{
    internal const string Exception = "exception", Changed = "changed by a failed call", Left = "left after the close",
        NotRepeatable = "not repeatable", Hang = "hang";

    private const int Shown = 200;

    private readonly ConcurrentQueue<Call> _calls = new(); // looked at by another thread if one does not end
    private readonly List<string> _answers = [];
    private string _state = "";

    /// <summary>The calls so far, the one that is under way included.</summary>
    internal IReadOnlyList<Call> Calls => [.. _calls];

    /// <summary>Their answers.</summary>
    internal IReadOnlyList<string> Answers => _answers;

    /// <summary>Makes one call.</summary>
    /// <exception cref="OracleException">Something does not hold.</exception>
    internal string Play(Call call)
    {
        // What is left is the doing of the calls before this one.
        if (call.IsReset && target.Fresh is not null) CloseAll();
        _calls.Enqueue(call);
        progress();
        try
        {
            string answer = target.Play(call);
            string state = target.State();
            if (!answer.StartsWith('0') && state != _state && !MayChange(call, answer))
                throw new OracleException(Changed, $"{call} was answered {answer}, but {Difference(_state, state)}");
            _state = state;
            _answers.Add(answer);
            progress();
            return answer;
        }
        catch (Exception e) when (e is not OracleException)
        {
            throw new OracleException(Exception, $"{call}: {e.GetType().Name}: {e.Message}");
        }
    }

    /// <summary>
    /// Whether a call that fails so changes something on Linux, too. An unmap ends at the first mapping that it would
    /// have to cut, and what came before that is gone (ENOENT). Where its answer cannot be written, it is done; and an
    /// attach is undone by a detach, which does not bring the attachment back that there was before (EFAULT).
    /// </summary>
    private static bool MayChange(Call call, string answer) => answer.Split(' ')[0] switch
    {
        "ENOENT" => call.Name is "unmap" or "vfio_unmap",
        "EFAULT" => call.Name is "unmap" or "vfio_unmap" or "attach",
        _ => false,
    };

    /// <summary>Closes everything, as at the end of a program, and looks what is left.</summary>
    /// <exception cref="OracleException">Something is.</exception>
    internal void CloseAll()
    {
        try
        {
            target.Close();
            string left = target.All();
            if (left != target.Fresh) throw new OracleException(Left, Difference(target.Fresh ?? "", left));
        }
        catch (Exception e) when (e is not OracleException)
        {
            throw new OracleException(Exception, $"closing everything: {e.GetType().Name}: {e.Message}");
        }
    }

    /// <summary>Where two states begin to differ.</summary>
    private static string Difference(string before, string after)
    {
        int at = before.AsSpan().CommonPrefixLength(after);
        int from = Math.Max(0, at - (Shown / 4));
        return $"the state went from ...{Part(before)} to ...{Part(after)}";

        string Part(string state) => state[Math.Min(from, state.Length)..Math.Min(from + Shown, state.Length)];
    }
}
