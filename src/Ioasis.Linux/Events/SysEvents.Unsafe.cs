using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Events;

/// <summary>Calls that wait for events or signal them: eventfd, poll, epoll, inotify.</summary>
internal static unsafe partial class SysEvents
{
    public const int EFD_SEMAPHORE = 1;
    public const int EFD_NONBLOCK = 0x800;
    public const short POLLIN = 1;
    public const short POLLOUT = 4;
    public const short POLLERR = 8;
    public const short POLLHUP = 0x10;
    public const uint POLLRDHUP = 0x2000;
    public const uint IN_MODIFY = 2;
    public const uint IN_CLOSE_WRITE = 8;
    public const uint IN_CLOSE_NOWRITE = 0x10;
    public const uint IN_IGNORED = 0x8000;
    public const uint IN_Q_OVERFLOW = 0x4000;

    private const int CloseOnExec = 0x80000;

    /// <summary>eventfd(2), closed on exec.</summary>
    public static Errno CreateEventFd(uint initial, int flags, out FileDescriptor file)
    {
        file = eventfd(initial, flags | CloseOnExec);
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>Reads the counter of an eventfd, which resets it.</summary>
    public static Errno ReadEventFd(FileDescriptor file, out ulong count)
    {
        Span<byte> bytes = stackalloc byte[8];
        SysResult got = SysFiles.Read(file, bytes);
        count = got.IsOk ? BitConverter.ToUInt64(bytes) : 0;
        return got.Errno;
    }

    /// <summary>Reads the counter of an eventfd if it is not 0. Never blocks, whatever the file's flags are.</summary>
    public static Errno TryReadEventFd(FileDescriptor file, out ulong count)
    {
        const int RWF_NOWAIT = 8;
        ulong value = 0;
        // SAFETY: the kernel writes the 8 bytes of value, which outlives the call.
        var part = new IoVector { Base = &value, Length = sizeof(ulong) };
        nint got;
        while ((got = preadv2(file, &part, 1, -1, RWF_NOWAIT)) < 0 && LastError.Errno == Errno.EINTR) { }
        count = value;
        return got < 0 ? LastError.Errno : Errno.None;
    }

    /// <summary>Adds to the counter of an eventfd.</summary>
    public static Errno WriteEventFd(FileDescriptor file, ulong add)
    {
        Span<byte> bytes = stackalloc byte[8];
        BitConverter.TryWriteBytes(bytes, add);
        return SysFiles.Write(file, bytes).Errno;
    }

    /// <summary>
    /// poll(2) of one file: which of <paramref name="events"/> or error conditions are ready; 0 on timeout. A negative
    /// timeout waits forever.
    /// </summary>
    public static Errno Poll(FileDescriptor file, short events, int milliseconds, out short ready)
    {
        bool held = false;
        file.DangerousAddRef(ref held);
        try
        {
            var entry = new PollEntry { Number = file.Number, Events = events };
            // SAFETY: one entry on our stack, which outlives the call.
            Errno errno = LastError.Of(poll(&entry, 1, milliseconds));
            ready = errno == Errno.None ? entry.Ready : (short)0;
            return errno == Errno.EINTR ? Errno.None : errno;
        }
        finally
        {
            if (held) file.DangerousRelease();
        }
    }

    /// <summary>inotify_init1(2), non-blocking, closed on exec.</summary>
    public static Errno CreateInotify(out FileDescriptor file)
    {
        file = inotify_init1(CloseOnExec | FcntlH.O_NONBLOCK);
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>inotify_add_watch(2). Returns the watch's number.</summary>
    public static SysResult AddWatch(FileDescriptor inotify, string path, uint mask) =>
        LastError.Result(inotify_add_watch(inotify, path, mask));

    /// <summary>inotify_rm_watch(2).</summary>
    public static Errno RemoveWatch(FileDescriptor inotify, int watch) =>
        LastError.Of(inotify_rm_watch(inotify, watch));

    /// <summary>epoll_create1(2), closed on exec.</summary>
    public static Errno CreateEpoll(out FileDescriptor file)
    {
        file = epoll_create1(CloseOnExec);
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>
    /// epoll_ctl(2) with EPOLL_CTL_ADD. A wait returns <paramref name="tag"/> for this file. A file that is closed
    /// leaves the epoll by itself.
    /// </summary>
    public static Errno AddToEpoll(FileDescriptor epoll, FileDescriptor file, uint events, ulong tag)
    {
        const int EPOLL_CTL_ADD = 1;
        var entry = new EpollEntry { Events = events, Tag = tag };
        // SAFETY: the kernel reads the entry during the call.
        return LastError.Of(epoll_ctl(epoll, EPOLL_CTL_ADD, file, &entry));
    }

    /// <summary>epoll_ctl(2) with EPOLL_CTL_MOD.</summary>
    public static Errno ChangeInEpoll(FileDescriptor epoll, FileDescriptor file, uint events, ulong tag)
    {
        const int EPOLL_CTL_MOD = 3;
        var entry = new EpollEntry { Events = events, Tag = tag };
        // SAFETY: as in AddToEpoll.
        return LastError.Of(epoll_ctl(epoll, EPOLL_CTL_MOD, file, &entry));
    }

    /// <summary>epoll_ctl(2) with EPOLL_CTL_DEL.</summary>
    public static Errno RemoveFromEpoll(FileDescriptor epoll, FileDescriptor file)
    {
        const int EPOLL_CTL_DEL = 2;
        // SAFETY: the kernel reads no entry for this operation.
        return LastError.Of(epoll_ctl(epoll, EPOLL_CTL_DEL, file, null));
    }

    /// <summary>epoll_wait(2). Returns the number of entries written.</summary>
    public static SysResult WaitEpoll(FileDescriptor epoll, Span<EpollEntry> ready, int milliseconds)
    {
        // SAFETY: the span is pinned, and its length bounds what the kernel writes.
        fixed (EpollEntry* to = ready)
        {
            int got;
            while ((got = epoll_wait(epoll, to, ready.Length, milliseconds)) < 0 && LastError.Errno == Errno.EINTR) { }
            return LastError.Result(got);
        }
    }

    /// <summary>
    /// epoll_wait(2) that does not wait: how many tags were put, 0 on an error. It looks at the epoll's list of what is
    /// ready: the files themselves are not asked while that is empty.
    /// </summary>
    public static int TakeReady(FileDescriptor epoll, Span<EpollEntry> ready)
    {
        // SAFETY: the span is pinned and its length bounds what the kernel writes. Not waiting, it answers at once: the
        // garbage collector may wait for that.
        fixed (EpollEntry* to = ready)
            return (int)Math.Max(0, epoll_wait_at_once(SyscallNumbers.EpollWait, epoll, to, ready.Length, 0));
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public void* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Number;
        public short Events;
        public short Ready;
    }

    /// <summary>struct epoll_event, which is packed on x86-64.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct EpollEntry
    {
        public uint Events;
        public ulong Tag;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial FileDescriptor eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint preadv2(FileDescriptor file, IoVector* parts, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollEntry* entries, nuint count, int milliseconds);

    [LibraryImport("libc", SetLastError = true)]
    private static partial FileDescriptor inotify_init1(int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int inotify_add_watch(FileDescriptor inotify, string path, uint mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int inotify_rm_watch(FileDescriptor inotify, int watch);

    [LibraryImport("libc", SetLastError = true)]
    private static partial FileDescriptor epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(FileDescriptor epoll, int operation, FileDescriptor file, EpollEntry* entry);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(FileDescriptor epoll, EpollEntry* ready, int count, int milliseconds);

    // The raw system call: libc's function is a cancellation point and does more than that.
    [LibraryImport("libc", EntryPoint = "syscall")]
    [SuppressGCTransition]
    private static partial nint epoll_wait_at_once(nint number, FileDescriptor epoll, EpollEntry* ready, nint count,
        nint milliseconds);
}
