using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// A thread that calls the DMA API. What it keeps for the next calls is its own, so that calls of several threads write
/// nothing in common: free mappings (<see cref="LocalSlots"/>), free blocks of pools, and holds on a memory.
/// </summary>
/// <remarks>
/// A thread uses these things within a section, which takes no atomic instruction. Who needs those of all threads
/// stops them:
/// <list type="number">
/// <item>A thread that enters a section stores <c>IsInside</c>, then loads <c>s_isStopped</c>.</item>
/// <item>Whoever stops them stores <c>s_isStopped</c>, issues a barrier on all processors, and waits for each thread
/// that is inside.</item>
/// <item>A thread's store came before the barrier, and it is waited for; or its load comes after the barrier, and it
/// leaves and waits for the lock.</item>
/// </list>
/// A section neither waits nor calls anything foreign.
/// </remarks>
internal sealed class DriverThread
{
    private const int Batch = 1024; // holds on a memory that are taken together
    private const int Most = 4 * Batch;

    // Held while the threads are stopped. Guards the list of threads. Innermost.
    private static readonly RankedLock s_lock = new(LockRank.DriverThreads);
    private static readonly Stack<DriverThread> s_ended = new();
    private static DriverThread[] s_all = [];
    private static int s_isStopped;

    [ThreadStatic]
    private static DriverThread? s_mine;

    [ThreadStatic]
    private static Owner? s_owner; // its end is the thread's

    private Local _local;

    private DriverThread(int index) => Index = index;

    /// <summary>Where it is in arrays that have something for each thread. A thread that ends leaves it to another.
    /// </summary>
    internal int Index { get; }

    /// <summary>Begins a section of the calling thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DriverThread Enter()
    {
        if (s_mine is { } mine)
        {
            Volatile.Write(ref mine._local.IsInside, 1);
            if (Volatile.Read(ref s_isStopped) == 0) return mine;
        }

        return EnterSlow();
    }

    /// <summary>Ends the section.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Leave() => Volatile.Write(ref _local.IsInside, 0);

    /// <summary>Stops all threads outside of sections, until the value is disposed. Not within a section.</summary>
    internal static Stopped StopAll() => new(s_lock.Enter());

    /// <summary>Takes a hold on a memory, within a section; false if its owner has disposed it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryHold(DmaMemory memory)
    {
        if (_local.Memory != memory || _local.Holds == 0 || memory.IsDisposed) return TryHoldSlow(memory);
        _local.Holds--;
        return true;
    }

    /// <summary>Releases a hold, within a section; false if the caller has to do it outside.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryRelease(DmaMemory memory)
    {
        if (_local.Memory != memory || _local.Holds >= Most) return false;
        _local.Holds++;
        return true;
    }

    /// <summary>Releases the holds that threads keep on a memory whose owner disposes it.</summary>
    internal static void Forget(DmaMemory memory)
    {
        int holds = 0;
        using (StopAll())
        {
            foreach (DriverThread thread in s_all)
            {
                if (thread._local.Other == memory) thread._local.Other = null;
                if (thread._local.Memory != memory) continue;
                holds += thread._local.Holds;
                (thread._local.Memory, thread._local.Holds) = (null, 0);
            }
        }

        memory.Release(holds);
    }

    /// <summary>Says that <see cref="TryHold"/> failed, after the section.</summary>
    [DoesNotReturn]
    internal void Refuse(DmaMemory memory)
    {
        int surplus = _local.Surplus;
        _local.Surplus = 0;
        memory.Release(surplus);
        throw new ObjectDisposedException(memory.GetType().FullName);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryHoldSlow(DmaMemory memory)
    {
        if (memory.IsDisposed) return false;
        if (_local.Memory is { } kept && kept != memory)
        {
            if (_local.Other != memory)
            {
                // A thread that alternates between memories takes single holds: batches would cost more.
                _local.Other = memory;
                return memory.TryHold(1);
            }

            kept.Release(_local.Holds); // never the last: its owner takes these away before it releases its own
            (_local.Memory, _local.Holds) = (null, 0);
        }

        // Either this thread sees that the memory is disposed, or its owner sees that threads keep holds.
        memory.IsKept = true;
        if (!memory.TryHold(Batch)) return false;
        if (memory.IsDisposed)
        {
            _local.Surplus = Batch;
            return false;
        }

        (_local.Memory, _local.Holds) = (memory, _local.Holds + Batch - 1);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DriverThread EnterSlow()
    {
        DriverThread mine = s_mine ?? Begin();
        while (true)
        {
            mine.Leave();
            using (s_lock.Enter())
            {
                // the threads are not stopped now
            }

            Volatile.Write(ref mine._local.IsInside, 1);
            if (Volatile.Read(ref s_isStopped) == 0) return mine;
        }
    }

    private static DriverThread Begin()
    {
        using (s_lock.Enter())
        {
            if (!s_ended.TryPop(out DriverThread? mine))
            {
                mine = new DriverThread(s_all.Length);
                s_all = [.. s_all, mine];
            }

            s_owner = new Owner(mine);
            return s_mine = mine;
        }
    }

    /// <summary>The threads are stopped.</summary>
    internal readonly ref struct Stopped
    {
        private readonly RankedLock.Scope _scope;

        internal Stopped(RankedLock.Scope scope)
        {
            _scope = scope;
            Volatile.Write(ref s_isStopped, 1);
            Interlocked.MemoryBarrierProcessWide();
            foreach (DriverThread thread in s_all)
            {
                SpinWait spin = default;
                while (Volatile.Read(ref thread._local.IsInside) != 0) spin.SpinOnce();
            }
        }

        /// <summary>They go on.</summary>
        public void Dispose()
        {
            Volatile.Write(ref s_isStopped, 0);
            _scope.Dispose();
        }
    }

    /// <summary>Lives as long as the thread.</summary>
    private sealed class Owner(DriverThread thread)
    {
        ~Owner()
        {
            using (s_lock.Enter()) s_ended.Push(thread);
        }
    }

    /// <summary>What the thread's calls write, away from the cache lines of others.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 320)]
    private struct Local
    {
        [FieldOffset(128)]
        internal DmaMemory? Memory;

        [FieldOffset(136)]
        internal DmaMemory? Other; // the last memory that it had no holds on

        [FieldOffset(144)]
        internal int IsInside;

        [FieldOffset(148)]
        internal int Holds; // on the memory, not in use

        [FieldOffset(152)]
        internal int Surplus; // holds that are to be released after the section
    }
}
