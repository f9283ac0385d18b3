using Ioasis.Abi;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>
/// Resolves a path as Linux does (path_resolution(7)), in the tree of virtual paths and, where that ends, in the
/// host's. It follows our links; the kernel follows the host's, except before a <c>..</c>, which needs their target.
/// </summary>
internal ref struct PathResolver
{
    private const int MaxLinks = 40, LongestName = 255;

    private readonly PathTree _tree;
    private readonly CanonicalPath _canonical;
    private readonly Func<PathNode, bool>? _mayPass;
    private readonly SeccompNotif _call;
    private readonly PathScope _scope;

    // The present position: a node of ours, or a directory of the host.
    private PathNode? _node;
    private string? _host;
    private PathNode? _base; // the directory that a confined path must not leave
    private ReadOnlySpan<char> _rest;
    private int _links;
    private bool _detour, _slash, _isCanonical;

    private PathResolver(PathTree tree, CanonicalPath canonical, in SeccompNotif call, PathScope scope,
        Func<PathNode, bool>? mayPass, ReadOnlySpan<char> path)
    {
        _tree = tree;
        _canonical = canonical;
        _call = call;
        _scope = scope;
        _mayPass = mayPass;
        _rest = path;
        _slash = path[^1] == '/';
    }

    /// <summary>Resolves a path.</summary>
    /// <param name="tree">The virtual paths.</param>
    /// <param name="path">The path, not empty; each character is a byte.</param>
    /// <param name="start">The canonical directory that a relative path starts from: ours or the host's.</param>
    /// <param name="detour">Whether the caller has our stand-in for that directory open, so that the kernel would start
    /// elsewhere.</param>
    /// <param name="scope">The rules of the look-up.</param>
    /// <param name="canonical">Makes a path of the host canonical.</param>
    /// <param name="call">The call that it is done for.</param>
    /// <param name="mayPass">Tells whether names may be looked up in a directory whose mode was changed; null if no
    /// mode was.</param>
    public static Resolution Resolve(
        PathTree tree, ReadOnlySpan<char> path, string? start, bool detour, PathScope scope, CanonicalPath canonical,
        in SeccompNotif call = default, Func<PathNode, bool>? mayPass = null)
    {
        var resolver = new PathResolver(tree, canonical, call, scope, mayPass, path) { _detour = detour };
        bool absolute = path[0] == '/';
        if ((absolute && !scope.InRoot) || start is null) resolver._node = tree.Root;
        else resolver.GoTo(start);
        if (absolute && !scope.InRoot) resolver._detour = false;
        if (scope.Beneath || scope.InRoot)
        {
            // A path that is confined to a directory of the host, which is not ours, cannot lead to us.
            if (resolver._node is null) return Resolution.Hosts;
            if (absolute && scope.Beneath) return Resolution.Failed(Errno.EXDEV);
            resolver._base = resolver._node;
        }

        Resolution found = resolver.Walk();
        bool crosses = scope.OneMount && found.Node is PathNode node
            && TopOf(node.Path) != TopOf(absolute ? "" : start ?? "");
        return crosses ? Resolution.Failed(Errno.EXDEV) : found;
    }

    private readonly bool HasParentStep => _rest.Contains("..", StringComparison.Ordinal);

    private Resolution Walk()
    {
        while (true)
        {
            _rest = _rest.TrimStart('/');
            if (_rest.IsEmpty) break;
            int end = _rest.IndexOf('/');
            ReadOnlySpan<char> name = end < 0 ? _rest : _rest[..end];
            _rest = end < 0 ? default : _rest[end..];
            bool more = !_rest.IsEmpty; // a trailing slash requires a directory

            Errno errno = _node is not null ? StepFromNode(name, more) : StepFromHost(name);
            // If the kernel can go this way, it reports the error itself.
            if (errno != Errno.None) return _node is null && !_detour ? Resolution.Hosts : Resolution.Failed(errno);
            // From a directory of the host, only ".." leads back to us.
            if (_node is null && !_detour && !HasParentStep) return Resolution.Hosts;
        }

        if (_node is not null) return Resolution.Of(_node, _detour);
        if (!_detour) return Resolution.Hosts;
        if (!(_scope.Beneath || _scope.InRoot || _scope.NoLinks))
            return Resolution.OfHost(_slash ? _host + "/" : _host!);
        // In a merged directory, the host's entries are links of ours that lead out of it.
        Errno there = _canonical(_call, _host!, out _);
        return Resolution.Failed(there != Errno.None ? there : _scope.NoLinks ? Errno.ELOOP : Errno.EXDEV);
    }

    private Errno StepFromNode(ReadOnlySpan<char> name, bool more)
    {
        if (!_node!.IsDirectory) return Errno.ENOTDIR;
        if (_mayPass is not null && _node.Owner is not null && !_mayPass(_node)) return Errno.EACCES;
        if (name is ".") return Errno.None;
        if (name is "..") return StepUp();
        if (name.Length > LongestName) return Errno.ENAMETOOLONG;
        if (!_node.TryGetChild(name, out PathNode? child))
        {
            if (!_node.IsMerged) return Errno.ENOENT;
            // If the kernel will look it up anyway, the position does not matter.
            _host = _detour || HasParentStep ? $"{_node.Path}/{name}" : "";
            _node = null;
            _isCanonical = false;
            return Errno.None;
        }

        if (child.Entry is VirtualLink link && (more || _scope.Follow)) return Follow(link.Target);
        _node = child;
        return more && !child.IsDirectory ? Errno.ENOTDIR : Errno.None;
    }

    private Errno StepUp()
    {
        if (_node == _base) return _scope.Beneath ? Errno.EXDEV : Errno.None;
        // The kernel cannot go up from a directory that it does not have.
        if (!_detour && !(_node!.IsMerged && Directory.Exists(_node.Path))) _detour = _node.Parent is not null;
        _node = _node!.Parent ?? _node;
        return Errno.None;
    }

    private Errno StepFromHost(ReadOnlySpan<char> name)
    {
        if (name is ".") return Errno.None;
        if (name is not "..")
        {
            _host = $"{_host}/{name}";
            _isCanonical = false;
            return Errno.None;
        }

        string canonical = _host!;
        if (!_isCanonical)
        {
            // Resolving links is expensive for a caller that walks the host's files, so skip it if the path cannot come
            // to us.
            if (!_detour && !_tree.MayHave(_host) && !_tree.MayHaveIn(_rest)) return Errno.ENOENT;
            Errno errno = _canonical(_call, _host!, out canonical);
            if (errno != Errno.None) return errno;
        }

        GoTo(canonical[..Math.Max(0, canonical.LastIndexOf('/'))]);
        return _base is null || (_node is not null && IsBelow(_node, _base)) ? Errno.None : Errno.EXDEV;
    }

    private Errno Follow(string target)
    {
        if (++_links > MaxLinks || _scope.NoLinks) return Errno.ELOOP;
        _detour = true;
        if (_rest.IsEmpty) _slash = target.EndsWith('/');
        _rest = string.Concat(target, _rest);
        if (!target.StartsWith('/')) return Errno.None;
        if (_scope.Beneath) return Errno.EXDEV;
        _node = _base ?? _tree.Root;
        return Errno.None;
    }

    // Goes to a canonical directory: our node if we have it.
    private void GoTo(string path)
    {
        bool ours = _tree.TryFind(path, out PathNode? node);
        _node = ours ? node : null;
        _host = ours ? null : path;
        _isCanonical = true;
    }

    private static bool IsBelow(PathNode node, PathNode directory)
    {
        for (PathNode? at = node; at is not null; at = at.Parent)
            if (at == directory) return true;
        return false;
    }

    // Mount points are just below the root: /dev, /sys, /proc.
    private static string TopOf(string path)
    {
        path = path.TrimStart('/');
        int end = path.IndexOf('/', StringComparison.Ordinal);
        return end < 0 ? path : path[..end];
    }
}
