using Ioasis.Abi;
using Ioasis.Host.Filter;
using Ioasis.Linux;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Launch;

/// <summary>
/// The program, from before it is one: a process that makes the system calls which we tell it
/// (<see cref="LaunchCode"/>). It puts the filter on itself, hands us the listener, and executes the program as our
/// caller's shell would have: what the runtime has changed of our process is restored.
/// </summary>
internal sealed class LaunchedProgram : IDisposable
{
    private const int SIGKILL = 9, SIGPIPE = 13, Signals = 64, FirstReserved = 32, LastReserved = 33;
    private const int PR_SET_PDEATHSIG = 1, PR_SET_NO_NEW_PRIVS = 38;

    private readonly RemoteCalls _calls;
    private readonly LaunchData _data;
    private readonly RunOptions _options;
    private readonly ulong _ignoredSignals = OriginalProcess.IgnoredSignals(); // before we ignore more of them
    private readonly ulong _descriptorLimit, _fileSizeLimit; // where in its memory; 0 for none

    private LaunchedProgram(RunOptions options, WriteRule writes)
    {
        ulong fileSize = FileSizeLimit.Raise();
        byte[] arguments = OriginalProcess.ArgumentBytes(options.Program, options.Arguments),
            environment = OriginalProcess.EnvironmentBytes();
        byte[][] files = ProgramSearch.FilesOf(arguments.AsSpan(0, arguments.IndexOf((byte)0)), environment);
        _options = options;
        _data = new LaunchData(arguments, environment, files, FilterProgram.Build(options.StrictSva, writes));
        _descriptorLimit = OriginalProcess.DescriptorLimit(SysProcesses.Parent) is var soft and not 0
            ? Limit(0, ResourceLimit.Descriptors, soft)
            : 0;
        _fileSizeLimit = Limit(1, ResourceLimit.FileSize, fileSize);

        Check(SysFiles.CreateSocketPair(out FileDescriptor ours, out FileDescriptor theirs), "make a socket pair");
        _calls = new RemoteCalls(ours, theirs.Number);
        using (theirs)
        {
            Errno errno = SysFiles.Fcntl(theirs, FcntlH.F_SETFD).Errno; // a number that it inherits
            int pid = 0;
            if (errno == Errno.None)
                errno = SmallProgram.Start("ioasis-launch", LaunchCode.Make(theirs.Number, _data),
                    [.. "ioasis-launch\0"u8], [], isApart: false, out pid);
            if (errno != Errno.None) ours.Dispose();
            Check(errno, "start a process");
            Pid = pid;
        }

        _calls.CloseOnExec();
        // Until a watch sees us end; without either, every stopped call of the program would fail with ENOSYS. Children
        // do not inherit this.
        Try(SyscallNumbers.Prctl, PR_SET_PDEATHSIG, SIGKILL);
    }

    /// <summary>Its process ID, which stays that of the program.</summary>
    public int Pid { get; }

    /// <summary>
    /// Starts the process. It ends if we do, or dispose this, before it is the program. To be called on a thread that
    /// does not end before us.
    /// </summary>
    /// <param name="options">The program.</param>
    /// <param name="writes">The writes of it that are stopped.</param>
    /// <exception cref="IOException">The host cannot.</exception>
    public static LaunchedProgram Start(RunOptions options, WriteRule writes) => new(options, writes);

    /// <summary>Takes over the listener. From here on the program's calls wait for us.</summary>
    /// <exception cref="IOException">That failed; the message says why in one sentence.</exception>
    public SeccompListener TakeListener()
    {
        SysResult installed = Install();
        if (!installed.IsOk) throw new IOException(FilterFailure(installed.Errno));
        return new SeccompListener(_calls.TakeFileOfResult()
            ?? throw new IOException("the listener was not received; is the limit of open files reached?"));
    }

    /// <summary>
    /// Has it execute the program, and returns when it has, or has ended: a message says why the program cannot be run.
    /// </summary>
    /// <param name="isWatched">Whether a <see cref="SupervisorWatch"/> sees us end. Otherwise the kernel kills the
    /// program with us.</param>
    public void Go(bool isWatched)
    {
        if (isWatched) Try(SyscallNumbers.Prctl, PR_SET_PDEATHSIG);
        if (_descriptorLimit != 0)
            Try(SyscallNumbers.Prlimit64, 0, (ulong)ResourceLimit.Descriptors, _descriptorLimit);
        Try(SyscallNumbers.Prlimit64, 0, (ulong)ResourceLimit.FileSize, _fileSizeLimit);
        // exec resets handled signals to their default, but keeps ignored ones. The runtime ignores SIGPIPE.
        for (int signal = 1; signal <= Signals; signal++)
        {
            bool isIgnored = (_ignoredSignals >> (signal - 1) & 1) != 0;
            // posix_spawn(3) leaves the signals that libc uses between threads ignored.
            if (isIgnored || signal is SIGPIPE or >= FirstReserved and <= LastReserved)
                Try(SyscallNumbers.RtSigaction, (uint)signal, LaunchData.Action(isIgnored), 0, sizeof(ulong));
        }

        if (Execute() is not { } errno) return;
        string program = _options.Program;
        ErrorOutput.Say($"cannot run '{program}': {ProgramSearch.Reason(program, errno)}");
        Try(SyscallNumbers.ExitGroup,
            (ulong)(errno is Errno.ENOENT or Errno.ENOTDIR ? ExitCodes.NotFound : ExitCodes.CannotRun));
    }

    public void Dispose() => _calls.Dispose();

    /// <summary>Our own command: the executable, or the runtime with the assembly that it runs.</summary>
    /// <param name="words">The words after it.</param>
    internal static (string Path, string[] Arguments) OwnCommand(params string[] words)
    {
        string path = Environment.ProcessPath ?? throw new IOException("Our own executable is unknown.");
        return (path, Path.GetFileNameWithoutExtension(path) == "dotnet"
            ? [path, Environment.GetCommandLineArgs()[0], .. words]
            : [path, .. words]);
    }

    private SysResult Install()
    {
        const uint Listener = SeccompH.SECCOMP_FILTER_FLAG_NEW_LISTENER,
            Killable = SeccompH.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        SysResult done = Make(SyscallNumbers.Prctl, PR_SET_NO_NEW_PRIVS, 1);
        if (!done.IsOk) return done;
        // Without WAIT_KILLABLE_RECV (Linux 5.19), a signal may restart a call that is being answered.
        done = Make(SyscallNumbers.Seccomp, SeccompH.SECCOMP_SET_MODE_FILTER, Listener | Killable, LaunchData.Filter);
        if (done.Errno != Errno.EINVAL) return done;
        return _options.HoldsCalls
            ? Errno.EOPNOTSUPP
            : Make(SyscallNumbers.Seccomp, SeccompH.SECCOMP_SET_MODE_FILTER, Listener, LaunchData.Filter);
    }

    // What the last of the files said; null if one of them is executed, or the process has ended.
    private Errno? Execute()
    {
        Errno errno = Errno.ENOENT;
        bool isRefused = false;
        foreach (ulong file in _data.Files)
        {
            if (!_calls.TryMake(out SysResult result, SyscallNumbers.Execve, file, _data.Arguments, _data.Environment))
                return null;
            if (result.Errno == Errno.ENOEXEC && _calls.TryWrite(_data.ScriptOfShell, file)
                && !_calls.TryMake(out result, SyscallNumbers.Execve, _data.ShellFile, _data.ShellArguments,
                    _data.Environment)) return null;
            errno = result.Errno;
            isRefused |= errno == Errno.EACCES;
            if (!ProgramSearch.GoesOn(errno)) return errno;
        }

        return isRefused ? Errno.EACCES : errno;
    }

    private SysResult Make(int number, params ReadOnlySpan<ulong> arguments) =>
        _calls.TryMake(out SysResult result, number, arguments) ? result : Errno.ESRCH;

    // A process that has ended shows in its exit code.
    private void Try(int number, params ReadOnlySpan<ulong> arguments) => _ = Make(number, arguments);

    // Where a limit stands that has this soft part, at most the hard one.
    private ulong Limit(int which, ResourceLimit resource, ulong soft)
    {
        ulong hard = SysProcesses.LimitOf(resource).Hard;
        return _data.Limit(which, Math.Min(soft, hard), hard);
    }

    private static string FilterFailure(Errno errno) => errno switch
    {
        Errno.EBUSY => "there is a seccomp listener already: run cannot be used inside run or inside another "
            + "supervisor of that kind",
        Errno.EOPNOTSUPP => "--strict-sva takes Linux 5.19 or later",
        Errno.EINVAL or Errno.ENOSYS => "this kernel has no seccomp user notification; Linux 5.14 or later is needed",
        Errno.ESRCH => "the process that was to become the program has ended",
        _ => $"the seccomp filter was refused ({errno})",
    };

    private static void Check(Errno errno, string what)
    {
        if (errno != Errno.None) throw new IOException($"cannot {what} ({errno})");
    }
}
