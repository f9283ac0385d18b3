using Ioasis.Linux.Processes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Launch;

/// <summary>A thread that we trace, for the thread of ours that seized it.</summary>
internal sealed class Tracee
{
    // Guards its state. Innermost.
    private readonly RankedMonitor _monitor = new(LockRank.Tracee);
    private ChildState? _state;

    /// <summary>Waits until it has stopped or ended. Reports each state change once.</summary>
    /// <param name="state">Its state change.</param>
    /// <param name="patience">The longest wait. After it, check whether the thread still exists.</param>
    /// <returns>Whether there was a state change in that time.</returns>
    public bool TryAwait(out ChildState state, TimeSpan patience)
    {
        using (_monitor.Enter())
        {
            if (_state is null) _monitor.Wait(patience);
            bool told = _state is not null;
            state = _state.GetValueOrDefault();
            _state = null;
            return told;
        }
    }

    internal void Deliver(in ChildState state)
    {
        using (_monitor.Enter())
        {
            _state = state;
            _monitor.Pulse();
        }
    }
}
