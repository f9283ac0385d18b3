using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Events;

/// <summary>
/// Signals eventfds without ever waiting, whatever the program that shares them does to their counters. write(2)
/// cannot: a program may fill the counter between a look and the write, and the file's flags are the program's.
/// </summary>
internal sealed class EventSignals
{
    private const uint Room = 64;      // completions that nobody has taken
    private const int TakenEvery = 16; // so that room is left for threads that signal at the same time
    private const int Attempts = 8;

    // Guards making the context. Innermost.
    private readonly Lock _lock = new();
    private Errno _refused;
    private FileDescriptor? _nothing;
    private nint _context;
    private volatile bool _isReady;
    private int _signals;

    private EventSignals(Errno refused = Errno.None) => _refused = refused;

    /// <summary>The host's.</summary>
    public static EventSignals Shared { get; } = new();

    /// <summary>For tests: a host that forbids it.</summary>
    public static EventSignals Forbidden { get; } = new(Errno.ENOSYS);

    /// <summary>Adds 1 to an eventfd's counter; one at its limit stays there.</summary>
    /// <returns>False where the host forbids native AIO, or has no resources for it now.</returns>
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

    // What is forbidden stays so; what the host has not enough of now is asked for again.
    private bool TryPrepare()
    {
        lock (_lock)
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
