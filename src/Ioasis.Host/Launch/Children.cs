using Ioasis.Abi;
using Ioasis.Host.Serving;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Launch;

/// <summary>
/// Waits for the program and the processes that it left behind. We are their subreaper, because on some hosts only the
/// memory of descendants is accessible. When the terminal stops the program we stop too, because the shell waits for
/// us.
/// </summary>
internal sealed class Children
{
    private const int SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22;

    private readonly StableId _program;
    private readonly Tracees _tracees;
    private readonly Gate _programEnded = new();
    private int _exitCode = ExitCodes.Failed;

    /// <param name="program">The program. Its ID stays valid until we have waited for it.</param>
    /// <param name="tracees">Receives the state changes of traced threads.</param>
    /// <exception cref="IOException">The host cannot create a thread.</exception>
    public Children(StableId program, Tracees tracees)
    {
        _program = program;
        _tracees = tracees;
        HostThread.Start("ioasis children", Run);
    }

    /// <summary>Waits for the program itself to end.</summary>
    /// <returns>Its exit code, or 128 plus the signal that killed it.</returns>
    public int WaitForProgram()
    {
        _programEnded.Pass();
        return _exitCode;
    }

    private void Run()
    {
        while (SysProcesses.AwaitChild(out ChildState child) == Errno.None)
        {
            if (child.Pid == _program.Id && child.Ended)
            {
                _exitCode = child.ExitCode;
                _programEnded.Open();
                _program.BeginChange(); // never ended: from here on the ID may be recycled
            }

            // A stopped thread may have been killed meanwhile. If it was its process's first, it does not end before
            // the other threads have, and those that we trace end only when we take them: we must not wait for it.
            if (!SysProcesses.TryTakeChild(child.Pid, out child)) continue;
            _tracees.Deliver(child);
            if (child.Pid == _program.Id && child is { Stopped: true, Status: SIGTSTP or SIGTTIN or SIGTTOU })
                ProgramSignals.StopWith(_program.Id);
        }

        _programEnded.Open();
    }
}
