using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Tests.Host;

/// <summary>A program that sleeps, with a known string in its memory: one of its environment.</summary>
internal sealed class ChildProcess : IDisposable
{
    public const string Marker = "IOASIS_MARKER=0123456789abcdef";

    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public static ChildProcess Start(string program, params string[] arguments) =>
        StartBecoming(program, program, arguments);

    /// <summary>The same of a program that becomes another by exec.</summary>
    public static ChildProcess StartBecoming(string other, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true };
        start.Environment.Clear();
        start.Environment["IOASIS_MARKER"] = "0123456789abcdef";
        var child = new ChildProcess(Process.Start(start)!);
        child.WaitForProgram(other);
        return child;
    }

    /// <summary>Waits until the process runs that program.</summary>
    public void WaitForProgram(string program)
    {
        for (int i = 0; i < 1000; i++)
        {
            // Of an exec that is under way, memory and name may be the old ones; the environment comes with the new
            // memory.
            if (File.ReadAllText($"/proc/{Id}/comm").TrimEnd() == Path.GetFileName(program)
                && File.ReadAllText($"/proc/{Id}/environ").Contains(Marker, StringComparison.Ordinal))
                return;
            Thread.Sleep(5);
        }

        throw new TimeoutException($"{program} does not run");
    }

    public void WriteLine(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>Where the marker is in its memory.</summary>
    public ulong MarkerAddress
    {
        get
        {
            // env_start is field 50 of proc_pid_stat(5), the state field 3.
            string stat = File.ReadAllText($"/proc/{Id}/stat");
            ulong start = ulong.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[50 - 3],
                CultureInfo.InvariantCulture);
            return start + (ulong)File.ReadAllText($"/proc/{Id}/environ").IndexOf(Marker, StringComparison.Ordinal);
        }
    }

    /// <summary>What stands there now.</summary>
    public string Environment => File.ReadAllText($"/proc/{Id}/environ");

    public ProcessMemory OpenMemory(Func<ulong, ulong, bool>? isForbidden = null)
    {
        Assert.Equal(Errno.None,
            SysFiles.Open($"/proc/{Id}", FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor directory));
        using (directory)
        {
            Assert.Equal(Errno.None, ProcessMemory.TryOpen(Id, directory, "", isForbidden, out ProcessMemory? memory));
            return memory!;
        }
    }

    /// <summary>The first mapping whose line of /proc/PID/maps contains a text.</summary>
    public (ulong Start, ulong End) FindMapping(string text)
    {
        string line = File.ReadLines($"/proc/{Id}/maps").First(line => line.Contains(text, StringComparison.Ordinal));
        string[] ends = line.Split(' ')[0].Split('-');
        return (ulong.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            ulong.Parse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public static byte[] MarkerBytes => Encoding.ASCII.GetBytes(Marker);

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }
}
