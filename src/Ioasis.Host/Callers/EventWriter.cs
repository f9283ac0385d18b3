using Ioasis.Abi;
using Ioasis.Core.Threads;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// Signals an eventfd by write(2), on a thread that waits alone where the program fills the counter: for hosts that
/// forbid what <see cref="EventSignals"/> does. The thread runs from the first signal on. Owns the file.
/// </summary>
internal sealed class EventWriter(FileDescriptor file) : IDisposable
{
    private const ulong Most = ulong.MaxValue - 1; // that a counter can hold

    // Guards what follows; nobody holds it while he writes. Innermost.
    private readonly object _lock = new();
    private ulong _signals;
    private bool _hasThread, _isEnding;

    /// <summary>Adds 1, as soon as there is room. Never waits.</summary>
    public void Signal()
    {
        lock (_lock)
        {
            if (_isEnding) return;
            if (_signals < Most) _signals++;
            if (!_hasThread) _hasThread = HostThread.TryStart("ioasis signals", Run) is not null;
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Ends the thread, when it has written what it can, and closes the file.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isEnding) return;
            _isEnding = true;
            if (!_hasThread) file.Dispose();
            Monitor.Pulse(_lock);
        }
    }

    private void Run()
    {
        using (file)
        {
            while (TryTake(out ulong signals))
            {
                // A full counter stays as it is. The write waits only where the program fills it in between.
                if (SysEvents.Poll(file, SysEvents.POLLOUT, 0, out short ready) == Errno.None
                    && (ready & SysEvents.POLLOUT) != 0)
                    SysEvents.WriteEventFd(file, signals);
            }
        }
    }

    private bool TryTake(out ulong signals)
    {
        lock (_lock)
        {
            while (_signals == 0 && !_isEnding) Monitor.Wait(_lock);
            signals = _signals;
            _signals = 0;
            return signals != 0;
        }
    }
}
