using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>
/// Real directories that stand in for virtual ones, in a private temporary directory, so that a program can list them,
/// make one its working directory and open what is in it. They are made when one is opened, and what the host has in a
/// merged one is there as links.
/// </summary>
internal sealed class StandIns : IDisposable
{
    // 0755, as in sysfs.
    private const uint DirectoryMode = 0x1ED;

    // Below the temporary directory: what is ours and the host's, and what is ours alone.
    private const string Listed = "/listed", Own = "/own";

    // Guards the temporary directory and what is made in it. Nothing of the host's is touched under it.
    private readonly Lock _lock = new();
    private TemporaryDirectory? _root;
    private string? _rootText; // its path as links in /proc say it, each character a byte

    /// <summary>The device number of the file system that they are on; 0 while there are none.</summary>
    public ulong Device { get; private set; }

    /// <summary>
    /// Whether a directory of ours needs a stand-in. It does not where the host has it with everything that we have in
    /// it; and a program that lists /dev or makes files there gets the host's.
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

    /// <summary>Makes what stands in for a directory of ours, and gives its path.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="hosts">Whether what the host has in a merged one is shown: not to callers who see other files than
    /// we do.</param>
    /// <param name="path">Where it is.</param>
    public Errno TryMake(PathNode directory, bool hosts, out string path)
    {
        path = "";
        // What not everybody may list is not shown to anybody, for what we make is there for all.
        IReadOnlyList<string> others = hosts && directory.IsMerged
            && IsEverybodys(directory.Path) ? List(directory.Path) : [];
        lock (_lock)
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
                // .NET says by a small number what the kernel said.
                Errno errno = e is IOException && e.HResult is > 0 and < 134 ? (Errno)e.HResult : Errno.EIO;
                if (errno != Errno.ENOSPC) ErrorOutput.Say($"cannot make a stand-in for {directory.Path}: {e.Message}");
                return errno;
            }
        }
    }

    /// <summary>
    /// The number by which the directory that a file of ours is in lists it; 0 where that is listed by the host, or
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

    /// <summary>What a path inside the temporary directory stands for.</summary>
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

    /// <summary>Removes them.</summary>
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

        // The umask does not count: whoever a program becomes is to enter it.
        if (errno == Errno.None) SysFiles.ChangeMode(path, DirectoryMode);
        else if (errno != Errno.EEXIST) throw new IOException($"'{path}' cannot be made ({errno})", (int)errno);
    }

    private static void PlaceLink(string path, string target)
    {
        if (new FileInfo(path).LinkTarget is null) File.CreateSymbolicLink(path, target);
    }
}
