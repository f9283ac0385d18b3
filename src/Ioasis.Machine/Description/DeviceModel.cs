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
    /// <param name="properties">Its properties.</param>
    /// <param name="hubs">The machine's hubs.</param>
    internal abstract PciDeviceModel Create(IReadOnlyDictionary<string, string> properties, NetHubs hubs);
}

/// <summary>A device model with its options.</summary>
/// <param name="create">Makes a device with these options.</param>
/// <param name="properties">The properties that set the options. The defaults are those of the options.</param>
internal sealed class DeviceModel<TOptions>(
    Func<TOptions, PciDeviceModel> create, params ModelProperty<TOptions>[] properties) : DeviceModel
    where TOptions : class, new()
{
    private readonly ModelProperties<TOptions> _properties = new(properties);

    internal override IReadOnlyList<string> PropertyNames => _properties.Names;

    internal override string? Check(string name, string value) => _properties.Check(name, value);

    internal override PciDeviceModel Create(IReadOnlyDictionary<string, string> given, NetHubs hubs) =>
        create(_properties.Read(given));
}
