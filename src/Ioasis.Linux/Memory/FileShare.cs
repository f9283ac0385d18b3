using Ioasis.Linux.Processes;

namespace Ioasis.Linux.Memory;

/// <summary>The files that we hold open for one process, and our views of them: their numbers and limits.</summary>
internal sealed class FileShare
{
    // The limit is this fraction of the descriptors that we may have, but at least this many on a host with a low
    // limit.
    private const ulong Part = 8, Least = 64;

    private static readonly ulong s_most = Math.Max(Least, SysProcesses.DescriptorLimit / Part);

    // The most views of one process, and of all of them: half of the mappings that Linux lets our process have
    // (vm.max_map_count). A view of a file that loses pages can take two.
    private const int MostViews = 1 << 12, MostViewsOfAll = 1 << 14;

    private static int s_views;

    private long _held;
    private int _views;

    /// <summary>Number of files held.</summary>
    internal long Held => Interlocked.Read(ref _held);

    /// <summary>Takes one more; false if the process has reached its limit.</summary>
    internal bool TryTake()
    {
        if (Interlocked.Increment(ref _held) <= (long)s_most) return true;
        Interlocked.Decrement(ref _held);
        return false;
    }

    /// <summary>Gives one back.</summary>
    internal void Give() => Interlocked.Decrement(ref _held);

    /// <summary>Takes views; false if the process, or all processes together, have reached the limit.</summary>
    /// <param name="share">The process's share; null for none.</param>
    /// <param name="count">The number of views.</param>
    internal static bool TryTakeViews(FileShare? share, int count)
    {
        bool all = Interlocked.Add(ref s_views, count) <= MostViewsOfAll;
        bool own = share is null || Interlocked.Add(ref share._views, count) <= MostViews;
        if (all && own) return true;
        GiveViews(share, count);
        return false;
    }

    /// <summary>Gives views back.</summary>
    internal static void GiveViews(FileShare? share, int count)
    {
        Interlocked.Add(ref s_views, -count);
        if (share is not null) Interlocked.Add(ref share._views, -count);
    }
}
