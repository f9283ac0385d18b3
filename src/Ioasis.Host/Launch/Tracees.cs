using System.Collections.Concurrent;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>
/// Threads that we trace during a call. Only one thread of ours waits for children (<see cref="Children"/>), because
/// the kernel gives each event to whoever waits first. It delivers the events of tracees here.
/// </summary>
internal sealed class Tracees
{
    private readonly ConcurrentDictionary<int, Tracee> _byThread = new();

    /// <summary>
    /// Expects events of a thread, until <see cref="Forget"/>. Call it before seizing the thread, so that none is lost.
    /// After the thread is released, another caller may expect its next events.
    /// </summary>
    public Tracee Expect(int thread) => _byThread[thread] = new Tracee();

    /// <summary>Stops expecting a thread's events.</summary>
    public void Forget(int thread, Tracee tracee) => _byThread.TryRemove(new(thread, tracee));

    /// <summary>Delivers the state change of a child or a tracee.</summary>
    public void Deliver(in ChildState state)
    {
        if (_byThread.TryGetValue(state.Pid, out Tracee? tracee)) tracee.Deliver(state);
    }
}
