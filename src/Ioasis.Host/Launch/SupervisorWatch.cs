using System.Globalization;
using Ioasis.Abi;
using Ioasis.Host.Serving;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Launch;

/// <summary>
/// A small process that holds the listener too. If we are killed, stopped calls wait for it instead of failing with
/// ENOSYS, and it becomes the <see cref="Mourner"/>. Disposing ends it.
/// </summary>
internal sealed class SupervisorWatch : IDisposable
{
    private const int SIGKILL = 9;

    private readonly Thread? _starting;
    private volatile int _pid;

    /// <summary>
    /// Begins to start it, on a thread of its own: the program need not wait for that. It has a session of its own, so
    /// that no terminal signals it.
    /// </summary>
    /// <param name="listener">The listener.</param>
    /// <param name="standing">The file of the calls that are being served (<see cref="StandingCalls"/>). Is taken over,
    /// and closed as soon as the process has it.</param>
    /// <param name="program">The program.</param>
    /// <param name="kills">Whether programs are killed, or run on.</param>
    public SupervisorWatch(SeccompListener listener, FileDescriptor standing, int program, bool kills)
    {
        _starting = HostThread.TryStart("ioasis guard", () =>
        {
            using (standing) _pid = Start(listener, standing, program, kills);
        });
        if (_starting is null) standing.Dispose();
    }

    /// <summary>
    /// Its process ID, once it is started; 0 if there is none, as where the host lets us execute no file of ours.
    /// </summary>
    public int Pid
    {
        get
        {
            _starting?.Join();
            return _pid;
        }
    }

    /// <summary>Ends it. No program is left that it would have to take care of.</summary>
    public void Dispose()
    {
        if (Pid is var pid and not 0) SysProcesses.Kill(pid, SIGKILL);
    }

    private static int Start(SeccompListener listener, FileDescriptor standing, int program, bool kills)
    {
        // Numbers that survive an exec. Nothing else is started meanwhile.
        using FileDescriptor heldListener = Inheritable(listener.File), calls = Inheritable(standing);
        if (SysProcesses.OpenPidfd(Environment.ProcessId, 0, out FileDescriptor ownPidfd) != Errno.None
            || SysProcesses.OpenPidfd(program, 0, out FileDescriptor programPidfd) != Errno.None) return 0;
        using (ownPidfd)
        using (programPidfd)
        {
            using FileDescriptor self = Inheritable(ownPidfd), its = Inheritable(programPidfd);
            if (heldListener.IsInvalid || calls.IsInvalid || self.IsInvalid || its.IsInvalid) return 0;
            (string path, string[] command) = LaunchedProgram.OwnCommand(Supervisor.MournVerb,
                Text(heldListener.Number), Text(calls.Number), Text(its.Number), Text(program),
                Text(Environment.ProcessId), kills ? "kill" : "continue");
            byte[] arguments = OriginalProcess.Terminated(["ioasis-watch", path, .. command.Skip(1)]);
            byte[] environment = [.. OriginalProcess.EnvironmentBytes(), .. "DOTNET_EnableDiagnostics=0\0"u8];
            Errno errno = SmallProgram.Start("ioasis-watch", WatchCode.Make(self.Number), arguments, environment,
                isApart: true, out int pid);
            return errno == Errno.None ? pid : 0;
        }
    }

    private static FileDescriptor Inheritable(FileDescriptor file)
    {
        SysResult copy = SysFiles.Fcntl(file, FcntlH.F_DUPFD, 3);
        return new FileDescriptor(copy.IsOk ? (int)copy.Value : -1);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
