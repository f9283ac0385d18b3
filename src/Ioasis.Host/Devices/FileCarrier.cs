using System.Collections.Concurrent;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Devices;

/// <summary>
/// The kernel's file that a program gets for an open file of ours. Its inode tells which open file it is, through dup,
/// fork and SCM_RIGHTS.
/// </summary>
internal abstract class FileCarrier : IDisposable
{
    /// <summary>What <see cref="Mount"/> is where the kernel does not say.</summary>
    public const int UnknownMount = -1;

    // Memfds, sockets and pipes are each on one mount of the kernel's own, which never goes.
    private static readonly ConcurrentDictionary<ulong, int> s_mounts = new();

    /// <summary>Takes note of a file.</summary>
    /// <param name="file">The file, or one with the same inode.</param>
    /// <param name="stat">What stat(2) says of it.</param>
    private protected FileCarrier(FileDescriptor file, in LinuxStat stat)
    {
        Mount = MountOf(file, stat.Dev);
        Device = stat.Dev;
        Inode = stat.Ino;
    }

    /// <summary>
    /// The ID of the mount that all files of its kind are on: with the inode number it tells a carrier from every other
    /// file, too.
    /// </summary>
    public int Mount { get; }

    /// <summary>The device number of the file system that all files of its kind are on.</summary>
    public ulong Device { get; }

    /// <summary>Its inode number.</summary>
    public ulong Inode { get; }

    /// <summary>
    /// Whether it is a memfd that stands for a node, of which the kernel would permit more than a node does.
    /// </summary>
    public virtual bool IsNode => false;

    /// <summary>Opens it anew, for a program.</summary>
    /// <returns>EBADF where that cannot be.</returns>
    public virtual Errno Reopen(int flags, out FileDescriptor? file)
    {
        file = null;
        return Errno.EBADF;
    }

    /// <summary>No program has it any more: nothing moves from here on.</summary>
    public virtual void Disconnect()
    {
    }

    /// <summary>Gives everything back.</summary>
    public abstract void Dispose();

    private static int MountOf(FileDescriptor file, ulong device)
    {
        if (s_mounts.TryGetValue(device, out int mount)) return mount;
        if (SysFiles.Open($"/proc/self/fdinfo/{file.Number}", FcntlH.O_RDONLY, out FileDescriptor text) != Errno.None)
            return UnknownMount;
        using (text)
            if (!DescriptorInfo.TryRead(text, out DescriptorInfo info)) return UnknownMount;
            else return s_mounts[device] = info.Mount;
    }
}
