using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>What /proc/TID/status says of a thread, as far as we need it.</summary>
internal readonly record struct ThreadStatus(int Process, uint RealUser, int Tracer)
{
    /// <summary>Reads it; false when the thread is gone.</summary>
    /// <param name="thread">The directory /proc/TID/fd.</param>
    /// <param name="status">What was read.</param>
    public static bool TryRead(FileDescriptor thread, out ThreadStatus status)
    {
        status = default;
        if (SysFiles.OpenAt(thread, "../status", FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return false;
        using (file)
        {
            Span<byte> text = stackalloc byte[4096];
            SysResult got = SysFiles.Read(file, text);
            if (!got.IsOk) return false;
            status = Parse(Encoding.UTF8.GetString(text[..(int)got.Value]));
            return status.Process != 0;
        }
    }

    /// <summary>
    /// The process that a thread is one of, by the thread's number alone; false when there is no such thread.
    /// </summary>
    public static bool TryReadProcess(int thread, out int process)
    {
        process = 0;
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/status");
        if (SysFiles.Open(path, FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return false;
        using (file)
        {
            Span<byte> text = stackalloc byte[512]; // Tgid stands in the fourth line
            SysResult got = SysFiles.Read(file, text);
            if (!got.IsOk) return false;
            text = text[..(int)got.Value];
            int at = text.IndexOf("\nTgid:\t"u8);
            return at >= 0 && Utf8Parser.TryParse(text[(at + "\nTgid:\t".Length)..], out process, out _);
        }
    }

    /// <summary>Whether a thread is traced, by its number alone.</summary>
    public static bool IsTraced(int thread)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/fd");
        Errno errno = SysFiles.Open(path, FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out FileDescriptor directory);
        // Whether it is still there could not be found out, as without a free descriptor: it is, and would stay
        // stopped.
        if (errno != Errno.None) return errno is not (Errno.ENOENT or Errno.ESRCH);
        using (directory) return TryRead(directory, out ThreadStatus status) && status.Tracer != 0;
    }

    private static ThreadStatus Parse(string text)
    {
        int process = 0, tracer = 0;
        uint user = 0;
        foreach (string line in text.Split('\n'))
        {
            if (line.StartsWith("Tgid:", StringComparison.Ordinal))
                _ = int.TryParse(line.AsSpan(5).Trim(), CultureInfo.InvariantCulture, out process);
            else if (line.StartsWith("TracerPid:", StringComparison.Ordinal))
                _ = int.TryParse(line.AsSpan(10).Trim(), CultureInfo.InvariantCulture, out tracer);
            else if (line.StartsWith("Uid:", StringComparison.Ordinal)) // real, effective, saved, of the file system
                _ = uint.TryParse(line.Split('\t')[1], CultureInfo.InvariantCulture, out user);
        }

        return new ThreadStatus(process, user, tracer);
    }
}
