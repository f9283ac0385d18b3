using System.Collections.Concurrent;

namespace Ioasis.Machine.Description;

/// <summary>The models of a kind that a description can name.</summary>
/// <param name="kind">The kind, in a complaint.</param>
/// <param name="builtIn">Those that are there from the start, by name.</param>
internal sealed class ModelTable<TDevice>(string kind, Dictionary<string, DescribedModel<TDevice>> builtIn)
{
    private readonly ConcurrentDictionary<string, DescribedModel<TDevice>> _models = new(builtIn);

    internal IEnumerable<string> Names => _models.Keys.Order(StringComparer.Ordinal);

    internal DescribedModel<TDevice> this[string name] => _models[name];

    /// <summary>Adds a model without properties; false when the name is taken.</summary>
    internal bool TryAdd(string name, Func<TDevice> create) =>
        _models.TryAdd(name, new DescribedModel<NoOptions, TDevice>((_, _) => create()));

    /// <summary>The complaint about a model's name; null if the name is known.</summary>
    internal string? CheckModel(string model) => _models.ContainsKey(model)
        ? null
        : $"there is no {kind} model \"{model}\"; expected one of: {string.Join(", ", Names)}";

    internal IReadOnlyList<string> PropertiesOf(string model) => _models[model].PropertyNames;

    /// <summary>The complaint about a property's value; null if the value is right.</summary>
    internal string? CheckProperty(string model, string name, string value) => _models[model].Check(name, value);

    private sealed record NoOptions;
}
