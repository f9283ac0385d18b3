using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Finds the file behind a shared mapping of a process, so that the memory can be reached without the process.
/// </summary>
internal static class SharedFile
{
    /// <summary>
    /// Opens the memfd, or the file on tmpfs or hugetlbfs, that a process has mapped. With enough privilege,
    /// /proc/PID/map_files leads to any file. Otherwise the file is found only if the process, or another one whose
    /// descriptors we may inspect, still has it open.
    /// </summary>
    /// <param name="process">The directory /proc/PID.</param>
    /// <param name="mapping">The mapping.</param>
    /// <param name="file">The file, reopened.</param>
    public static bool TryOpen(FileDescriptor process, in ProcmapQuery mapping, out FileDescriptor? file)
    {
        int flags = (mapping.Flags & ProcmapQuery.Writable) != 0 ? FcntlH.O_RDWR : FcntlH.O_RDONLY;
        string range = string.Create(CultureInfo.InvariantCulture, $"map_files/{mapping.Start:x}-{mapping.End:x}");
        if (TryOpen(process, range, flags, mapping, out file)) return true;
        foreach (string path in Descriptors(process))
            if (TryOpen(process, "fd/" + Path.GetFileName(path), flags, mapping, out file)) return true;
        return false;
    }

    private static bool TryOpen(
        FileDescriptor process, string path, int flags, in ProcmapQuery mapping, out FileDescriptor? file)
    {
        file = null;
        if (SysFiles.StatAt(process, Encoding.UTF8.GetBytes(path + '\0'), 0, out LinuxStat stat) != Errno.None
            || !IsThat(stat, mapping)) return false;
        if (SysFiles.OpenAt(process, path, flags, out FileDescriptor opened) != Errno.None) return false;

        // The number may refer to another file by now. Only files that live in memory have seals.
        if (SysFiles.Stat(opened, out stat) == Errno.None && IsThat(stat, mapping)
            && SysFiles.Fcntl(opened, FcntlH.F_GET_SEALS).IsOk)
        {
            file = opened;
            return true;
        }

        opened.Dispose();
        return false;
    }

    private static bool IsThat(in LinuxStat stat, in ProcmapQuery mapping) =>
        stat.Ino == mapping.Inode && stat.Dev == StatMode.MakeDev(mapping.DeviceMajor, mapping.DeviceMinor);

    private static IEnumerable<string> Descriptors(FileDescriptor process)
    {
        try
        {
            return Directory.GetFileSystemEntries($"/proc/self/fd/{process.Number}/fd");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // the process has just ended, or we may not inspect it
        }
    }
}
