using System.Collections.Concurrent;
using Ioasis.Devices;

namespace Ioasis.Machine.Description;

/// <summary>The parents of mdevs that are no PCI functions, which a description can name.</summary>
internal static class MdevParentRegistry
{
    private static readonly ConcurrentDictionary<string, Parent> s_parents = new()
    {
        ["edus"] = new("edu", static () => new EduParent()),
        ["mtty"] = new("mtty", static () => new MttyParent()),
    };

    internal static IEnumerable<string> Names => s_parents.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds one, whose class is called like it if none is given; false when the name is taken.</summary>
    internal static bool TryAdd(string name, Func<IMdevParent> create, string? itsClass = null) =>
        s_parents.TryAdd(name, new Parent(itsClass ?? name, create));

    internal static bool Has(string name) => s_parents.ContainsKey(name);

    internal static string ClassOf(string name) => s_parents[name].Class;

    internal static IMdevParent Create(string name) => s_parents[name].Create();

    private sealed record Parent(string Class, Func<IMdevParent> Create);
}
