using Ioasis.Abi;

namespace Ioasis.Host.Paths;

/// <summary>The result of resolving a path.</summary>
internal readonly struct Resolution
{
    private Resolution(PathNode? node, string? hostPath, Errno errno)
    {
        Node = node;
        HostPath = hostPath;
        Errno = errno;
    }

    /// <summary>The node of ours that it leads to.</summary>
    public PathNode? Node { get; }

    /// <summary>
    /// The path of the host that it leads to, if the kernel cannot follow it: it passes a link or a directory of ours.
    /// </summary>
    public string? HostPath { get; }

    /// <summary>The error.</summary>
    public Errno Errno { get; }

    /// <summary>Whether the kernel must resolve the path.</summary>
    public bool IsHosts => Node is null && HostPath is null && Errno == Errno.None;

    /// <summary>Whether the node was reached by a way that the kernel cannot follow.</summary>
    public bool IsDetour { get; private init; }

    /// <summary>Whether it is a directory that the host has too, with all of our entries in it.</summary>
    public bool IsHostsNode => Node is { IsDirectory: true } node && !StandIns.IsNeeded(node);

    /// <summary>The same, reached by a way that the kernel can follow.</summary>
    public bool IsHostsDirectory => !IsDetour && IsHostsNode;

    /// <summary>Leaves the path to the kernel.</summary>
    public static Resolution Hosts => default;

    public static Resolution Of(PathNode node, bool detour) => new(node, null, Errno.None) { IsDetour = detour };

    public static Resolution OfHost(string path) => new(null, path, Errno.None) { IsDetour = true };

    public static Resolution Failed(Errno errno) => new(null, null, errno);
}
