using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>
/// Real directories that stand in for virtual ones, in a private temporary directory, so that a program can list them, make one its
/// working directory and open what is in it. They are made when one is opened, and what the host has in a merged one is there as links.
/// </summary>
internal sealed class StandIns : IDisposable
{
    // 0755, as in sysfs.
    private const uint DirectoryMode = 0x1ED;

    // Below the temporary directory: what is listed, and files that only name something.
    private const string Listed = "/listed", Named = "/named";

    // Guards the temporary directory and what is made in it.
    private readonly Lock _lock = new();
    private TemporaryDirectory? _root;

    /// <summary>The device number of the file system that they are on; 0 while there are none.</summary>
    public ulong Device { get; private set; }

    /// <summary>
    /// Whether a directory of ours needs a stand-in. It does not where the host has it with everything that we have in it; and a program
    /// that lists /dev or makes files there gets the host's.
    /// </summary>
    public static bool IsNeeded(PathNode directory)
    {
        if (!directory.IsMerged) return true;
        if (directory.Path is "" or "/dev") return false;
        if (!Directory.Exists(directory.Path)) return true;
        foreach (PathNode child in directory.Children)
            if (SysFiles.Stat(child.Path, follow: false, out _) != Errno.None) return true;
        return false;
    }

    /// <summary>Makes what stands in for a directory of ours, and gives its path.</summary>
    public Errno TryMake(PathNode directory, out string path) => TryMake(directory, Listed, Fill, out path);

    /// <summary>Makes a file whose path tells which file or device of ours it stands for, and gives that path.</summary>
    public Errno TryMakeName(PathNode node, out string path) => TryMake(node, Named, static (_, at) =>
    {
        MakeDirectories(Path.GetDirectoryName(at)!);
        if (!File.Exists(at)) File.Create(at).Dispose();
    }, out path);

    /// <summary>What a path inside the temporary directory stands for.</summary>
    public bool TryMapBack(ReadOnlySpan<char> path, [NotNullWhen(true)] out string? virtualPath)
    {
        virtualPath = null;
        string? root = Volatile.Read(ref _root)?.Path;
        if (root is null || !path.StartsWith(root, StringComparison.Ordinal)) return false;
        path = path[root.Length..];
        if (path.StartsWith(Listed, StringComparison.Ordinal)) path = path[Listed.Length..];
        else if (path.StartsWith(Named, StringComparison.Ordinal)) path = path[Named.Length..];
        else return false;
        if (!path.IsEmpty && path[0] != '/') return false;
        virtualPath = path.ToString();
        return true;
    }

    /// <summary>Removes them.</summary>
    public void Dispose() => _root?.Dispose();

    private Errno TryMake(PathNode node, string below, Action<PathNode, string> make, out string path)
    {
        path = "";
        lock (_lock)
        {
            try
            {
                if (_root is null)
                {
                    if (!TemporaryDirectory.TryCreate(out _root)) return Errno.ENOSPC;
                    Device = SysFiles.Stat(_root.Path, follow: true, out LinuxStat stat) == Errno.None ? stat.Dev : 0;
                }

                path = _root.Path + below + node.Path;
                make(node, path);
                return Errno.None;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                ErrorOutput.Say($"cannot make a stand-in for {node.Path}: {e.Message}");
                return Errno.EIO;
            }
        }
    }

    private static void Fill(PathNode directory, string path)
    {
        MakeDirectories(path);
        var wanted = new HashSet<string>(StringComparer.Ordinal);
        foreach (PathNode child in directory.Children)
        {
            wanted.Add(child.Name);
            Place(child, $"{path}/{child.Name}");
        }

        if (directory.IsMerged && Directory.Exists(directory.Path))
        {
            foreach (string host in Directory.EnumerateFileSystemEntries(directory.Path))
            {
                string name = Path.GetFileName(host);
                if (wanted.Add(name)) PlaceLink($"{path}/{name}", host);
            }
        }

        foreach (string present in Directory.EnumerateFileSystemEntries(path))
        {
            if (wanted.Contains(Path.GetFileName(present))) continue;
            if (new FileInfo(present).LinkTarget is null && Directory.Exists(present)) Directory.Delete(present, recursive: true);
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

        if (errno is not (Errno.None or Errno.EEXIST)) throw new IOException($"'{path}' cannot be made ({errno})");
    }

    private static void PlaceLink(string path, string target)
    {
        if (new FileInfo(path).LinkTarget is null) File.CreateSymbolicLink(path, target);
    }
}
