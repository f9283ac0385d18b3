using System.Diagnostics.CodeAnalysis;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>The machine's paths as a tree, as it was at one moment.</summary>
internal sealed class PathTree
{
    private ulong _count;

    /// <summary>Builds the tree.</summary>
    public PathTree(IReadOnlyDictionary<string, VirtualPath> paths)
    {
        Root = new PathNode("", null, ++_count);
        foreach (VirtualPath entry in paths.Values) Place(entry);
    }

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
                child = new PathNode($"{node.Path}/{name}", node, ++_count);
                node.Add(child);
            }

            node = child;
        }

        node.Entry = entry;
    }
}
