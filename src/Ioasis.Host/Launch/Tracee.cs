using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>A thread that we trace, for the thread of ours that seized it.</summary>
internal sealed class Tracee
{
    // Guards its state. Innermost.
    private readonly object _monitor = new();
    private ChildState? _state;

    /// <summary>Waits until it has stopped or ended. Reports each state change once.</summary>
    /// <param name="state">Its state change.</param>
    /// <param name="patience">The longest wait. After it, check whether the thread still exists.</param>
    /// <returns>Whether there was a state change in that time.</returns>
    public bool TryAwait(out ChildState state, TimeSpan patience)
    {
        lock (_monitor)
        {
            if (_state is null) Monitor.Wait(_monitor, patience);
            bool told = _state is not null;
            state = _state.GetValueOrDefault();
            _state = null;
            return told;
        }
    }

    internal void Deliver(in ChildState state)
    {
        lock (_monitor)
        {
            _state = state;
            Monitor.Pulse(_monitor);
        }
    }
}
