namespace Ioasis.Machine.Description;

/// <summary>The properties of a model.</summary>
/// <param name="properties">The properties that set the options.</param>
internal sealed class ModelProperties<TOptions>(ModelProperty<TOptions>[] properties) where TOptions : class, new()
{
    internal IReadOnlyList<string> Names { get; } = [.. properties.Select(p => p.Name)];

    /// <summary>The complaint about a property's value; null if the value is right.</summary>
    internal string? Check(string name, string value)
    {
        ModelProperty<TOptions> property = Find(name);
        return property.With(new TOptions(), value) is null ? $"\"{name}\" {property.Expected}, not \"{value}\"" : null;
    }

    /// <summary>The options with these properties. <see cref="Check"/> has accepted them.</summary>
    internal TOptions Read(IReadOnlyDictionary<string, string> given)
    {
        TOptions options = new();
        foreach ((string name, string value) in given)
            options = Find(name).With(options, value)
                ?? throw new ArgumentException($"\"{value}\" is no value for {name}", nameof(given));
        return options;
    }

    private ModelProperty<TOptions> Find(string name) => Array.Find(properties, p => p.Name == name)
        ?? throw new ArgumentException($"there is no property {name}", nameof(name));
}
