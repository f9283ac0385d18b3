using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>The tree of virtual paths as it is now.</summary>
/// <param name="paths">Gives the paths: the same object for as long as they do not change.</param>
internal sealed class CurrentPaths(Func<IReadOnlyDictionary<string, VirtualPath>> paths)
{
    // Guards the making of trees.
    private readonly Lock _lock = new();
    private volatile PathTree _tree = new(paths());

    /// <summary>The tree; a call keeps the one that it began with.</summary>
    public PathTree Tree
    {
        get
        {
            PathTree tree = _tree;
            if (ReferenceEquals(tree.Paths, paths())) return tree;
            lock (_lock)
            {
                IReadOnlyDictionary<string, VirtualPath> now = paths();
                if (!ReferenceEquals(_tree.Paths, now)) _tree = new PathTree(now, _tree);
                return _tree;
            }
        }
    }
}
