using Ioasis.Iommufd.Files;

namespace Ioasis.Client.InProcess;

/// <summary>
/// What the descriptor of a queue stands for. The process reads the queue itself, so that nothing is between them but
/// who waits.
/// </summary>
internal sealed class OpenQueue : OpenDescription, IQueueCarrier
{
    // For those who wait. The queue's own lock is taken within.
    private readonly object _changed = new();

    internal OpenQueue(QueueFile file)
    {
        File = file;
        file.ConnectTo(this);
    }

    internal QueueFile File { get; }

    public long ReadBytes => 0; // nor is anything taken

    public void Wake()
    {
        lock (_changed) Monitor.PulseAll(_changed);
    }

    /// <summary>Waits until there is something to read; false when the time was over.</summary>
    internal bool Wait(TimeSpan timeout)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_changed)
        {
            while (!File.IsReadable)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0) return false;
                Monitor.Wait(_changed, TimeSpan.FromMilliseconds(left));
            }

            return true;
        }
    }

    protected override void Close() => File.Close();
}
