using Ioasis.Abi;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>
/// Looks a path up as Linux does (path_resolution(7)), in the tree of virtual paths and, where that ends, in the host's. Links of ours
/// are followed here; the host's are left to the kernel, except before a <c>..</c>, which needs to know where they lead.
/// </summary>
internal ref struct PathResolver
{
    private const int MaxLinks = 40;

    private readonly PathTree _tree;
    private readonly Func<string, string?> _canonical;

    // Where we are: a node of ours, or a directory of the host.
    private PathNode? _node;
    private string? _host;
    private ReadOnlySpan<char> _rest;
    private int _links;
    private bool _detour;

    private PathResolver(PathTree tree, Func<string, string?> canonical, ReadOnlySpan<char> path)
    {
        _tree = tree;
        _canonical = canonical;
        _rest = path;
    }

    /// <summary>Looks a path up.</summary>
    /// <param name="tree">The virtual paths.</param>
    /// <param name="path">The path, not empty.</param>
    /// <param name="start">For a relative path the directory it starts from, canonical: a path of ours or the host's.</param>
    /// <param name="detour">Whether the caller has our stand-in for that directory open, so that the kernel would start elsewhere.</param>
    /// <param name="follow">Whether a link at the end of the path is followed.</param>
    /// <param name="canonical">Makes a path of the host canonical; null where it does not exist.</param>
    public static Resolution Resolve(
        PathTree tree, ReadOnlySpan<char> path, string? start, bool detour, bool follow, Func<string, string?> canonical)
    {
        var resolver = new PathResolver(tree, canonical, path) { _detour = detour };
        if (path[0] == '/' || start is null) resolver._node = tree.Root;
        else resolver.GoTo(start);
        if (path[0] == '/') resolver._detour = false;
        return resolver.Walk(follow);
    }

    private readonly bool HasParentStep => _rest.Contains("..", StringComparison.Ordinal);

    private Resolution Walk(bool follow)
    {
        while (true)
        {
            _rest = _rest.TrimStart('/');
            if (_rest.IsEmpty) break;
            int end = _rest.IndexOf('/');
            ReadOnlySpan<char> name = end < 0 ? _rest : _rest[..end];
            _rest = end < 0 ? default : _rest[end..];
            bool more = !_rest.IsEmpty; // a trailing slash asks for a directory

            Errno errno = _node is not null ? StepFromNode(name, more, follow) : StepFromHost(name);
            if (errno != Errno.None) return Resolution.Failed(errno);
            // From a directory of the host only ".." leads back to us.
            if (_node is null && !_detour && !HasParentStep) return Resolution.Hosts;
        }

        if (_node is not null) return Resolution.Of(_node, _detour);
        return _detour ? Resolution.OfHost(_host!) : Resolution.Hosts;
    }

    private Errno StepFromNode(ReadOnlySpan<char> name, bool more, bool follow)
    {
        if (!_node!.IsDirectory) return Errno.ENOTDIR;
        if (name is ".") return Errno.None;
        if (name is "..")
        {
            _node = _node.Parent ?? _node;
            return Errno.None;
        }

        if (!_node.TryGetChild(name, out PathNode? child))
        {
            if (!_node.IsMerged) return Errno.ENOENT;
            // Where the kernel is to look it up anyway, where we are does not matter.
            _host = _detour || HasParentStep ? $"{_node.Path}/{name}" : "";
            _node = null;
            return Errno.None;
        }

        if (child.Entry is VirtualLink link && (more || follow)) return Follow(link.Target);
        _node = child;
        return more && !child.IsDirectory ? Errno.ENOTDIR : Errno.None;
    }

    private Errno StepFromHost(ReadOnlySpan<char> name)
    {
        if (name is ".") return Errno.None;
        if (name is not "..")
        {
            _host = $"{_host}/{name}";
            return Errno.None;
        }

        string? canonical = _canonical(_host!);
        if (canonical is null) return Errno.ENOENT;
        GoTo(canonical[..Math.Max(0, canonical.LastIndexOf('/'))]);
        return Errno.None;
    }

    private Errno Follow(string target)
    {
        if (++_links > MaxLinks) return Errno.ELOOP;
        _detour = true;
        _rest = string.Concat(target, _rest);
        if (target.StartsWith('/')) _node = _tree.Root;
        return Errno.None;
    }

    // To a canonical directory: ours if we have it.
    private void GoTo(string path)
    {
        bool ours = _tree.TryFind(path, out PathNode? node);
        _node = ours ? node : null;
        _host = ours ? null : path;
    }
}
