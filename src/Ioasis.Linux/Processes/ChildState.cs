namespace Ioasis.Linux.Processes;

/// <summary>What became of a child, as waitid(2) has it.</summary>
/// <param name="Pid">Which child.</param>
/// <param name="Code">CLD_EXITED (1), CLD_KILLED (2), CLD_DUMPED (3), CLD_STOPPED (5).</param>
/// <param name="Status">The exit code or the signal.</param>
internal readonly record struct ChildState(int Pid, int Code, int Status)
{
    /// <summary>Whether it was stopped by a signal and lives on.</summary>
    public bool Stopped => Code is 4 or 5 or 6;

    /// <summary>The exit code as a shell has it: 128 and the signal for a child that a signal killed.</summary>
    public int ExitCode => Code == 1 ? Status : 128 + Status;
}
