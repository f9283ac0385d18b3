using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Machine.Nodes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Paths;

/// <summary>
/// Real directories that stand in for virtual ones, in a private temporary directory. A program can list them, make one
/// its working directory and open their entries. They are made on the first open. In a merged directory, the host's
/// entries are links.
/// </summary>
internal sealed class StandIns : IDisposable
{
    // 0755, as in sysfs.
    private const uint DirectoryMode = 0x1ED;

    // Below the temporary directory: directories with our and the host's entries, and with ours alone.
    private const string Listed = "/listed", Own = "/own";

    // Guards the temporary directory and its contents. No file of the host is touched under it.
    private readonly RankedLock _lock = new(LockRank.StandIns);
    private TemporaryDirectory? _root;
    private string? _rootText; // its path as links in /proc show it, each character a byte

    /// <summary>The device number of their file system; 0 while there are none.</summary>
    public ulong Device { get; private set; }

    /// <summary>
    /// Whether a directory of ours needs a stand-in. Not if the host has it with all of our entries. Nor for /dev: a
    /// program that lists it or makes files there gets the host's.
    /// </summary>
    public static bool IsNeeded(PathNode directory)
    {
        if (!directory.IsMerged) return true;
        if (directory.Path is "" or "/dev" or "/proc") return false;
        if (!Directory.Exists(directory.Path)) return true;
        foreach (PathNode child in directory.Children)
            if (SysFiles.Stat(child.Path, follow: false, out _) != Errno.None) return true;
        return false;
    }

    /// <summary>Makes the stand-in of a directory of ours.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="hosts">Whether to show the host's entries of a merged directory. Not for callers that see other
    /// files than we do.</param>
    /// <param name="path">Its path.</param>
    public Errno TryMake(PathNode directory, bool hosts, out string path)
    {
        path = "";
        // Entries that not everybody may list are shown to nobody, because the stand-in is for all.
        IReadOnlyList<string> others = hosts && directory.IsMerged && IsEverybodys(directory.Path)
            ? List(directory.Path)
            : [];
        using (_lock.Enter())
        {
            try
            {
                if (_root is null)
                {
                    if (!TemporaryDirectory.TryCreate(out _root)) return Errno.ENOSPC;
                    _rootText = PathArgument.Canonical(_root.Path) ?? _root.Path;
                    Device = SysFiles.Stat(_root.Path, follow: true, out LinuxStat stat) == Errno.None ? stat.Dev : 0;
                }

                path = _root.Path + (hosts || !directory.IsMerged ? Listed : Own) + directory.Path;
                Fill(directory, path, others);
                return Errno.None;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // .NET puts the kernel's errno into a small HResult.
                Errno errno = e is IOException && e.HResult is > 0 and < 134 ? (Errno)e.HResult : Errno.EIO;
                if (errno != Errno.ENOSPC) ErrorOutput.Say($"cannot make a stand-in for {directory.Path}: {e.Message}");
                return errno;
            }
        }
    }

    /// <summary>
    /// The inode number of a file in the listing of its directory; 0 if the host lists the directory, or the stand-in
    /// cannot be made.
    /// </summary>
    public ulong InodeOf(PathNode node)
    {
        if (node.Inode != 0) return node.Inode;
        string at = "";
        bool made = node.Parent is not null && IsNeeded(node.Parent)
            ? TryMake(node.Parent, hosts: true, out at) == Errno.None
            : node.IsDirectory && IsNeeded(node) && TryMake(node, hosts: true, out at) == Errno.None;
        if (!made) return 0;
        if (node.Parent is not null && IsNeeded(node.Parent)) at += '/' + node.Name;
        if (SysFiles.Stat(at, follow: false, out LinuxStat stat) == Errno.None) node.Inode = stat.Ino;
        return node.Inode;
    }

    /// <summary>The virtual path that a path in the temporary directory stands for.</summary>
    public bool TryMapBack(ReadOnlySpan<char> path, [NotNullWhen(true)] out string? virtualPath)
    {
        virtualPath = null;
        string? root = Volatile.Read(ref _rootText);
        if (root is null || !path.StartsWith(root, StringComparison.Ordinal)) return false;
        path = path[root.Length..];
        if (path.StartsWith(Listed, StringComparison.Ordinal)) path = path[Listed.Length..];
        else if (path.StartsWith(Own, StringComparison.Ordinal)) path = path[Own.Length..];
        else return false;
        if (!path.IsEmpty && path[0] != '/') return false;
        virtualPath = path.ToString();
        return true;
    }

    /// <summary>Removes the stand-ins.</summary>
    public void Dispose() => _root?.Dispose();

    private static bool IsEverybodys(string directory) =>
        SysFiles.Stat(directory, follow: true, out LinuxStat stat) == Errno.None && (stat.Mode & 5) == 5; // r-x

    private static List<string> List(string directory)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(directory)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static void Fill(PathNode directory, string path, IReadOnlyList<string> others)
    {
        MakeDirectories(path);
        var wanted = new HashSet<string>(StringComparer.Ordinal);
        foreach (PathNode child in directory.Children)
        {
            wanted.Add(child.Name);
            Place(child, $"{path}/{child.Name}");
        }

        foreach (string host in others)
        {
            string name = Path.GetFileName(host);
            if (wanted.Add(name)) PlaceLink($"{path}/{name}", host);
        }

        foreach (string present in Directory.EnumerateFileSystemEntries(path))
        {
            if (wanted.Contains(Path.GetFileName(present))) continue;
            if (new FileInfo(present).LinkTarget is null && Directory.Exists(present))
                Directory.Delete(present, recursive: true);
            else File.Delete(present);
        }
    }

    private static void Place(PathNode node, string path)
    {
        if (node.Entry is VirtualLink link) PlaceLink(path, link.Target);
        else if (node.IsDirectory) MakeDirectories(path);
        else if (node.Entry is VirtualDevice && SysFiles.MakeEmptyDevice(path, 0) is Errno.None or Errno.EEXIST) return;
        else if (!File.Exists(path)) File.Create(path).Dispose();
    }

    private static void MakeDirectories(string path)
    {
        Errno errno = SysFiles.MakeDirectory(path, DirectoryMode);
        if (errno == Errno.ENOENT)
        {
            MakeDirectories(Path.GetDirectoryName(path)!);
            errno = SysFiles.MakeDirectory(path, DirectoryMode);
        }

        // Overrides the umask: whatever user a program becomes must be able to enter.
        if (errno == Errno.None) SysFiles.ChangeMode(path, DirectoryMode);
        else if (errno != Errno.EEXIST) throw new IOException($"'{path}' cannot be made ({errno})", (int)errno);
    }

    private static void PlaceLink(string path, string target)
    {
        if (new FileInfo(path).LinkTarget is null) File.CreateSymbolicLink(path, target);
    }
}
