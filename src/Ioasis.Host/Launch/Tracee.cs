using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>A thread that we trace, from the side of the thread of ours that seized it.</summary>
internal sealed class Tracee
{
    // Guards what became of it. Innermost.
    private readonly object _monitor = new();
    private ChildState? _state;

    /// <summary>Waits until it has stopped or ended. Each time that it does is told once.</summary>
    /// <param name="state">What became of it.</param>
    /// <param name="patience">How long to wait, before looking whether it is still there.</param>
    /// <returns>Whether it did in that time.</returns>
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
