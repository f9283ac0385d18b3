using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Paths;

/// <summary>
/// Memfds that programs get in place of sysfs files. Their name contains the path, so we need to remember nothing,
/// however many there are and however long they stay open.
/// </summary>
internal sealed class NamedFiles
{
    private const string Content = "=", Name = ":";

    // Limit of memfd_create(2), in bytes.
    private const int LongestName = 249;

    // A random name, so that programs cannot forge such files for others.
    private readonly string _prefix = $"ioasis-{Random.Shared.NextInt64():x16}";
    private ulong _device;

    /// <summary>The device number of all memfds, ours and others'; 0 before we have made one.</summary>
    public ulong Device => Volatile.Read(ref _device);

    /// <summary>Makes a file with these bytes, named by a path.</summary>
    public Errno Create(string path, ReadOnlySpan<byte> content, uint mode, out FileDescriptor file)
    {
        Errno errno = Create(Content + path, out file);
        if (errno != Errno.None) return errno;
        SysResult put = SysFiles.WriteAt(file, content, 0);
        if (put.IsOk)
        {
            SysFiles.ChangeMode(file, mode);
            SysFiles.Fcntl(file, FcntlH.F_ADD_SEALS, FcntlH.F_SEAL_SHRINK | FcntlH.F_SEAL_GROW | FcntlH.F_SEAL_WRITE
                | FcntlH.F_SEAL_SEAL);
            return Errno.None;
        }

        file.Dispose();
        return put.Errno;
    }

    /// <summary>
    /// Makes a file for an open(2) with O_PATH. It only names a path; it can be neither read nor written.
    /// </summary>
    public Errno CreateName(string path, out FileDescriptor file)
    {
        Errno errno = Create(Name + path, out FileDescriptor memfd);
        file = memfd;
        if (errno != Errno.None) return errno;
        // an access mode that permits neither
        using (memfd) return SysFiles.Open($"/proc/self/fd/{memfd.Number}", FcntlH.O_ACCMODE, out file);
    }

    /// <summary>The path that an open file stands for, from the text of its link in /proc.</summary>
    /// <param name="link">The text.</param>
    /// <param name="path">The path.</param>
    /// <param name="isName">Whether the file only names the path (O_PATH).</param>
    public bool TryRead(string link, out string path, out bool isName)
    {
        const string Deleted = " (deleted)";
        path = "";
        isName = false;
        ReadOnlySpan<char> text = link;
        if (!text.StartsWith("/memfd:", StringComparison.Ordinal) || !text.EndsWith(Deleted, StringComparison.Ordinal))
            return false;
        text = text["/memfd:".Length..^Deleted.Length];
        if (!text.StartsWith(_prefix, StringComparison.Ordinal)) return false;
        text = text[_prefix.Length..];
        isName = text.StartsWith(Name, StringComparison.Ordinal);
        if (!isName && !text.StartsWith(Content, StringComparison.Ordinal)) return false;
        path = text[1..].ToString();
        return true;
    }

    private Errno Create(string name, out FileDescriptor file)
    {
        // Each character is a byte.
        byte[] bytes = Encoding.Latin1.GetBytes(_prefix + name + '\0');
        if (bytes.Length > LongestName)
        {
            file = new FileDescriptor(-1);
            return Errno.EACCES;
        }

        Errno errno = SysFiles.CreateMemfd(bytes, FcntlH.MFD_CLOEXEC | FcntlH.MFD_ALLOW_SEALING, out file);
        if (errno == Errno.None && Device == 0 && SysFiles.Stat(file, out LinuxStat stat) == Errno.None)
            Volatile.Write(ref _device, stat.Dev);
        return errno;
    }
}
