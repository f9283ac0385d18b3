using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Filter;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Launch;

/// <summary>
/// Our second process, which becomes the program. One thread installs the filter on itself and waits. The other,
/// without the filter, hands the listener to the supervisor. When the supervisor is serving, the first thread execs.
/// Before that it restores everything that the runtime changed, so that the program finds the process as our caller's
/// shell would have started it.
/// </summary>
internal sealed class Launcher
{
    private const int SIGPIPE = 13;

    /// <summary>The supervisor's last words: exec the program; a <see cref="SupervisorWatch"/> is there, or
    /// none.</summary>
    internal const byte Go = 1, GoWatched = 2;

    // Neither a file descriptor nor an errno that seccomp(2) returns, nor a thread's ID.
    private const long NotYet = long.MinValue;

    /// <summary>Sent in place of the listener if the user's limit of threads is reached.</summary>
    internal const long NoThread = -(long)Errno.EAGAIN;

    private readonly LaunchChannel _supervisor;
    private readonly LaunchRequest _request;
    private readonly SockFilter[] _filter;
    private long _listener = NotYet;

    private Launcher(LaunchChannel supervisor, LaunchRequest request)
    {
        _supervisor = supervisor;
        _request = request;
        _filter = FilterProgram.Build(request.StrictSva, request.Writes);
    }

    /// <summary>Does all of it. Returns only on failure, with the exit code.</summary>
    /// <param name="arguments">One argument: the number of the socket to the supervisor.</param>
    public static int Run(string[] arguments)
    {
        if (arguments is not [string text]
            || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return ExitCodes.Failed;
        var socket = new FileDescriptor(number);
        if (!SysFiles.Fcntl(socket, FcntlH.F_SETFD, FcntlH.FD_CLOEXEC).IsOk) return ExitCodes.Failed;
        var supervisor = new LaunchChannel(socket);
        Span<byte> count = stackalloc byte[sizeof(int)];
        if (!supervisor.TryReceive(count)) return ExitCodes.Failed;
        byte[] request = new byte[BitConverter.ToInt32(count)];
        if (!supervisor.TryReceive(request)) return ExitCodes.Failed;
        return new Launcher(supervisor, LaunchRequest.FromBytes(request)).HandOver();
    }

    private int HandOver()
    {
        // An exception is reported, and the supervisor sees that we end.
        if (HostThread.TryStart("ioasis launch", BecomeProgram, Failed) is null)
            Volatile.Write(ref _listener, NoThread);
        // Polls, because the filter is on the other thread before any supervisor serves its calls. To signal an event
        // the runtime may call the kernel, which stops some of those calls (munmap with --strict-sva): the supervisor
        // waits for us, and we would wait for the supervisor. It takes the other thread two system calls to set the
        // listener; an exception there ends the process.
        while (Volatile.Read(ref _listener) == NotYet) Thread.Sleep(0);
        bool isSent = _listener < 0 || _request.IsTraced
            ? _supervisor.TrySend(_listener)
            : _supervisor.TrySendFile(_listener, (int)_listener);
        if (!isSent || _listener < 0) return ExitCodes.Failed;
        Thread.Sleep(Timeout.Infinite);
        return ExitCodes.Failed;
    }

    private static void Failed(Exception e)
    {
        ErrorOutput.Say("becoming the program", e);
        SysProcesses.ExitNow(ExitCodes.Failed);
    }

    private void BecomeProgram()
    {
        // Until a watch sees the supervisor end; without either, every stopped call of the program would fail with
        // ENOSYS. Children do not inherit this.
        SysProcesses.DieWithParent(true);
        Errno errno = _request.IsTraced ? Errno.None : SysProcesses.SetNoNewPrivileges();
        SysResult installed = errno != Errno.None
            ? errno
            : _request.IsTraced
                ? SysResult.Ok(SysProcesses.ThreadId)
                : SysSeccomp.Install(_filter, waitKillable: _request.HoldsCalls);
        Volatile.Write(ref _listener, installed.ToKernelValue());
        if (!installed.IsOk) return;
        Span<byte> go = stackalloc byte[1];
        if (!_supervisor.TryReceive(go)) SysProcesses.ExitNow(ExitCodes.Failed);
        if (go[0] == GoWatched) SysProcesses.DieWithParent(false);

        if (_request.DescriptorLimit != 0)
            SysProcesses.SetSoftLimit(ResourceLimit.Descriptors, _request.DescriptorLimit);
        SysProcesses.SetSoftLimit(ResourceLimit.FileSize, _request.FileSizeLimit);
        // exec resets handled signals to their default, but keeps ignored ones. The runtime ignores SIGPIPE.
        for (int signal = 1; signal <= 64; signal++)
        {
            bool ignored = (_request.IgnoredSignals >> (signal - 1) & 1) != 0;
            if (ignored || signal == SIGPIPE) SysProcesses.SetIgnored(signal, ignored);
        }

        // posix_spawn(3) leaves the signals that libc uses between threads ignored.
        for (int signal = 32; signal <= 33; signal++) SysProcesses.ResetReserved(signal);
        errno = SysProcesses.Execute(_request.Arguments, _request.Environment);

        string program = Encoding.UTF8.GetString(
            _request.Arguments.AsSpan(0, _request.Arguments.AsSpan().IndexOf((byte)0)));
        ErrorOutput.Say($"cannot run '{program}': "
            + (errno == Errno.ENOENT && MissingInterpreter(program) is { } interpreter
                ? $"its interpreter '{interpreter}' does not exist"
                : Marshal.GetPInvokeErrorMessage((int)errno)));
        SysProcesses.ExitNow(errno is Errno.ENOENT or Errno.ENOTDIR ? ExitCodes.NotFound : ExitCodes.CannotRun);
    }

    // execve(2) says ENOENT for a script whose interpreter is missing, too.
    private static string? MissingInterpreter(string program)
    {
        try
        {
            if (!program.Contains('/', StringComparison.Ordinal)) return null;
            using StreamReader script = File.OpenText(program);
            char[] begin = new char[256]; // BINPRM_BUF_SIZE
            string text = new(begin, 0, script.ReadBlock(begin));
            if (!text.StartsWith("#!", StringComparison.Ordinal)) return null;
            string[] words = text[2..].Split('\n')[0].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            return words is [string name, ..] && !File.Exists(name) ? name : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
