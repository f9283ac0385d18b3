using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Processes;

/// <summary>
/// Calls on processes: start, replace, wait, signal, and access to other processes' file descriptors.
/// </summary>
internal static unsafe partial class SysProcesses
{
    public const uint PIDFD_THREAD = 0x80;

    private const int WNOHANG = 1, WNOWAIT = 0x1000000;

    /// <summary>
    /// posix_spawn(3): starts a program. Arguments and environment are runs of strings that end in a NUL. The program
    /// gets every file descriptor that is not closed on exec, and default actions for the signals that we handle.
    /// </summary>
    public static Errno Spawn(string path, ReadOnlySpan<byte> arguments, ReadOnlySpan<byte> environment, out int pid)
    {
        // SAFETY: both runs are pinned during the call, which copies them. The vectors point into them and end in a
        // null.
        fixed (byte* a = arguments, e = environment)
        {
            byte*[] argv = Vector(a, arguments), envp = Vector(e, environment);
            int child = 0;
            int errno;
            fixed (byte** argvAt = argv, envpAt = envp)
                errno = posix_spawn(&child, path, null, null, argvAt, envpAt);
            pid = child;
            return (Errno)errno;
        }
    }

    /// <summary>
    /// The same in a session of its own, without the signals by which a terminal, a shell or a CI ends programs.
    /// </summary>
    public static Errno SpawnApart(
        string path, ReadOnlySpan<byte> arguments, ReadOnlySpan<byte> environment, out int pid)
    {
        const short SetMask = 0x08, SetSession = 0x80;
        const ulong Blocked = 1 << (1 - 1) | 1 << (2 - 1) | 1 << (15 - 1); // SIGHUP, SIGINT, SIGTERM
        // posix_spawnattr_t has 336 bytes, sigset_t 128.
        byte* attributes = stackalloc byte[336];
        ulong* mask = stackalloc ulong[16];
        mask[0] = Blocked;
        // SAFETY: as in Spawn; the attributes live until the call returns.
        fixed (byte* a = arguments, e = environment)
        {
            byte*[] argv = Vector(a, arguments), envp = Vector(e, environment);
            int child = 0;
            int errno = posix_spawnattr_init(attributes);
            if (errno == 0) errno = posix_spawnattr_setflags(attributes, SetMask | SetSession);
            if (errno == 0) errno = posix_spawnattr_setsigmask(attributes, mask);
            if (errno == 0)
                fixed (byte** argvAt = argv, envpAt = envp)
                    errno = posix_spawn(&child, path, null, attributes, argvAt, envpAt);
            pid = child;
            return (Errno)errno;
        }
    }

    /// <summary>
    /// The same in a session of its own, so that no terminal ends it, with its own standard input, and with our
    /// standard error as its standard output.
    /// </summary>
    public static Errno SpawnReading(string path, ReadOnlySpan<byte> arguments, ReadOnlySpan<byte> environment,
        FileDescriptor input, out int pid)
    {
        const short SetSession = 0x80;
        // posix_spawnattr_t has 336 bytes, posix_spawn_file_actions_t 80.
        byte* attributes = stackalloc byte[336], actions = stackalloc byte[80];
        // SAFETY: as in Spawn; attributes and actions live until the call returns.
        fixed (byte* a = arguments, e = environment)
        {
            byte*[] argv = Vector(a, arguments), envp = Vector(e, environment);
            int child = 0;
            int errno = posix_spawnattr_init(attributes);
            if (errno == 0) errno = posix_spawnattr_setflags(attributes, SetSession);
            if (errno == 0) errno = posix_spawn_file_actions_init(actions);
            if (errno == 0)
            {
                errno = posix_spawn_file_actions_adddup2(actions, input, 0);
                if (errno == 0) errno = posix_spawn_file_actions_adddup2(actions, 2, 1);
                if (errno == 0)
                    fixed (byte** argvAt = argv, envpAt = envp)
                        errno = posix_spawn(&child, path, actions, attributes, argvAt, envpAt);
                _ = posix_spawn_file_actions_destroy(actions);
            }

            pid = child;
            return (Errno)errno;
        }
    }

    /// <summary>
    /// execvpe(3): replaces the program of this process by the one named by the first argument, looked up in PATH.
    /// Returns only on failure. Arguments and environment are runs of strings that end in a NUL.
    /// </summary>
    public static Errno Execute(ReadOnlySpan<byte> arguments, ReadOnlySpan<byte> environment)
    {
        // SAFETY: as in Spawn.
        fixed (byte* a = arguments, e = environment)
        {
            byte*[] argv = Vector(a, arguments), envp = Vector(e, environment);
            fixed (byte** argvAt = argv, envpAt = envp)
                _ = execvpe(argv[0], argvAt, envpAt);
            return LastError.Errno;
        }
    }

    /// <summary>
    /// waitid(2): waits until some child, or a thread that we trace, has ended or stopped. Its state change can be
    /// taken afterwards. Until then a child that ended keeps its ID.
    /// </summary>
    /// <param name="state">The state change.</param>
    public static Errno AwaitChild(out ChildState state) => WaitId(0, WNOWAIT, out state);

    /// <summary>waitid(2): takes the state change of a child or of a thread that we trace. Does not wait.</summary>
    /// <param name="pid">The child or thread.</param>
    /// <param name="state">Its state change.</param>
    /// <returns>False if it has none (any more): a stop is over when the child goes on or is killed.</returns>
    public static bool TryTakeChild(int pid, out ChildState state) =>
        WaitId(pid, WNOHANG, out state) == Errno.None && state.Pid != 0;

    private static Errno WaitId(int pid, int options, out ChildState state)
    {
        const int P_ALL = 0, P_PID = 1, WSTOPPED = 2, WEXITED = 4;
        // siginfo_t has 128 bytes; on 64-bit, si_pid is at 16 and si_status at 24.
        byte* info = stackalloc byte[128];
        int waited;
        // SAFETY: the buffer has siginfo_t's size.
        while ((waited = waitid(pid == 0 ? P_ALL : P_PID, (uint)pid, info, WEXITED | WSTOPPED | options)) < 0
            && LastError.Errno == Errno.EINTR) { }
        state = new ChildState(*(int*)(info + 16), *(int*)(info + 8), *(int*)(info + 24));
        return LastError.Of(waited);
    }

    /// <summary>kill(2).</summary>
    public static Errno Kill(int pid, int signal) => LastError.Of(kill(pid, signal));

    /// <summary>signal(2) with SIG_IGN, or with SIG_DFL.</summary>
    public static void SetIgnored(int signal, bool ignored) => _ = SetSignal(signal, ignored ? 1 : 0);

    /// <summary>prctl(PR_SET_NO_NEW_PRIVS) on the calling thread.</summary>
    public static Errno SetNoNewPrivileges() => LastError.Of(prctl(38, 1, 0, 0, 0));

    /// <summary>prctl(PR_SET_CHILD_SUBREAPER): orphaned descendants become our children.</summary>
    public static Errno BecomeSubreaper() => LastError.Of(prctl(36, 1, 0, 0, 0));

    /// <summary>prctl(PR_SET_TIMERSLACK): nanoseconds by which the calling thread may wake up late.</summary>
    public static void SetTimerSlack(uint nanoseconds) => _ = prctl(29, nanoseconds, 0, 0, 0);

    /// <summary>pidfd_open(2).</summary>
    public static Errno OpenPidfd(int pid, uint flags, out FileDescriptor file)
    {
        file = new FileDescriptor((int)pidfd_open(SyscallNumbers.PidfdOpen, pid, flags));
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>pidfd_getfd(2): duplicates another process's file descriptor into ours.</summary>
    public static Errno GetFileOf(FileDescriptor process, int number, out FileDescriptor file)
    {
        file = new FileDescriptor((int)pidfd_getfd(SyscallNumbers.PidfdGetfd, process, number, 0));
        return file.IsInvalid ? LastError.Errno : Errno.None;
    }

    /// <summary>
    /// fstat(2) of another process's open file, which we duplicate for the duration. EBADF if it is not open; ESRCH if
    /// the process is gone.
    /// </summary>
    public static Errno StatFileOf(FileDescriptor process, int number, out LinuxStat stat)
    {
        stat = default;
        // A plain number: it does not leave this method, and every call on a node comes here.
        int file = (int)pidfd_getfd(SyscallNumbers.PidfdGetfd, process, number, 0);
        if (file < 0) return LastError.Errno;
        Errno errno;
        byte end = 0;
        // SAFETY: the struct is the kernel's and pinned; the path is one NUL.
        fixed (LinuxStat* to = &stat)
            errno = LastError.Of(
                fstatat(SyscallNumbers.Newfstatat, file, &end, to, FcntlH.AT_EMPTY_PATH | FcntlH.AT_STATX_DONT_SYNC));
        _ = close(file);
        return errno;
    }

    /// <summary>getrlimit(2): a limit of this process; both 0 if it cannot be read.</summary>
    public static (ulong Soft, ulong Hard) LimitOf(ResourceLimit resource)
    {
        ulong* limit = stackalloc ulong[2];
        // SAFETY: struct rlimit is two 64-bit words.
        return getrlimit((int)resource, limit) < 0 ? default : (limit[0], limit[1]);
    }

    /// <summary>setrlimit(2): sets a soft limit of this process, to the hard limit at most. The hard limit
    /// stays.</summary>
    public static Errno SetSoftLimit(ResourceLimit resource, ulong soft)
    {
        ulong* limit = stackalloc ulong[2];
        // SAFETY: struct rlimit is two 64-bit words.
        if (getrlimit((int)resource, limit) < 0) return LastError.Errno;
        limit[0] = Math.Min(soft, limit[1]);
        return LastError.Of(setrlimit((int)resource, limit));
    }

    /// <summary>The soft limit of open files of this process.</summary>
    public static ulong DescriptorLimit => LimitOf(ResourceLimit.Descriptors).Soft;

    /// <summary>geteuid(2).</summary>
    public static uint EffectiveUser => geteuid();

    /// <summary>getegid(2).</summary>
    public static uint EffectiveGroup => getegid();

    /// <summary>gettid(2).</summary>
    public static int ThreadId => (int)gettid(SyscallNumbers.Gettid);

    /// <summary>getppid(2).</summary>
    public static int Parent => getppid();

    /// <summary>getpgid(2); 0 is this process.</summary>
    public static int GroupOf(int pid) => getpgid(pid);

    /// <summary>
    /// Whether our process group is in the foreground of a terminal. Keys such as Ctrl-C then signal the whole group.
    /// </summary>
    public static bool IsInForeground()
    {
        if (SysFiles.Open("/dev/tty", FcntlH.O_RDONLY, out FileDescriptor terminal) != Errno.None) return false;
        using (terminal) return tcgetpgrp(terminal) == getpgid(0);
    }

    private static byte*[] Vector(byte* first, ReadOnlySpan<byte> strings)
    {
        var vector = new byte*[strings.Count((byte)0) + 1];
        int next = 0;
        for (int i = 0; i < strings.Length; i++)
            if (i == 0 || strings[i - 1] == 0) vector[next++] = first + i;
        return vector;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int tcgetpgrp(FileDescriptor terminal);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn(int* pid, string path, void* actions, void* attributes, byte** argv,
        byte** envp);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(byte* actions, FileDescriptor file, int number);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(byte* actions, int file, int number);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_init(byte* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setflags(byte* attributes, short flags);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigmask(byte* attributes, ulong* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int execvpe(byte* file, byte** argv, byte** envp);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitid(int kind, uint id, byte* info, int options);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    private static partial nint SetSignal(int signal, nint action);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint pidfd_open(nint number, nint pid, nuint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint pidfd_getfd(nint number, FileDescriptor process, nint target, nuint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint fstatat(nint number, nint file, byte* path, LinuxStat* stat, nint flags);

    [LibraryImport("libc")]
    private static partial int close(int file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getrlimit(int resource, ulong* limit);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setrlimit(int resource, ulong* limit);

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc")]
    private static partial uint getegid();

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint gettid(nint number);

    [LibraryImport("libc")]
    private static partial int getppid();

    [LibraryImport("libc")]
    private static partial int getpgid(int pid);
}
