using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>Looks for mappings of a file in all other processes.</summary>
internal static class FileMappings
{
    /// <summary>
    /// Whether another process has any of these bytes of a file mapped. A process that we may not inspect counts as not
    /// having them.
    /// </summary>
    /// <param name="device">The file's device number.</param>
    /// <param name="inode">The file's inode number.</param>
    /// <param name="offset">Offset of the first byte.</param>
    /// <param name="length">Bytes.</param>
    public static bool Exist(ulong device, ulong inode, ulong offset, ulong length)
    {
        foreach (string path in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out int process))
                continue;
            if (process == Environment.ProcessId
                || SysFiles.Open($"{path}/maps", FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) continue;
            using var maps = new ProcessMaps(file);
            if (maps.HasFile(device, inode, offset, length)) return true;
        }

        return false;
    }
}
