using Ioasis.Iommufd.Files;

namespace Ioasis.Machine.Nodes;

/// <summary>One path that we serve instead of the host's: what stands there.</summary>
public abstract record VirtualPath(string Path);

/// <summary>A directory. Merged: what the host has there shows through (/sys/bus/pci/devices); else it is ours alone.</summary>
public sealed record VirtualDirectory(string Path, bool Merged) : VirtualPath(Path);

/// <summary>A regular file of sysfs, its content made at each open. Mode as in st_mode's permission bits.</summary>
public sealed record VirtualFile(string Path, Func<byte[]> Content, uint Mode = 0x124 /* 0444 */) : VirtualPath(Path);

/// <summary>A symbolic link and its text.</summary>
public sealed record VirtualLink(string Path, string Target) : VirtualPath(Path);

/// <summary>A character device.</summary>
public sealed record VirtualDevice(INode Node) : VirtualPath(Node.Path);
