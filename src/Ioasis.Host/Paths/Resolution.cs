using Ioasis.Abi;

namespace Ioasis.Host.Paths;

/// <summary>Where a path leads.</summary>
internal readonly struct Resolution
{
    private Resolution(PathNode? node, string? hostPath, Errno errno)
    {
        Node = node;
        HostPath = hostPath;
        Errno = errno;
    }

    /// <summary>What of ours it leads to.</summary>
    public PathNode? Node { get; }

    /// <summary>
    /// What of the host's it leads to, on a way that the kernel cannot go: through a link or a directory of ours.
    /// </summary>
    public string? HostPath { get; }

    /// <summary>Why it leads nowhere.</summary>
    public Errno Errno { get; }

    /// <summary>Whether the kernel is to look it up.</summary>
    public bool IsHosts => Node is null && HostPath is null && Errno == Errno.None;

    /// <summary>Whether the node was reached on a way that the kernel cannot go.</summary>
    public bool IsDetour { get; private init; }

    /// <summary>Whether it is a directory that the host has, with all that is ours in it.</summary>
    public bool IsHostsNode => Node is { IsDirectory: true } node && !StandIns.IsNeeded(node);

    /// <summary>Whether it is such a one, on a way that the kernel can go.</summary>
    public bool IsHostsDirectory => !IsDetour && IsHostsNode;

    /// <summary>The kernel is to look it up.</summary>
    public static Resolution Hosts => default;

    public static Resolution Of(PathNode node, bool detour) => new(node, null, Errno.None) { IsDetour = detour };

    public static Resolution OfHost(string path) => new(null, path, Errno.None) { IsDetour = true };

    public static Resolution Failed(Errno errno) => new(null, null, errno);
}
