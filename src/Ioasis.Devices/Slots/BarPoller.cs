using System.Diagnostics;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Slots;

/// <summary>
/// The thread that polls mapped BARs for stores, one for all slots of a machine. It runs only while a BAR is mapped.
/// <see cref="PollPace"/> sets its pace by the activity of drivers and devices.
/// </summary>
/// <remarks>
/// An engine that has just ended a command polls its own slot for a moment (<see cref="Linger"/>): the next doorbell is
/// likely to be its own, and the thread that sees it does the work, without waking another one. One engine does that at
/// a time, so that all polling without a pause takes one processor. It polls no other slot, because the calls to
/// another device's model could keep it from its own work.
/// </remarks>
internal sealed class BarPoller : IDisposable
{
    private const int Millisecond = 1000;

    // How long after an engine's last poll it is likely to poll again.
    private static readonly long s_helped = Stopwatch.Frequency / 10_000;

    // How long the thread naps even after an event, since engines poll.
    private static readonly long s_recent = Stopwatch.Frequency / 10;
    private const int LeastNap = 10, WorkNap = 200; // microseconds

    // How long the thread leaves all polls to an engine, in milliseconds: longer where it has always polled again. An
    // engine with a long command does not poll.
    private const int LeastRest = 2, MostRest = 16;

    // Guards the slots and the thread. No other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.BarPoller);
    private readonly ManualResetEventSlim _changed = new(initialState: false, spinCount: 0);
    private volatile IPolledSlot[] _slots = [];
    private volatile bool _happened, _naps;
    private Thread? _thread;
    private long _rounds; // odd while the thread polls
    private readonly PollPace _lingerPace = new(Stopwatch.Frequency); // of the engine that polls
    private int _lingers; // 1 while an engine polls
    private volatile IPolledSlot? _helped; // the slot that an engine polled last
    private long _helpedAt; // when it did; 0 once it has stopped
    private long _engineAt; // when an engine was last about to poll

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

    /// <summary>
    /// Polls a slot in the thread's place, until its engine has work or nothing has happened for a moment. Returns at
    /// once if no BAR of the slot is mapped, another engine polls, or the host has too much to do for polls without a
    /// pause. Called on the engine's thread, with no lock.
    /// </summary>
    internal void Linger(IPolledSlot slot, IDeviceEngine engine)
    {
        if (Array.IndexOf(_slots, slot) < 0 || Interlocked.Exchange(ref _lingers, 1) != 0) return;
        try
        {
            _helped = slot;
            long now = Stopwatch.GetTimestamp();
            Volatile.Write(ref _engineAt, now);
            for (int pause = _lingerPace.Begin(now), turn = 0; pause == 0; turn++)
            {
                bool any = slot.TryPoll();
                if (engine.IsWanted) break;
                if (turn % 128 == 127) Thread.Yield(); // one of the same processor may have something to do
                now = Stopwatch.GetTimestamp();
                Volatile.Write(ref _helpedAt, now);
                pause = _lingerPace.Next(now, any);
            }
        }
        finally
        {
            _happened = true; // the thread goes on as if it had seen the doorbells
            bool isOver = !engine.IsWanted;
            if (isOver) Volatile.Write(ref _helpedAt, 0);
            Volatile.Write(ref _lingers, 0);
            if (isOver) _changed.Set();
        }
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
        int rest = LeastRest;
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

            long now = Stopwatch.GetTimestamp(), helped = now - Volatile.Read(ref _helpedAt);
            bool isAlone = _slots.Length == 1;
            if (helped < s_helped && isAlone)
            {
                pace.Rest();
                _changed.Wait(rest); // the engine says when it stops
                rest = Math.Min(2 * rest, MostRest);
                continue;
            }

            rest = LeastRest;

            bool any = _happened;
            _happened = false;
            any |= Poll(except: helped < s_helped ? _helped : null);
            now = Stopwatch.GetTimestamp();
            int nap = pace.Next(now, any);
            if (nap < Millisecond)
            {
                // An engine that polls without a pause needs a processor more. One that works polls when it is done.
                if (helped < s_recent && isAlone) nap = Math.Max(nap, WorkNap);
                else if (now - Volatile.Read(ref _engineAt) < s_recent) nap = Math.Max(nap, LeastNap);
                Nap(nap);
                continue;
            }

            _naps = true;
            if (!_happened) _changed.Wait(nap / Millisecond);
            _naps = false;
        }
    }

    private void Nap(int microseconds)
    {
        if (microseconds != 0 && ShortNap is { } sleep) sleep(microseconds);
        else Thread.Yield();
    }

    private bool Poll(IPolledSlot? except)
    {
        bool any = false;
        Interlocked.Increment(ref _rounds);
        try
        {
            foreach (IPolledSlot slot in _slots)
                if (slot != except) any |= slot.TryPoll();
        }
        finally
        {
            Interlocked.Increment(ref _rounds);
        }

        return any;
    }
}
