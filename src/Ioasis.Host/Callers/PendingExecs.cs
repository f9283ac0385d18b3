using Ioasis.Linux.Memory;

namespace Ioasis.Host.Callers;

/// <summary>
/// The threads that were let into execve(2) and of which nothing was heard since: their processes run one program or
/// the other. Until that is known, a process that is seen for the first time may have been looked at too early, and no
/// ID stands for certain for the thread that it stood for.
/// </summary>
/// <param name="program">The process whose parent we are.</param>
internal sealed class PendingExecs(StableId program)
{
    // Those that ended are looked for when there are so many.
    private const int Many = 256;

    // Guards what follows. Innermost.
    private readonly Lock _lock = new();
    private readonly Dictionary<int, bool> _threads = []; // whether it is one of the program's
    private volatile int _count;

    /// <summary>A thread is about to exec.</summary>
    public void Note(int thread)
    {
        bool own = thread == program.Id || IsThreadOf(program.Id, thread);
        lock (_lock)
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

    /// <summary>A thread calls: what it was about to do is done.</summary>
    public void Settle(int thread)
    {
        if (_count == 0) return;
        lock (_lock)
        {
            Remove(thread);
            // One that is not the first takes the first's ID over when its exec succeeds.
            if (thread != program.Id) return;
            foreach ((int each, bool own) in _threads.ToArray())
                if (own && !IsThreadOf(program.Id, each)) Remove(each);
        }
    }

    /// <summary>
    /// Whether a thread of a process, other than the one that calls, may be about to make it another program.
    /// </summary>
    public bool ArePendingIn(int process)
    {
        if (_count == 0) return false;
        int[] threads;
        lock (_lock) threads = [.. _threads.Keys];
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
