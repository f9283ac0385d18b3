using Ioasis.Abi;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>
/// The page of a program that runs: <c>run --web</c>. Our child, not the program's, without the program's filter and
/// files. A pipe is its standard input: it ends when we do, however that is. Its own end harms nobody.
/// </summary>
internal sealed class PageProcess : IDisposable
{
    private const int SIGKILL = 9;

    // How long pages have to hear that the program has ended.
    private const int LastPatience = 700;

    private FileDescriptor? _pidfd, _alive;

    /// <summary>Its process ID; 0 for none.</summary>
    public int Pid { get; private set; }

    /// <summary>Starts it. If that cannot be, a message says so, and the program runs all the same.</summary>
    /// <param name="program">The program's process ID.</param>
    /// <param name="port">The port; 0 for a free one; null for no page.</param>
    public void Start(int program, int? port)
    {
        if (port is not { } number) return;
        try
        {
            Start(PageProgram.Command([.. PageProgram.OfProgram(program, number), PageProgram.EndsWithInput]));
        }
        catch (IOException e)
        {
            ErrorOutput.Say($"there is no page: {e.Message}");
        }
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _alive?.Dispose();
        if (_pidfd is null) return;
        // A process that has not ended has its number still.
        if (SysEvents.Poll(_pidfd, SysEvents.POLLIN, LastPatience, out short ready) == Errno.None && ready == 0)
            SysProcesses.Kill(Pid, SIGKILL);
        _pidfd.Dispose();
    }

    private void Start((string Path, string[] Arguments) command)
    {
        Check(SysFiles.CreatePipe(out FileDescriptor reads, out FileDescriptor writes, 0), "make a pipe");
        using (reads)
        {
            _alive = writes;
            byte[] environment = [.. OriginalProcess.EnvironmentBytes(), .. "DOTNET_EnableDiagnostics=0\0"u8];
            Check(SysProcesses.SpawnReading(command.Path, OriginalProcess.Terminated(command.Arguments), environment,
                reads, out int pid), $"start '{command.Path}'");
            Check(SysProcesses.OpenPidfd(pid, 0, out FileDescriptor pidfd), "watch it");
            (Pid, _pidfd) = (pid, pidfd);
        }
    }

    private static void Check(Errno errno, string what)
    {
        if (errno != Errno.None) throw new IOException($"cannot {what} ({errno})");
    }
}
