using System.Collections.Concurrent;
using Ioasis.Devices;

namespace Ioasis.Machine.Description;

/// <summary>The parents of mdevs that are no PCI functions, which a description can name.</summary>
internal static class MdevParentRegistry
{
    private static readonly ConcurrentDictionary<string, Func<IMdevParent>> s_parents = new()
    {
        ["mtty"] = static () => new MttyParent(),
    };

    internal static IEnumerable<string> Names => s_parents.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds one; false when the name is taken.</summary>
    internal static bool TryAdd(string name, Func<IMdevParent> create) => s_parents.TryAdd(name, create);

    internal static bool Has(string name) => s_parents.ContainsKey(name);

    internal static IMdevParent Create(string name) => s_parents[name]();
}
