using System.Collections.Concurrent;
using Ioasis.Machine.Nodes;

namespace Ioasis.Machine.Description;

/// <summary>The nodes that plug-ins add to each machine.</summary>
internal static class NodeRegistry
{
    private static readonly ConcurrentDictionary<string, Func<IMachineNode>> s_nodes = new();

    /// <summary>Adds one; false when the name is taken.</summary>
    internal static bool TryAdd(string name, Func<IMachineNode> create) => s_nodes.TryAdd(name, create);

    /// <summary>Those of a machine.</summary>
    internal static IReadOnlyList<IMachineNode> Create()
    {
        string[] names = [.. s_nodes.Keys];
        Array.Sort(names, StringComparer.Ordinal);
        return [.. names.Select(name => s_nodes[name]())];
    }
}
