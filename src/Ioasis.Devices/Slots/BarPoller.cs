using System.Diagnostics;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Slots;

/// <summary>
/// The thread that polls mapped BARs for stores, one for all slots of a machine. It runs only while a BAR is mapped.
/// <see cref="PollPace"/> sets its pace by the activity of drivers and devices.
/// </summary>
internal sealed class BarPoller : IDisposable
{
    private const int Millisecond = 1000;

    // Guards the slots and the thread. No other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.BarPoller);
    private readonly ManualResetEventSlim _changed = new(initialState: false, spinCount: 0);
    private volatile IPolledSlot[] _slots = [];
    private volatile bool _happened, _naps;
    private Thread? _thread;
    private long _rounds; // odd while the thread polls

    /// <summary>
    /// Puts the calling thread to sleep for less than a millisecond, given in microseconds; .NET has no such call. If
    /// null, the thread polls without a pause instead.
    /// </summary>
    internal Action<int>? ShortNap { private get; set; }

    /// <summary>Whether the thread exists.</summary>
    internal bool IsRunning
    {
        get { using (_lock.Enter()) return _thread is not null; }
    }

    /// <summary>Polls a slot's mapped BARs from now on.</summary>
    /// <returns>
    /// False if the host cannot create the thread. Nothing has changed then, and the next call tries again.
    /// </returns>
    internal bool TryAdd(IPolledSlot slot)
    {
        using (_lock.Enter())
        {
            _thread ??= HostThread.TryStart("BAR poller", Work, Failed);
            if (_thread is null) return false;
            if (Array.IndexOf(_slots, slot) < 0) _slots = [.. _slots, slot];
            _changed.Set();
            return true;
        }
    }

    /// <summary>Stops polling a slot. A poll under way may still finish after this.</summary>
    internal void Remove(IPolledSlot slot)
    {
        using (_lock.Enter())
        {
            if (Array.IndexOf(_slots, slot) < 0) return;
            _slots = [.. _slots.Where(s => s != slot)];
            _changed.Set();
        }
    }

    /// <summary>
    /// Stops polling a slot, and waits for a poll under way. Called with no lock that the slot's polls take, and by no
    /// slot's poll.
    /// </summary>
    internal void RemoveAndWait(IPolledSlot slot)
    {
        Remove(slot);
        long round = Volatile.Read(ref _rounds);
        if (round % 2 == 0) return; // no poll is under way
        SpinWait wait = default;
        while (Volatile.Read(ref _rounds) == round) wait.SpinOnce();
    }

    /// <summary>
    /// Polls faster for a while, since a device signalled its driver or a driver made a call, so stores are likely. A
    /// missed call costs at most one nap.
    /// </summary>
    internal void Expect()
    {
        _happened = true;
        if (_naps) _changed.Set();
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        Thread? thread;
        using (_lock.Enter())
        {
            _slots = [];
            thread = _thread;
            _changed.Set();
        }

        thread?.Join();
        _changed.Dispose();
    }

    // Models' exceptions never end here. The next slot that is added gets a new thread.
    private void Failed(Exception e)
    {
        using (_lock.Enter()) _thread = null;
        HostMessages.Tell("looking at mapped BARs", e);
    }

    private void Work()
    {
        var pace = new PollPace(Stopwatch.Frequency);
        _happened = true;
        while (true)
        {
            using (_lock.Enter())
            {
                _changed.Reset();
                if (_slots.Length == 0)
                {
                    _thread = null;
                    return;
                }
            }

            bool any = _happened;
            _happened = false;
            Interlocked.Increment(ref _rounds);
            try
            {
                foreach (IPolledSlot slot in _slots) any |= slot.TryPoll();
            }
            finally
            {
                Interlocked.Increment(ref _rounds);
            }

            int nap = pace.Next(Stopwatch.GetTimestamp(), any);
            if (nap < Millisecond)
            {
                if (nap != 0 && ShortNap is { } sleep) sleep(nap);
                else Thread.Yield();
                continue;
            }

            _naps = true;
            if (!_happened) _changed.Wait(nap / Millisecond);
            _naps = false;
        }
    }
}
