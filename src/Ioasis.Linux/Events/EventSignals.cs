using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Linux.Events;

/// <summary>
/// Signals eventfds without ever blocking, whatever the program that shares them does to their counters. write(2) can
/// block: the program may fill the counter between a check and the write, and it controls the file's O_NONBLOCK flag.
/// </summary>
internal sealed class EventSignals
{
    private const uint Room = 64; // completions that the context holds
    private const int TakenEvery = 16; // takes them early, which leaves room for threads that signal at the same time
    private const int Attempts = 8;

    // Guards the creation of the context. Innermost.
    private readonly RankedLock _lock = new(LockRank.EventSignals);
    private Errno _refused;
    private FileDescriptor? _nothing;
    private nint _context;
    private volatile bool _isReady;
    private int _signals;

    private EventSignals(Errno refused = Errno.None) => _refused = refused;

    /// <summary>The one instance that all share.</summary>
    public static EventSignals Shared { get; } = new();

    /// <summary>For tests: behaves as on a host that forbids native AIO.</summary>
    public static EventSignals Forbidden { get; } = new(Errno.ENOSYS);

    /// <summary>Adds 1 to an eventfd's counter. A counter at its limit stays there.</summary>
    /// <returns>False if the host forbids native AIO or lacks the resources for it now.</returns>
    public bool TrySignal(FileDescriptor eventfd)
    {
        if (!_isReady && !TryPrepare()) return false;
        if ((uint)Interlocked.Increment(ref _signals) % TakenEvery == 0) SysAio.TakeCompletions(_context);
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (SysAio.ReadNothing(_context, _nothing!, eventfd) != Errno.EAGAIN) return true;
            SysAio.TakeCompletions(_context);
        }

        return false;
    }

    // A refusal is permanent. A shortage of resources is not, so the next call tries again.
    private bool TryPrepare()
    {
        using (_lock.Enter())
        {
            if (_isReady) return true;
            if (_refused is Errno.ENOSYS or Errno.EPERM) return false;
            _refused = Errno.None;
            if (_nothing is null) _refused = SysFiles.Open("/dev/null", FcntlH.O_RDONLY, out _nothing);
            if (_refused == Errno.None) _refused = SysAio.Setup(Room, out _context);
            else _nothing = null;
            return _isReady = _refused == Errno.None;
        }
    }
}
