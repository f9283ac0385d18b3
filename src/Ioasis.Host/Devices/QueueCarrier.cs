using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// Between a queue and the file that a program has of it, which is the kernel's own so that the program can read, write
/// and poll it: one end of a socket pair where responses are written, of a pipe where none are. We have the other end.
/// What finds no room there stays in the queue, so that nothing is lost.
/// </summary>
internal sealed class QueueCarrier : FileCarrier, IQueueCarrier
{
    // Most records are smaller by far; a pipe takes so much in one piece.
    private const int Room = 4096;

    private const uint EdgeTriggered = 1u << 31;

    // FIONREAD: bytes that wait to be read, at either end of a pipe.
    private const uint FIONREAD = 0x541B;

    private readonly QueueFile _queue;
    private readonly FileDescriptor _file;
    private FileDescriptor[] _epolls = []; // set before records come
    private ulong _tag;

    // Guards what follows: one thread moves records at a time. The queue's lock is taken within.
    private readonly RankedLock _filling = new(LockRank.QueueCarrier);
    private byte[] _records = new byte[Room];
    private int _begin, _end;
    private bool _isClosed, _waitsForRoom, _listens;
    private long _sent;

    // Of the thread that takes responses.
    private readonly byte[] _responses = new byte[Room];
    private int _partial;

    private QueueCarrier(QueueFile queue, FileDescriptor file, FileDescriptor programs, in LinuxStat stat)
        : base(programs, stat)
    {
        _queue = queue;
        _file = file;
        _listens = queue.ResponseSize != 0;
    }

    /// <inheritdoc/>
    public long ReadBytes
    {
        get
        {
            // In this order: what another thread sends in between makes it fewer, never more.
            long sent = Interlocked.Read(ref _sent);
            int waiting = 0;
            try { return SysFiles.Ioctl(_file, FIONREAD, ref waiting).IsOk ? sent - waiting : 0; }
            catch (ObjectDisposedException) { return sent; }
        }
    }

    /// <summary>Makes the two ends.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="carrier">Our end.</param>
    /// <param name="programs">The program's end: once it is placed there, ours has to be closed.</param>
    public static Errno TryCreate(QueueFile queue, out QueueCarrier? carrier, out FileDescriptor programs)
    {
        carrier = null;
        FileDescriptor file;
        Errno errno = queue.ResponseSize != 0
            ? SysFiles.CreateSocketPair(out programs, out file, FcntlH.O_NONBLOCK)
            : SysFiles.CreatePipe(out programs, out file, FcntlH.O_NONBLOCK);
        LinuxStat stat = default;
        if (errno == Errno.None) errno = SysFiles.Stat(programs, out stat);
        if (errno == Errno.None)
        {
            carrier = new QueueCarrier(queue, file, programs, stat);
            return Errno.None;
        }

        programs.Dispose();
        file.Dispose();
        return errno;
    }

    /// <summary>Watches our end.</summary>
    /// <param name="epolls">What is to tell of it.</param>
    /// <param name="tag">What they are to tell.</param>
    public Errno Watch(FileDescriptor[] epolls, ulong tag)
    {
        (_epolls, _tag) = (epolls, tag);
        Errno errno = Errno.None;
        foreach (FileDescriptor epoll in epolls)
            if (errno == Errno.None)
                errno = SysEvents.AddToEpoll(epoll, _file, Interest(_listens, waitsForRoom: false), tag);
        return errno;
    }

    /// <summary>Lets records come.</summary>
    public void Connect() => _queue.ConnectTo(this);

    /// <inheritdoc/>
    public void Wake()
    {
        using (_filling.Enter())
        {
            if (_isClosed) return;
            while (TryTake())
            {
                SysResult put = SysFiles.Write(_file, _records.AsSpan(_begin, _end - _begin));
                if (put.Errno == Errno.EAGAIN)
                {
                    WaitForRoom(true);
                    return;
                }

                // Nobody reads any more: that is seen by whoever waits for it.
                if (!put.IsOk) break;
                _begin += (int)put.Value;
                Interlocked.Add(ref _sent, put.Value);
            }

            WaitForRoom(false);
        }
    }

    /// <summary>Does what our end is ready for. One thread at a time.</summary>
    /// <returns>Whether the program's end is gone.</returns>
    public bool Serve(uint events)
    {
        if (_queue.ResponseSize != 0) TakeResponses((events & SysEvents.POLLRDHUP) != 0);
        if ((events & (uint)(SysEvents.POLLHUP | SysEvents.POLLERR)) != 0) return true;
        if ((events & (uint)SysEvents.POLLOUT) != 0) Wake();
        return false;
    }

    /// <inheritdoc/>
    public override void Disconnect()
    {
        using (_filling.Enter())
        {
            _isClosed = true;
            _file.Dispose();
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => Disconnect();

    private void TakeResponses(bool areLast)
    {
        int size = _queue.ResponseSize, waiting = 0;
        if (areLast) StopListening();
        // So many and no more: a program that goes on writing cannot hold us. What it writes after this is told anew.
        if (!SysFiles.Ioctl(_file, FIONREAD, ref waiting).IsOk) return;
        while (waiting > 0)
        {
            SysResult got = SysFiles.Read(_file, _responses.AsSpan(_partial));
            if (!got.IsOk || got.Value == 0) return;
            waiting -= (int)got.Value;
            int count = _partial + (int)got.Value;
            ReadOnlySpan<byte> responses = _responses.AsSpan(0, count);
            // What Linux would have refused the write for, nobody hears of.
            for (; responses.Length >= size; responses = responses[size..]) _queue.Answer(responses[..size]);
            _partial = responses.Length;
            responses.CopyTo(_responses);
        }
    }

    private bool TryTake()
    {
        if (_begin != _end) return true;
        int got;
        while ((got = _queue.TryTake(_records)) < 0) _records = new byte[-got];
        (_begin, _end) = (0, got);
        return got != 0;
    }

    private void WaitForRoom(bool wait)
    {
        if (wait == _waitsForRoom) return;
        _waitsForRoom = wait;
        Watch();
    }

    // A program that shuts its end down for writing leaves ours readable for ever.
    private void StopListening()
    {
        using (_filling.Enter())
        {
            _listens = false;
            Watch();
        }
    }

    private void Watch()
    {
        foreach (FileDescriptor epoll in _epolls)
            SysEvents.ChangeInEpoll(epoll, _file, Interest(_listens, _waitsForRoom), _tag);
    }

    // A hang-up and an error are reported unasked. Each write of the program is told once: bytes that no read gets, as
    // those sent out of band, would be told for ever.
    private static uint Interest(bool listens, bool waitsForRoom) => EdgeTriggered |
        (listens ? (uint)SysEvents.POLLIN | SysEvents.POLLRDHUP : 0) | (waitsForRoom ? (uint)SysEvents.POLLOUT : 0);
}
