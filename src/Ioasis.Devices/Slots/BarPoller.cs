using System.Diagnostics;
using Ioasis.Core.Threads;

namespace Ioasis.Devices.Slots;

/// <summary>
/// The thread that looks for stores to mapped BARs, one for all slots of a machine. It runs only while a BAR is mapped,
/// at a <see cref="PollPace"/> that follows what drivers and devices do.
/// </summary>
internal sealed class BarPoller : IDisposable
{
    private const int Millisecond = 1000;

    // Guards the slots and the thread. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly ManualResetEventSlim _changed = new(initialState: false, spinCount: 0);
    private volatile PciSlot[] _slots = [];
    private volatile bool _happened, _naps;
    private Thread? _thread;

    /// <summary>
    /// Lets the calling thread sleep for so many microseconds, less than a millisecond, for which .NET has no call;
    /// null where nobody gave one: it looks without a pause then.
    /// </summary>
    internal Action<int>? ShortNap { private get; set; }

    /// <summary>Whether there is a thread.</summary>
    internal bool IsRunning
    {
        get { lock (_lock) return _thread is not null; }
    }

    /// <summary>Looks at a slot's mapped BARs from now on.</summary>
    /// <returns>False where the host has no thread for it; nothing has changed then, and the next call tries
    /// again.</returns>
    internal bool TryAdd(PciSlot slot)
    {
        lock (_lock)
        {
            _thread ??= HostThread.TryStart("BAR poller", Work, Failed);
            if (_thread is null) return false;
            if (Array.IndexOf(_slots, slot) < 0) _slots = [.. _slots, slot];
            _changed.Set();
            return true;
        }
    }

    /// <summary>No longer looks at a slot. A look that is under way may still end after this.</summary>
    internal void Remove(PciSlot slot)
    {
        lock (_lock)
        {
            if (Array.IndexOf(_slots, slot) < 0) return;
            _slots = [.. _slots.Where(s => s != slot)];
            _changed.Set();
        }
    }

    /// <summary>
    /// A device told its driver something, or a driver made a call: stores are likely to come. One that is not noticed
    /// costs no more than a nap.
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
        lock (_lock)
        {
            _slots = [];
            thread = _thread;
            _changed.Set();
        }

        thread?.Join();
        _changed.Dispose();
    }

    // What a slot's model does wrong ends here in no case. The next slot that is added gets a thread again.
    private void Failed(Exception e)
    {
        lock (_lock) _thread = null;
        HostMessages.Tell("looking at mapped BARs", e);
    }

    private void Work()
    {
        var pace = new PollPace(Stopwatch.Frequency);
        _happened = true;
        while (true)
        {
            lock (_lock)
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
            foreach (PciSlot slot in _slots) any |= slot.TryPoll();
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
