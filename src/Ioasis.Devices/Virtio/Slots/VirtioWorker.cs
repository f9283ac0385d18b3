using System.Diagnostics;

namespace Ioasis.Devices.Virtio;

/// <summary>The thread that serves some queues of a device.</summary>
/// <remarks>
/// While it works, drivers need not notify the device. When nothing is left it looks at the rings for a little longer,
/// as the next request mostly follows soon and a notification is dear; then it asks for one and sleeps. How long it
/// looks is learned: longer if a request came while it looked, or so soon afterwards that a longer look had found it;
/// shorter if the queues were empty for long.
/// </remarks>
internal sealed class VirtioWorker : IDisposable
{
    private static readonly long s_shortest = Stopwatch.Frequency / 1_000_000, s_longest = Stopwatch.Frequency / 20_000;
    private readonly VirtioSlot _slot;
    private readonly VirtioDeviceModel _model;
    private readonly int _number;
    private readonly VirtQueue[] _queues;
    private readonly DeviceEngine<bool> _thread;
    private long _patience = s_shortest;
    private long _sleeps; // since when the worker sleeps

    internal VirtioWorker(VirtioSlot slot, VirtioDeviceModel model, int number, VirtQueue[] queues)
    {
        _slot = slot;
        _model = model;
        _number = number;
        _queues = queues;
        _thread = DeviceEngine.Create<bool>($"virtio worker {number}", (_, stop) => Work(stop));
    }

    /// <summary>Wakes the worker. If it works now, it looks once more when it is done. Nothing after its end.</summary>
    internal void Wake() => _thread.TryStartUnlessEnded(true);

    /// <summary>Waits until the worker is idle. What it has taken and not given back counts as not taken.</summary>
    internal void Stop() => _thread.Abort();

    public void Dispose() => _thread.Dispose();

    private void Work(CancellationToken stop)
    {
        bool isSoon = Stopwatch.GetTimestamp() - _sleeps < s_longest;
        _patience = isSoon ? Math.Min(2 * _patience, s_longest) : Math.Max(_patience / 2, s_shortest);
        try
        {
            do
            {
                foreach (VirtQueue queue in _queues) queue.AskForNotifications(false);
                _model.Serve(_number, stop);
                foreach (VirtQueue queue in _queues) queue.Return();
            }
            while (!stop.IsCancellationRequested && !_slot.HasFailed && (ComesSoon(stop) || ComesAtLast()));
        }
        finally
        {
            foreach (VirtQueue queue in _queues) Settle(queue);
            _sleeps = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Shows the driver what was given back, unless that waits for memory.</summary>
    private static void Settle(VirtQueue queue)
    {
        try
        {
            queue.Return();
        }
        catch (OperationCanceledException)
        {
            queue.Rewind();
        }
    }

    private bool ComesSoon(CancellationToken stop)
    {
        long end = Stopwatch.GetTimestamp() + _patience;
        do
        {
            if (IsAnyFilled())
            {
                _patience = Math.Min(2 * _patience, s_longest);
                return true;
            }

            Thread.SpinWait(10);
        }
        while (Stopwatch.GetTimestamp() < end && !stop.IsCancellationRequested);
        return false;
    }

    private bool ComesAtLast()
    {
        foreach (VirtQueue queue in _queues)
            if (queue.IsDrained) queue.AskForNotifications(true);
        return IsAnyFilled();
    }

    /// <summary>Whether a queue that the model found empty has something now.</summary>
    private bool IsAnyFilled()
    {
        foreach (VirtQueue queue in _queues)
            if (queue.IsDrained && queue.Look()) return true;
        return false;
    }
}
