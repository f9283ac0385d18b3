namespace Ioasis.Linux.Memory;

/// <summary>
/// Tells whether the ID of a process, whose parent we still are, means its first thread running its first program; only
/// then may its ID be used to reach memory. Whoever changes either (by reaping the process, or by letting a thread of
/// it exec) waits for the accesses under way.
/// </summary>
/// <remarks>
/// 1. An access counts itself in, then reads the epoch. 2. A change raises the epoch, then reads the count. 3. Both are
/// full fences, so one of them sees the other: either the access is not made, or the change waits for it. 4. A call
/// carries the epoch from before it was received. At that time its thread waited, so a change in between is noticed
/// too.
/// </remarks>
internal sealed class StableId(int id)
{
    private const int Spins = 100, NapMilliseconds = 1;

    // The call that the thread received last, and the epoch before that.
    [ThreadStatic]
    private static (ulong Call, long Epoch) s_received;

    private long _epoch;
    private int _users;
    private int _changes;

    /// <summary>The ID.</summary>
    public int Id => id;

    /// <summary>Counts the changes. Read it before receiving a call.</summary>
    public long Epoch => Interlocked.Read(ref _epoch);

    /// <summary>Records that the calling thread received a call.</summary>
    public static void NoteReceived(ulong call, long epoch) => s_received = (call, epoch);

    /// <summary>The epoch before a call was received; false if another thread received it.</summary>
    public static bool TryGetEpoch(ulong call, out long epoch)
    {
        (ulong received, epoch) = s_received;
        return received == call;
    }

    /// <summary>Begins an access; false if a change is under way or has happened since that epoch.</summary>
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
    /// Begins a change. When this returns no access is under way, and none begins before <see cref="EndChange"/>.
    /// </summary>
    public void BeginChange()
    {
        Interlocked.Increment(ref _changes);
        Interlocked.Increment(ref _epoch);
        // Polls, because an event would cost each access a look for who waits, and changes are rare: an exec, and the
        // end of the process. An access waits for pages of the process only, so it ends when the process does at the
        // latest.
        SpinWait spin = default;
        while (Volatile.Read(ref _users) != 0)
        {
            if (spin.Count < Spins) spin.SpinOnce(sleep1Threshold: -1);
            else Thread.Sleep(NapMilliseconds);
        }
    }

    /// <summary>Ends a change, whether it was made or given up.</summary>
    public void EndChange() => Interlocked.Decrement(ref _changes);
}
