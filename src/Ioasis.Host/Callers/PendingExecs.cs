using Ioasis.Linux.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Callers;

/// <summary>
/// Threads that were let into execve(2) and have not called since: their processes run the old or the new program.
/// Until it is known which, a process that is seen for the first time may have been examined too early, and an ID may
/// no longer mean the same thread.
/// </summary>
/// <param name="program">The process that we are the parent of.</param>
internal sealed class PendingExecs(StableId program)
{
    // At this number, threads that have ended are removed.
    private const int Many = 256;

    // Guards the fields below. Innermost.
    private readonly RankedLock _lock = new(LockRank.PendingExecs);
    private readonly Dictionary<int, bool> _threads = []; // whether it is a thread of our child
    private volatile int _count;

    /// <summary>Notes that a thread is about to exec.</summary>
    public void Note(int thread)
    {
        bool own = thread == program.Id || IsThreadOf(program.Id, thread);
        using (_lock.Enter())
        {
            if (_threads.Count >= Many)
                foreach (int each in _threads.Keys.ToArray())
                    if (!Directory.Exists($"/proc/{each}")) Remove(each);
            if (!_threads.TryAdd(thread, own)) return;
            _count = _threads.Count;
        }

        // It may wait for a call of that program; nobody else does.
        if (own) program.BeginChange();
    }

    /// <summary>Notes that a thread makes another call, so its exec is over.</summary>
    public void Settle(int thread)
    {
        if (_count == 0) return;
        using (_lock.Enter())
        {
            Remove(thread);
            // If a thread other than the first execs, it takes over the first thread's ID.
            if (thread != program.Id) return;
            foreach ((int each, bool own) in _threads.ToArray())
                if (own && !IsThreadOf(program.Id, each)) Remove(each);
        }
    }

    /// <summary>Whether another thread of a process may be about to exec.</summary>
    public bool ArePendingIn(int process)
    {
        if (_count == 0) return false;
        int[] threads;
        using (_lock.Enter()) threads = [.. _threads.Keys];
        return threads.Any(thread => IsThreadOf(process, thread));
    }

    private void Remove(int thread)
    {
        if (!_threads.Remove(thread, out bool own)) return;
        _count = _threads.Count;
        if (own) program.EndChange();
    }

    private static bool IsThreadOf(int process, int thread) => Directory.Exists($"/proc/{process}/task/{thread}");
}
