using System.Diagnostics.CodeAnalysis;
using Ioasis.Host.Callers;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Paths;

/// <summary>One name in the tree of virtual paths.</summary>
/// <param name="path">Its whole path; the root's is empty.</param>
/// <param name="parent">The directory that it is in; null for the root.</param>
/// <param name="number">A number of its own, from which its inode number is made.</param>
internal sealed class PathNode(string path, PathNode? parent, ulong number)
{
    private readonly Dictionary<string, PathNode> _children = [];
    private object?[] _owner = [null];
    private ulong _inode;

    /// <summary>Its whole path; the root's is empty.</summary>
    public string Path => path;

    /// <summary>Its name in the directory.</summary>
    public string Name { get; } = path[(path.LastIndexOf('/') + 1)..];

    /// <summary>The directory that it is in; null for the root.</summary>
    public PathNode? Parent => parent;

    /// <summary>A number of its own.</summary>
    public ulong Number => number;

    /// <summary>What stands there; null for a directory of the host on the way to what we serve.</summary>
    public VirtualPath? Entry { get; set; }

    /// <summary>Owner, group and mode, where a program changed them; shared by the nodes of this number.</summary>
    public FileOwner? Owner
    {
        get => (FileOwner?)_owner[0];
        set => Volatile.Write(ref _owner[0], value);
    }

    /// <summary>
    /// Its inode number, once that was found out: that of the entry in what stands in for its directory.
    /// </summary>
    public ulong Inode
    {
        get => Volatile.Read(ref _inode);
        set => Volatile.Write(ref _inode, value);
    }

    /// <summary>Whether what the host has in this directory shows through.</summary>
    public bool IsMerged => Entry is null or VirtualDirectory { Merged: true };

    /// <summary>Whether names can be looked up in it.</summary>
    public bool IsDirectory => Entry is null or VirtualDirectory;

    /// <summary>What is in it.</summary>
    public IReadOnlyCollection<PathNode> Children => _children.Values;

    /// <summary>The entry of that name.</summary>
    public bool TryGetChild(ReadOnlySpan<char> name, [NotNullWhen(true)] out PathNode? child) =>
        _children.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out child);

    /// <summary>It is what another was in the tree before.</summary>
    public void Continue(PathNode former) => _owner = former._owner;

    public void Add(PathNode child) => _children.Add(child.Name, child);
}
