using System.Runtime.InteropServices;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>
/// Handles signals that are sent to us while the program runs. The terminal sends its signals to the whole foreground
/// group, so the program gets them too. Others are forwarded.
/// </summary>
internal sealed class ProgramSignals : IDisposable
{
    private const int SIGINT = 2, SIGQUIT = 3, SIGKILL = 9, SIGSTOP = 19, SIGTSTP = 20, SIGXFSZ = 25, SIGIO = 29;

    private static readonly PosixSignal[] s_passedOn =
        [PosixSignal.SIGHUP, PosixSignal.SIGTERM, (PosixSignal)10, (PosixSignal)12];

    private readonly int _program;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile bool _ended;

    public ProgramSignals(int program)
    {
        _program = program;
        // These would end us. SIGIO may come from the lease that tells whether a file is still in use, SIGXFSZ from a
        // carrier's size.
        foreach (int signal in (ReadOnlySpan<int>)[SIGTSTP, SIGXFSZ, SIGIO]) SysProcesses.SetIgnored(signal, true);
        foreach ((PosixSignal signal, int number) in ((PosixSignal, int)[])[(PosixSignal.SIGINT, SIGINT),
            (PosixSignal.SIGQUIT, SIGQUIT)])
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                // otherwise the terminal has sent it to the program too
                if (_ended || !SysProcesses.IsInForeground()) PassOn(number);
            }));
        }

        foreach (PosixSignal signal in s_passedOn)
        {
            int number = NumberOf(signal);
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                PassOn(number);
            }));
        }
    }

    /// <summary>The process that watches us, which gets no signals; 0 for none.</summary>
    public int Watch { get; set; }

    /// <summary>The page's process, which gets no signals either; 0 for none.</summary>
    public int Page { get; set; }

    /// <summary>Kills the program; after its end, the processes that it left behind.</summary>
    public void Kill() => PassOn(SIGKILL);

    /// <summary>Kills the program and all that it started.</summary>
    public void KillAll() => ProcessTree.Kill([.. OwnChildren]);

    /// <summary>
    /// Notes that the program has ended. From here on its orphans receive the signals, including the terminal's.
    /// </summary>
    public void ProgramEnded() => _ended = true;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
    }

    /// <summary>
    /// Stops us with a program of our process group that the terminal has stopped: the shell waits for us.
    /// </summary>
    public static void StopWith(int program)
    {
        if (SysProcesses.GroupOf(program) == SysProcesses.GroupOf(0))
            SysProcesses.Kill(Environment.ProcessId, SIGSTOP);
    }

    private IEnumerable<int> OwnChildren =>
        ProcessTree.ChildrenOf(Environment.ProcessId).Where(child => child != Watch && child != Page);

    private void PassOn(int signal)
    {
        if (!_ended)
        {
            SysProcesses.Kill(_program, signal);
            return;
        }

        foreach (int child in OwnChildren) SysProcesses.Kill(child, signal);
    }

    private static int NumberOf(PosixSignal signal) => signal switch
    {
        PosixSignal.SIGHUP => 1,
        PosixSignal.SIGTERM => 15,
        _ => (int)signal,
    };
}
