using System.Diagnostics;

namespace Ioasis.Devices.Slots;

/// <summary>
/// The thread that looks for stores to mapped BARs, one for all slots of a machine. It runs only while a BAR is mapped. After a doorbell
/// it keeps looking without a pause for a while, because another one is likely; then once a millisecond.
/// </summary>
internal sealed class BarPoller : IDisposable
{
    private const int IdleMilliseconds = 1;
    private static readonly TimeSpan s_hot = TimeSpan.FromMilliseconds(2);

    // Guards the slots and the thread. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly ManualResetEventSlim _changed = new();
    private volatile PciSlot[] _slots = [];
    private Thread? _thread;

    /// <summary>Whether there is a thread.</summary>
    internal bool IsRunning
    {
        get { lock (_lock) return _thread is not null; }
    }

    /// <summary>Looks at a slot's mapped BARs from now on.</summary>
    internal void Add(PciSlot slot)
    {
        lock (_lock)
        {
            if (Array.IndexOf(_slots, slot) < 0) _slots = [.. _slots, slot];
            if (_thread is null)
            {
                _thread = new Thread(Work) { IsBackground = true, Name = "BAR poller" };
                _thread.Start();
            }

            _changed.Set();
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

    private void Work()
    {
        long hotUntil = Stopwatch.GetTimestamp();
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

            bool any = false;
            foreach (PciSlot slot in _slots) any |= slot.TryPoll();
            long now = Stopwatch.GetTimestamp();
            if (any) hotUntil = now + (long)(s_hot.TotalSeconds * Stopwatch.Frequency);
            if (now < hotUntil) Thread.Yield();
            else _changed.Wait(IdleMilliseconds);
        }
    }
}
