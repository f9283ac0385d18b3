using System.Diagnostics.CodeAnalysis;
using System.Text;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>The machine's paths at one moment, as a tree.</summary>
internal sealed class PathTree
{
    private ulong _count;

    private readonly PathTree? _former; // only while the tree is built
    private readonly byte[][] _tops;

    /// <summary>Builds the tree.</summary>
    /// <param name="paths">The paths.</param>
    /// <param name="former">The tree before a change. Paths that are in both trees keep their number.</param>
    public PathTree(IReadOnlyDictionary<string, VirtualPath> paths, PathTree? former = null)
    {
        Paths = paths;
        _former = former;
        _count = former?._count ?? 0;
        Root = new PathNode("", null, ++_count);
        foreach (VirtualPath entry in paths.Values) Place(entry);
        _former = null;
        _tops = [.. Root.Children.Select(child => Encoding.UTF8.GetBytes(child.Name))];
    }

    /// <summary>The paths that it was built from.</summary>
    public IReadOnlyDictionary<string, VirtualPath> Paths { get; }

    /// <summary>The root directory, which is the host's.</summary>
    public PathNode Root { get; }

    /// <summary>
    /// Whether a path can lead to a file of ours: an absolute path whose first name is one of ours in the root, or
    /// starts with <c>.</c>.
    /// </summary>
    public bool MayHave(ReadOnlySpan<byte> path)
    {
        path = path.TrimStart((byte)'/');
        if (path.IsEmpty || path[0] == '.') return true;
        foreach (byte[] top in _tops)
            if (path.StartsWith(top) && (path.Length == top.Length || path[top.Length] == '/')) return true;
        return false;
    }

    /// <inheritdoc cref="MayHave(ReadOnlySpan{byte})"/>
    public bool MayHave(ReadOnlySpan<char> path)
    {
        path = path.TrimStart('/');
        if (path.IsEmpty || path[0] == '.') return true;
        int end = path.IndexOf('/');
        return Root.TryGetChild(end < 0 ? path : path[..end], out _);
    }

    /// <summary>
    /// Whether the rest of a path, from any directory, can lead to a file of ours: it contains such a name.
    /// </summary>
    public bool MayHaveIn(ReadOnlySpan<char> rest)
    {
        foreach (PathNode top in Root.Children)
            if (rest.Contains(top.Name, StringComparison.Ordinal)) return true;
        return false;
    }

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
                PathNode? same = null;
                if (_former?.TryFind(path, out same) != true) same = null;
                child = new PathNode(path, node, same?.Number ?? ++_count);
                if (same is not null) child.Continue(same);
                node.Add(child);
            }

            node = child;
        }

        node.Entry = entry;
    }
}
