using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>The present tree of virtual paths.</summary>
/// <param name="paths">Returns the paths; the same object while they do not change.</param>
internal sealed class CurrentPaths(Func<IReadOnlyDictionary<string, VirtualPath>> paths)
{
    // Guards the building of trees.
    private readonly Lock _lock = new();
    private volatile PathTree _tree = new(paths());

    /// <summary>The tree. A call uses the same tree from start to end.</summary>
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
