using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>Finds the kind of file system that a mapped file is on.</summary>
internal static class FileSystems
{
    private static readonly string[] s_inMemory = ["tmpfs", "devtmpfs", "ramfs", "rootfs", "hugetlbfs"];

    // 0 until known. A failed attempt is repeated on the next call.
    private static ulong s_memfds;

    /// <summary>Whether a device number is the one of all memfds with pages of the usual size.</summary>
    internal static bool IsOfMemfds(ulong device) => device == MemfdDevice();

    /// <summary>
    /// Whether the file system lives in memory alone, so that nobody has to be told of written pages (Linux:
    /// vma_needs_dirty_tracking).
    /// </summary>
    /// <param name="process">The directory /proc/PID of a process that has it mounted.</param>
    /// <param name="major">Major of the file system's device number.</param>
    /// <param name="minor">Minor of the file system's device number.</param>
    internal static bool IsInMemory(FileDescriptor process, uint major, uint minor)
    {
        if (IsOfMemfds(StatMode.MakeDev(major, minor))) return true;
        // A file system without a device or a mount point is the kernel's own, such as shared memory of huge pages.
        return TypeOf(process, string.Create(CultureInfo.InvariantCulture, $"{major}:{minor}")) is { } type
            ? s_inMemory.Contains(type)
            : major == 0;
    }

    /// <summary>
    /// Finds the type of a device's file system in the text of /proc/PID/mountinfo: <c>id parent major:minor root point
    /// options [fields] - type source options</c>.
    /// </summary>
    internal static string? TypeIn(string mountinfo, string device)
    {
        foreach (string line in mountinfo.Split('\n'))
        {
            string[] words = line.Split(' ');
            int separator = Array.IndexOf(words, "-");
            if (words.Length > 2 && words[2] == device && separator > 0 && separator + 1 < words.Length)
                return words[separator + 1];
        }

        return null;
    }

    private static string? TypeOf(FileDescriptor process, string device)
    {
        if (SysFiles.OpenAt(process, "mountinfo", FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return null;
        using (file)
        {
            var text = new MemoryStream();
            var part = new byte[1 << 14];
            while (SysFiles.Read(file, part) is { IsOk: true, Value: > 0 } got) text.Write(part, 0, (int)got.Value);
            return TypeIn(Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length), device);
        }
    }

    private static ulong MemfdDevice()
    {
        ulong known = Volatile.Read(ref s_memfds);
        if (known != 0 || SysFiles.CreateMemfd("ioasis", FcntlH.MFD_CLOEXEC, out FileDescriptor file) != Errno.None)
            return known;
        using (file)
            if (SysFiles.Stat(file, out LinuxStat stat) == Errno.None) Volatile.Write(ref s_memfds, stat.Dev);
        return s_memfds;
    }
}
