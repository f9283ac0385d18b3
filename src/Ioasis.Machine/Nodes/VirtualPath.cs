using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Machine.Nodes;

/// <summary>One path that we serve instead of the host's: what stands there.</summary>
public abstract record VirtualPath(string Path);

/// <summary>A directory. Merged: what the host has there shows through (/sys/bus/pci/devices); else it is ours alone.</summary>
public sealed record VirtualDirectory(string Path, bool Merged) : VirtualPath(Path);

/// <summary>A regular file of sysfs, its content made at each open. Mode as in st_mode's permission bits.</summary>
public sealed record VirtualFile(string Path, Func<byte[]> Content, uint Mode = 0x124 /* 0444 */) : VirtualPath(Path)
{
    /// <summary>Takes what a program writes; null where nothing can be written.</summary>
    public AttributeStore? Store { get; init; }
}

/// <summary>Takes what a program wrote to an attribute with one call.</summary>
/// <param name="text">The bytes.</param>
/// <param name="answer">
/// Called once with the errno of the write, perhaps later: it stands for what the program waits for. Never called under a lock that a node's file takes.
/// </param>
public delegate void AttributeStore(ReadOnlySpan<byte> text, Action<Errno> answer);

/// <summary>A symbolic link and its text.</summary>
public sealed record VirtualLink(string Path, string Target) : VirtualPath(Path);

/// <summary>A character device.</summary>
public sealed record VirtualDevice(INode Node) : VirtualPath(Node.Path);
