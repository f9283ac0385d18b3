using System.Runtime.CompilerServices;

namespace Ioasis.Memory.Threads;

/// <summary>
/// A <see cref="Lock"/> with a place in the order of all locks. Without the check it costs what the lock costs.
/// </summary>
/// <example><c>using (_lock.Enter()) _count++;</c></example>
internal readonly struct RankedLock
{
    private readonly Lock _lock;
    private readonly LockRank _rank;

    /// <summary>Makes a lock that nobody holds.</summary>
    /// <param name="rank">Its place.</param>
    public RankedLock(LockRank rank) => (_lock, _rank) = (new Lock(), rank);

#pragma warning disable CS9216 // nobody locks by it: it is compared
    private object Identity => _lock;
#pragma warning restore CS9216

    /// <summary>Takes the lock until the value is disposed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Scope Enter()
    {
        if (LockOrder.IsChecked) LockOrder.Enter(Identity, _rank);
        return new Scope(_lock);
    }

    /// <summary>
    /// Takes the lock, until <see cref="Exit"/>, if no other thread holds it. As it does not wait, the order does not
    /// matter.
    /// </summary>
    public bool TryEnter()
    {
        if (!_lock.TryEnter()) return false;
        if (LockOrder.IsChecked) LockOrder.EnterInAnyOrder(Identity, _rank);
        return true;
    }

    /// <summary>
    /// Takes one of several locks of this rank that the thread holds together, until <see cref="Exit"/>. An outer lock,
    /// or an order of their own, must keep two threads from waiting for each other.
    /// </summary>
    public void EnterAmongMany()
    {
        if (LockOrder.IsChecked) LockOrder.EnterAmongMany(Identity, _rank);
        _lock.Enter();
    }

    /// <summary>
    /// Gives back the lock that was taken last by <see cref="TryEnter"/> or <see cref="EnterAmongMany"/>.
    /// </summary>
    public void Exit()
    {
        if (LockOrder.IsChecked) LockOrder.Exit();
        _lock.Exit();
    }

    /// <summary>Gives back the lock that was taken last, until the value is disposed.</summary>
    public Pause Leave()
    {
        Exit();
        return new Pause(this);
    }

    private void EnterAgain()
    {
        if (LockOrder.IsChecked) LockOrder.Enter(Identity, _rank);
        _lock.Enter();
    }

    /// <summary>A lock that is held.</summary>
    public readonly ref struct Scope
    {
        private readonly Lock.Scope _scope;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal Scope(Lock taken) => _scope = taken.EnterScope();

        /// <summary>Gives the lock back.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Dispose()
        {
            if (LockOrder.IsChecked) LockOrder.Exit();
            _scope.Dispose();
        }
    }

    /// <summary>A lock that its thread does without for a while.</summary>
    public readonly ref struct Pause
    {
        private readonly RankedLock _left;

        internal Pause(RankedLock left) => _left = left;

        /// <summary>Takes the lock again.</summary>
        public void Dispose() => _left.EnterAgain();
    }
}
