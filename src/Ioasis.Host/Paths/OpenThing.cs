namespace Ioasis.Host.Paths;

/// <summary>What an open file or a working directory of a caller is, if it is ours.</summary>
/// <param name="Node">What of ours; null where it names something of the host's.</param>
/// <param name="HostPath">The path that it names, of what the host has.</param>
/// <param name="IsName">Whether it only names it (O_PATH).</param>
internal readonly record struct OpenThing(PathNode? Node, string? HostPath, bool IsName);
