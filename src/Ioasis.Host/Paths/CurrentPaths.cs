using Ioasis.Machine.Nodes;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Paths;

/// <summary>The present tree of virtual paths.</summary>
/// <param name="paths">Returns the paths; the same object while they do not change.</param>
internal sealed class CurrentPaths(Func<IReadOnlyDictionary<string, VirtualPath>> paths)
{
    // Guards the building of trees.
    private readonly RankedLock _lock = new(LockRank.CurrentPaths);
    private volatile PathTree _tree = new(paths());

    /// <summary>The tree. A call uses the same tree from start to end.</summary>
    public PathTree Tree
    {
        get
        {
            PathTree tree = _tree;
            if (ReferenceEquals(tree.Paths, paths())) return tree;
            using (_lock.Enter())
            {
                IReadOnlyDictionary<string, VirtualPath> now = paths();
                if (!ReferenceEquals(_tree.Paths, now)) _tree = new PathTree(now, _tree);
                return _tree;
            }
        }
    }
}
