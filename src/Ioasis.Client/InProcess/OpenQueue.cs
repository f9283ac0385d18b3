using Ioasis.Iommufd.Files;

namespace Ioasis.Client.InProcess;

/// <summary>
/// The open description of a queue. The process reads the queue directly; this class only adds waiting.
/// </summary>
internal sealed class OpenQueue : OpenDescription, IQueueCarrier
{
    // Signals waiting threads. The queue's own lock is taken within it.
    private readonly object _changed = new();

    internal OpenQueue(QueueFile file)
    {
        File = file;
        file.ConnectTo(this);
    }

    internal QueueFile File { get; }

    public long ReadBytes => 0; // nor are any taken

    public void Wake()
    {
        lock (_changed) Monitor.PulseAll(_changed);
    }

    /// <summary>Waits until there is something to read; false on timeout.</summary>
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
