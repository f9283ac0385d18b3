using System.Collections.Concurrent;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>
/// Threads that we trace for the length of a call. Only one thread of ours waits for children (<see cref="Children"/>),
/// as the kernel gives each event to whoever waits first; it hands over here what is a tracee's.
/// </summary>
internal sealed class Tracees
{
    private readonly ConcurrentDictionary<int, Tracee> _byThread = new();

    /// <summary>
    /// Expects events of a thread, until <see cref="Forget"/>. Before it is seized: none may be lost. Another may
    /// expect the thread's next ones as soon as it was let go.
    /// </summary>
    public Tracee Expect(int thread) => _byThread[thread] = new Tracee();

    /// <summary>Its events matter to nobody any more.</summary>
    public void Forget(int thread, Tracee tracee) => _byThread.TryRemove(new(thread, tracee));

    /// <summary>Something became of a child or a tracee.</summary>
    public void Deliver(in ChildState state)
    {
        if (_byThread.TryGetValue(state.Pid, out Tracee? tracee)) tracee.Deliver(state);
    }
}
