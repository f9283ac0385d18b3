using System.Diagnostics.CodeAnalysis;
using Ioasis.Host.Callers;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>One name in the tree of virtual paths.</summary>
/// <param name="path">Its full path; the root's is empty.</param>
/// <param name="parent">Its directory; null for the root.</param>
/// <param name="number">A unique number, from which its inode number is made.</param>
internal sealed class PathNode(string path, PathNode? parent, ulong number)
{
    private readonly Dictionary<string, PathNode> _children = [];
    private object?[] _owner = [null];
    private ulong _inode;

    /// <summary>Its full path; the root's is empty.</summary>
    public string Path => path;

    /// <summary>Its name in its directory.</summary>
    public string Name { get; } = path[(path.LastIndexOf('/') + 1)..];

    /// <summary>Its directory; null for the root.</summary>
    public PathNode? Parent => parent;

    /// <summary>Its unique number.</summary>
    public ulong Number => number;

    /// <summary>The virtual path; null for a directory of the host on the way to virtual paths.</summary>
    public VirtualPath? Entry { get; set; }

    /// <summary>Owner, group and mode, if a program has changed them. Nodes with the same number share them.</summary>
    public FileOwner? Owner
    {
        get => (FileOwner?)_owner[0];
        set => Volatile.Write(ref _owner[0], value);
    }

    /// <summary>Its inode number, once known: that of its entry in its directory's stand-in.</summary>
    public ulong Inode
    {
        get => Volatile.Read(ref _inode);
        set => Volatile.Write(ref _inode, value);
    }

    /// <summary>Whether the host's entries of this directory are visible too.</summary>
    public bool IsMerged => Entry is null or VirtualDirectory { Merged: true };

    /// <summary>Whether names can be looked up in it.</summary>
    public bool IsDirectory => Entry is null or VirtualDirectory;

    /// <summary>Its entries.</summary>
    public IReadOnlyCollection<PathNode> Children => _children.Values;

    /// <summary>Finds an entry by name.</summary>
    public bool TryGetChild(ReadOnlySpan<char> name, [NotNullWhen(true)] out PathNode? child) =>
        _children.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out child);

    /// <summary>Makes it the successor of a node in the former tree.</summary>
    public void Continue(PathNode former) => _owner = former._owner;

    public void Add(PathNode child) => _children.Add(child.Name, child);
}
