namespace Ioasis.Linux.Memory;

/// <summary>
/// Whether the ID of a process whose parent we are still stands for its first thread, and that thread for the program
/// that it was: only then may memory be reached by the ID. Whoever is about to change either (who reaps the process,
/// who lets a thread of it exec) waits for the accesses that are under way.
/// </summary>
/// <remarks>
/// 1. An access counts itself in, and then looks at the epoch. 2. A change raises the epoch, and then looks at the
///    count. 3. Both are full fences, so one
/// of them sees the other: the access is not made, or the change waits for it. 4. A call has the epoch of before it was
/// received, at which time its thread waited: so a change that came in between is noticed too.
/// </remarks>
internal sealed class StableId(int id)
{
    private const int Spins = 100, NapMilliseconds = 1;

    // The last call that the thread received, and the epoch before that.
    [ThreadStatic]
    private static (ulong Call, long Epoch) t_received;

    private long _epoch;
    private int _users;
    private int _changes;

    /// <summary>The ID.</summary>
    public int Id => id;

    /// <summary>Counts the changes; to be read before a call is received.</summary>
    public long Epoch => Interlocked.Read(ref _epoch);

    /// <summary>The calling thread received a call.</summary>
    public static void NoteReceived(ulong call, long epoch) => t_received = (call, epoch);

    /// <summary>The epoch before a call was received; false where another thread did that.</summary>
    public static bool TryGetEpoch(ulong call, out long epoch)
    {
        (ulong received, epoch) = t_received;
        return received == call;
    }

    /// <summary>Begins an access; false when there was a change since that epoch, or is one.</summary>
    public bool TryEnter(long epoch)
    {
        Interlocked.Increment(ref _users);
        if (Interlocked.Read(ref _epoch) == epoch && Volatile.Read(ref _changes) == 0) return true;
        Leave();
        return false;
    }

    /// <summary>Ends an access.</summary>
    public void Leave() => Interlocked.Decrement(ref _users);

    /// <summary>
    /// A change is about to be made; no access is under way when this returns, nor begins before
    /// <see cref="EndChange"/>.
    /// </summary>
    public void BeginChange()
    {
        Interlocked.Increment(ref _changes);
        Interlocked.Increment(ref _epoch);
        SpinWait spin = default;
        while (Volatile.Read(ref _users) != 0)
        {
            if (spin.Count < Spins) spin.SpinOnce(sleep1Threshold: -1);
            else Thread.Sleep(NapMilliseconds);
        }
    }

    /// <summary>It is made, or was given up.</summary>
    public void EndChange() => Interlocked.Decrement(ref _changes);
}
