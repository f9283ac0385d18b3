using System.Globalization;
using Ioasis.Abi;
using Ioasis.Host.Filter;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Launch;

/// <summary>
/// The program, seen from the supervisor. It begins as the launcher with its socket; after the listener is handed over
/// it becomes the program.
/// </summary>
internal sealed class LaunchedProgram : IDisposable
{
    // Started before it was known what it is to run.
    private static LaunchedProgram? s_early;

    private readonly LaunchChannel _launcher;
    private readonly ulong _fileSizeLimit; // ours, before we raised it for the launcher

    private LaunchedProgram(int pid, LaunchChannel launcher, ulong fileSizeLimit)
    {
        Pid = pid;
        _launcher = launcher;
        _fileSizeLimit = fileSizeLimit;
    }

    /// <summary>The process ID of the launcher, which is later the program's.</summary>
    public int Pid { get; }

    /// <summary>
    /// Starts the launcher for the next <see cref="Start"/>, so that its runtime starts while we make the machine. It
    /// ends by itself if we end before.
    /// </summary>
    public static void StartEarly()
    {
        try
        {
            s_early = StartLauncher();
        }
        catch (IOException)
        {
            // Start tries again, and says why it fails.
        }
    }

    /// <summary>Starts the launcher, if it was not started early, and tells it what to run.</summary>
    /// <param name="options">The program to start.</param>
    /// <param name="writes">The writes of it that are stopped.</param>
    /// <param name="isTraced">Whether it gets no filter: <see cref="TakeThread"/> instead of
    /// <see cref="TakeListener"/>.</param>
    /// <exception cref="IOException">The host cannot.</exception>
    public static LaunchedProgram Start(RunOptions options, WriteRule writes, bool isTraced = false)
    {
        LaunchedProgram program = Interlocked.Exchange(ref s_early, null) ?? StartLauncher();
        var request = new LaunchRequest(
            OriginalProcess.ArgumentBytes(options.Program, options.Arguments), OriginalProcess.EnvironmentBytes(),
            OriginalProcess.IgnoredSignals(), OriginalProcess.DescriptorLimit(SysProcesses.Parent),
            program._fileSizeLimit, options.StrictSva, options.HoldsCalls, writes, isTraced);
        program._launcher.TrySend(request.ToBytes());
        return program;
    }

    private static LaunchedProgram StartLauncher()
    {
        ulong fileSizeLimit = FileSizeLimit.Raise();
        Check(SysFiles.CreateSocketPair(out FileDescriptor ours, out FileDescriptor theirs), "make a socket pair");
        using (theirs)
        {
            if (!SysFiles.Fcntl(theirs, FcntlH.F_SETFD).IsOk)
                throw new IOException("The launcher's socket cannot be inherited.");
            (string path, string[] words) =
                OwnCommand(Supervisor.LaunchVerb, theirs.Number.ToString(CultureInfo.InvariantCulture));
            byte[] arguments = OriginalProcess.Terminated(words);
            // Disables features that only cost the launcher time: profiling, and the debugger's socket.
            byte[] environment =
                [.. OriginalProcess.EnvironmentBytes(), .. "DOTNET_EnableDiagnostics=0\0DOTNET_TieredPGO=0\0"u8];
            Check(SysProcesses.Spawn(path, arguments, environment, out int pid), $"start '{path}'");
            return new LaunchedProgram(pid, new LaunchChannel(ours), fileSizeLimit);
        }
    }

    /// <summary>Takes over the listener. From here on the program's calls wait for us.</summary>
    /// <exception cref="IOException">The launcher failed; the message says why in one sentence.</exception>
    public SeccompListener TakeListener()
    {
        if (!_launcher.TryReceiveFile(out long number, out FileDescriptor? listener))
            throw new IOException("the launcher ended before it had the filter");
        if (number < 0) throw new IOException(FilterFailure((Errno)(-number)));
        return new SeccompListener(listener
            ?? throw new IOException("the listener was not received; is the limit of open files reached?"));
    }

    /// <summary>The ID of the launcher's thread that becomes the program; it waits for <see cref="Go"/>.</summary>
    /// <exception cref="IOException">The launcher failed.</exception>
    public int TakeThread() => _launcher.TryReceiveFile(out long thread, out _) && thread > 0
        ? (int)thread
        : throw new IOException("the launcher ended before the program could be traced");

    /// <summary>Lets the launcher exec the program.</summary>
    /// <param name="isWatched">Whether a <see cref="SupervisorWatch"/> sees us end. Otherwise the kernel kills the
    /// program with us.</param>
    public void Go(bool isWatched) => _launcher.TrySend([isWatched ? Launcher.GoWatched : Launcher.Go]);

    public void Dispose() => _launcher.Dispose();

    private static string FilterFailure(Errno errno) => errno switch
    {
        Errno.EBUSY => "there is a seccomp listener already: run cannot be used inside run or inside another "
            + "supervisor of that kind",
        Errno.EOPNOTSUPP => "--strict-sva takes Linux 5.19 or later",
        Errno.EINVAL or Errno.ENOSYS => "this kernel has no seccomp user notification; Linux 5.14 or later is needed",
        Errno.EAGAIN => "the host gives no further thread: a limit of processes or memory is reached",
        _ => $"the seccomp filter was refused ({errno})",
    };

    /// <summary>Our own command: the executable, or the runtime with the assembly that it runs.</summary>
    /// <param name="words">The words after it.</param>
    internal static (string Path, string[] Arguments) OwnCommand(params string[] words)
    {
        string path = Environment.ProcessPath ?? throw new IOException("Our own executable is unknown.");
        return (path, Path.GetFileNameWithoutExtension(path) == "dotnet"
            ? [path, Environment.GetCommandLineArgs()[0], .. words]
            : [path, .. words]);
    }

    private static void Check(Errno errno, string what)
    {
        if (errno != Errno.None) throw new IOException($"cannot {what} ({errno})");
    }
}
