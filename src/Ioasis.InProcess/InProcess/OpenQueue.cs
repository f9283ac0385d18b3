using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Client.InProcess;

/// <summary>
/// The open description of a queue. The process reads the queue directly; this class only adds waiting.
/// </summary>
internal sealed class OpenQueue : OpenDescription, IQueueCarrier
{
    // Signals waiting threads. The queue's own lock is taken within it.
    private readonly RankedMonitor _changed = new(LockRank.ProcessQueue);
    private TaskCompletionSource? _readable; // for tasks; null while none waits

    internal OpenQueue(QueueFile file)
    {
        File = file;
        file.ConnectTo(this);
    }

    internal QueueFile File { get; }

    public long ReadBytes => 0; // nor are any taken

    public void Wake()
    {
        using (_changed.Enter())
        {
            _changed.PulseAll();
            _readable?.TrySetResult(); // runs no continuation here
            _readable = null;
        }
    }

    /// <summary>Waits until there is something to read, without a thread that waits.</summary>
    internal async Task WaitAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task readable;
            using (_changed.Enter())
            {
                if (File.IsReadable) return;
                _readable ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                readable = _readable.Task;
            }

            await readable.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until there is something to read; false on timeout.</summary>
    internal bool Wait(TimeSpan timeout)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        using (_changed.Enter())
        {
            while (!File.IsReadable)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0) return false;
                _changed.Wait(TimeSpan.FromMilliseconds(left));
            }

            return true;
        }
    }

    protected override void Close() => File.Close();
}
