using System.Runtime.CompilerServices;

namespace Ioasis.Memory.Threads;

/// <summary>
/// A lock on which threads wait for each other's changes (<see cref="Monitor"/>), with a place in the order of locks.
/// </summary>
internal readonly struct RankedMonitor
{
    private readonly object _object;
    private readonly LockRank _rank;

    /// <summary>Makes a monitor that nobody holds.</summary>
    /// <param name="rank">Its place.</param>
    public RankedMonitor(LockRank rank) => (_object, _rank) = (new object(), rank);

    /// <summary>Takes the lock until the value is disposed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Scope Enter()
    {
        if (LockOrder.IsChecked) LockOrder.Enter(_object, _rank);
        Monitor.Enter(_object);
        return new Scope(_object);
    }

    /// <summary>Gives back the lock that was taken last, until the value is disposed.</summary>
    public Pause Leave()
    {
        if (LockOrder.IsChecked) LockOrder.Exit();
        Monitor.Exit(_object);
        return new Pause(this);
    }

    /// <summary>Waits, without the lock, until another thread pulses.</summary>
    public void Wait() => Monitor.Wait(_object);

    /// <summary>As <see cref="Wait()"/>, but no longer than so.</summary>
    public bool Wait(TimeSpan longest) => Monitor.Wait(_object, longest);

    /// <summary>Lets one waiting thread go on.</summary>
    public void Pulse() => Monitor.Pulse(_object);

    /// <summary>Lets all waiting threads go on.</summary>
    public void PulseAll() => Monitor.PulseAll(_object);

    /// <summary>A monitor that is held.</summary>
    public readonly ref struct Scope
    {
        private readonly object _object;

        internal Scope(object taken) => _object = taken;

        /// <summary>Gives the lock back.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Dispose()
        {
            if (LockOrder.IsChecked) LockOrder.Exit();
            Monitor.Exit(_object);
        }
    }

    /// <summary>A monitor that its thread does without for a while.</summary>
    public readonly ref struct Pause
    {
        private readonly RankedMonitor _left;

        internal Pause(RankedMonitor left) => _left = left;

        /// <summary>Takes the lock again.</summary>
        public void Dispose()
        {
            if (LockOrder.IsChecked) LockOrder.Enter(_left._object, _left._rank);
            Monitor.Enter(_left._object);
        }
    }
}
