namespace Ioasis.Host.Paths;

/// <summary>The thing of ours that an open file or working directory of a caller refers to.</summary>
/// <param name="Node">The node of ours; null if it names a file of the host.</param>
/// <param name="HostPath">The path of the host that it names.</param>
/// <param name="IsName">Whether the file only names it (O_PATH).</param>
internal readonly record struct OpenThing(PathNode? Node, string? HostPath, bool IsName);
