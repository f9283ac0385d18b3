using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Serving;

/// <summary>What can hold up a call of a program: only calls of the same share.</summary>
/// <param name="Process">The process.</param>
/// <param name="IsPath">Whether the calls are those that name a file by a path: who answers a page fault may have to
/// open a file.</param>
internal readonly record struct ShareKey(int Process, bool IsPath);

/// <summary>
/// The share of the server threads that each program has. A call that takes long holds a thread. A program that holds
/// as many as it may has its further calls kept here, where they cost a few bytes, until one of its own ends.
/// </summary>
internal sealed class ProgramShares
{
    /// <summary>Threads that the calls of a share can hold.</summary>
    public const int MostHeld = 16;

    // Guards what follows. Nothing else is locked while it is held.
    private readonly RankedLock _lock = new(LockRank.ProgramShares);
    private readonly Dictionary<ShareKey, Share> _shares = [];

    // How many have all that they may have: read without the lock.
    private int _full;

    /// <summary>Whether any share is used up: only then has a call to be asked whose it is.</summary>
    public bool AnyIsFull => Volatile.Read(ref _full) != 0;

    /// <summary>A call of the share is seen to take long.</summary>
    public void Hold(ShareKey key)
    {
        using (_lock.Enter())
        {
            if (!_shares.TryGetValue(key, out Share? share)) _shares.Add(key, share = new Share());
            if (++share.Held == MostHeld) _full++;
        }
    }

    /// <summary>Keeps a call for later, if its share is used up.</summary>
    public bool TryKeep(ShareKey key, in SeccompNotif call)
    {
        using (_lock.Enter())
        {
            if (!_shares.TryGetValue(key, out Share? share) || share.Held < MostHeld) return false;
            share.Kept.Enqueue(call);
            return true;
        }
    }

    /// <summary>
    /// A thread that the share holds is done with its call. It takes the next that was kept, or is held no longer.
    /// </summary>
    public bool TryTakeNext(ShareKey key, [MaybeNullWhen(false)] out SeccompNotif call)
    {
        using (_lock.Enter())
        {
            Share share = _shares[key];
            if (share.Kept.TryDequeue(out call)) return true;
            if (share.Held == MostHeld) _full--;
            if (--share.Held == 0) _shares.Remove(key);
            return false;
        }
    }

    private sealed class Share
    {
        public Queue<SeccompNotif> Kept { get; } = [];

        public int Held { get; set; }
    }
}
