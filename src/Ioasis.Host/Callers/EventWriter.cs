using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Callers;

/// <summary>
/// Signals an eventfd by write(2), for hosts that forbid what <see cref="EventSignals"/> does. The write blocks if the
/// program fills the counter, so it has a thread of its own, which starts with the first signal. Owns the file.
/// </summary>
internal sealed class EventWriter(FileDescriptor file) : IDisposable
{
    private const ulong Most = ulong.MaxValue - 1; // the largest value of a counter

    // Guards the fields below. Not held during a write. Innermost.
    private readonly RankedMonitor _lock = new(LockRank.EventWriter);
    private ulong _signals;
    private bool _hasThread, _isEnding;

    /// <summary>Adds 1 as soon as there is room. Never blocks.</summary>
    public void Signal()
    {
        using (_lock.Enter())
        {
            if (_isEnding) return;
            if (_signals < Most) _signals++;
            if (!_hasThread) _hasThread = HostThread.TryStart("ioasis signals", Run) is not null;
            _lock.Pulse();
        }
    }

    /// <summary>Ends the thread after its pending write, if that is possible, and closes the file.</summary>
    public void Dispose()
    {
        using (_lock.Enter())
        {
            if (_isEnding) return;
            _isEnding = true;
            if (!_hasThread) file.Dispose();
            _lock.Pulse();
        }
    }

    private void Run()
    {
        using (file)
        {
            while (TryTake(out ulong signals))
            {
                // A full counter stays as it is. The write blocks only if the program fills the counter just now.
                if (SysEvents.Poll(file, SysEvents.POLLOUT, 0, out short ready) == Errno.None
                    && (ready & SysEvents.POLLOUT) != 0)
                    SysEvents.WriteEventFd(file, signals);
            }
        }
    }

    private bool TryTake(out ulong signals)
    {
        using (_lock.Enter())
        {
            while (_signals == 0 && !_isEnding) _lock.Wait();
            signals = _signals;
            _signals = 0;
            return signals != 0;
        }
    }
}
