using Ioasis.Devices;

namespace Ioasis.Machine.Description;

/// <summary>A device model that a description can name.</summary>
internal abstract class DeviceModel
{
    /// <summary>The names of its properties.</summary>
    internal abstract IReadOnlyList<string> PropertyNames { get; }

    /// <summary>The complaint about a property's value; null if the value is right.</summary>
    internal abstract string? Check(string name, string value);

    /// <summary>Makes a device. <see cref="Check"/> has accepted the properties.</summary>
    internal abstract PciDeviceModel Create(IReadOnlyDictionary<string, string> properties);
}

/// <summary>A device model with its options.</summary>
/// <param name="create">Makes a device with these options.</param>
/// <param name="properties">The properties that set the options. The defaults are those of the options.</param>
internal sealed class DeviceModel<TOptions>(
    Func<TOptions, PciDeviceModel> create, params ModelProperty<TOptions>[] properties) : DeviceModel
    where TOptions : class, new()
{
    internal override IReadOnlyList<string> PropertyNames { get; } = [.. properties.Select(p => p.Name)];

    internal override string? Check(string name, string value)
    {
        ModelProperty<TOptions> property = Find(name);
        return property.With(new TOptions(), value) is null ? $"\"{name}\" {property.Expected}, not \"{value}\"" : null;
    }

    internal override PciDeviceModel Create(IReadOnlyDictionary<string, string> given)
    {
        TOptions options = new();
        foreach ((string name, string value) in given)
            options = Find(name).With(options, value)
                ?? throw new ArgumentException($"\"{value}\" is no value for {name}", nameof(given));
        return create(options);
    }

    private ModelProperty<TOptions> Find(string name) => Array.Find(properties, p => p.Name == name)
        ?? throw new ArgumentException($"there is no property {name}", nameof(name));
}
