using System.Diagnostics.CodeAnalysis;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>The machine's paths as a tree, as it was at one moment.</summary>
internal sealed class PathTree
{
    private ulong _count;

    private readonly PathTree? _former; // while it is built

    /// <summary>Builds the tree.</summary>
    /// <param name="paths">The paths.</param>
    /// <param name="former">The tree before a change: what is in both keeps its number.</param>
    public PathTree(IReadOnlyDictionary<string, VirtualPath> paths, PathTree? former = null)
    {
        Paths = paths;
        _former = former;
        _count = former?._count ?? 0;
        Root = new PathNode("", null, ++_count);
        foreach (VirtualPath entry in paths.Values) Place(entry);
        _former = null;
    }

    /// <summary>What it was built from.</summary>
    public IReadOnlyDictionary<string, VirtualPath> Paths { get; }

    /// <summary>The root directory, which is the host's.</summary>
    public PathNode Root { get; }

    /// <summary>The node of an absolute path without <c>.</c>, <c>..</c> and links.</summary>
    public bool TryFind(ReadOnlySpan<char> path, [NotNullWhen(true)] out PathNode? node)
    {
        node = Root;
        foreach (Range range in path.Split('/'))
        {
            ReadOnlySpan<char> name = path[range];
            if (!name.IsEmpty && !node.TryGetChild(name, out node)) return false;
        }

        return true;
    }

    private void Place(VirtualPath entry)
    {
        PathNode node = Root;
        foreach (Range range in entry.Path.AsSpan().Split('/'))
        {
            ReadOnlySpan<char> name = entry.Path.AsSpan()[range];
            if (name.IsEmpty) continue;
            if (!node.TryGetChild(name, out PathNode? child))
            {
                string path = $"{node.Path}/{name}";
                child = new PathNode(path, node, _former is not null && _former.TryFind(path, out PathNode? same) ? same.Number : ++_count);
                node.Add(child);
            }

            node = child;
        }

        node.Entry = entry;
    }
}
