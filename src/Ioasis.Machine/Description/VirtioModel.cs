using Ioasis.Devices.Virtio;

namespace Ioasis.Machine.Description;

/// <summary>A virtio model that a description can name.</summary>
internal abstract class VirtioModel
{
    /// <inheritdoc cref="DeviceModel.PropertyNames"/>
    internal abstract IReadOnlyList<string> PropertyNames { get; }

    /// <inheritdoc cref="DeviceModel.Check"/>
    internal abstract string? Check(string name, string value);

    /// <summary>Makes a device. <see cref="Check"/> has accepted the properties.</summary>
    /// <param name="properties">Its properties.</param>
    /// <param name="hubs">The machine's hubs.</param>
    internal abstract VirtioDeviceModel Create(IReadOnlyDictionary<string, string> properties, NetHubs hubs);
}

/// <summary>A virtio model with its options.</summary>
/// <param name="create">Makes a device with these options.</param>
/// <param name="properties">The properties that set the options. The defaults are those of the options.</param>
internal sealed class VirtioModel<TOptions>(
    Func<TOptions, NetHubs, VirtioDeviceModel> create, params ModelProperty<TOptions>[] properties) : VirtioModel
    where TOptions : class, new()
{
    private readonly ModelProperties<TOptions> _properties = new(properties);

    internal override IReadOnlyList<string> PropertyNames => _properties.Names;

    internal override string? Check(string name, string value) => _properties.Check(name, value);

    internal override VirtioDeviceModel Create(IReadOnlyDictionary<string, string> given, NetHubs hubs) =>
        create(_properties.Read(given), hubs);
}

/// <summary>A virtio model as a PCI function.</summary>
/// <param name="model">The model.</param>
internal sealed class VirtioFunctionModel(VirtioModel model) : DeviceModel
{
    internal override IReadOnlyList<string> PropertyNames => model.PropertyNames;

    internal override string? Check(string name, string value) => model.Check(name, value);

    internal override Devices.PciDeviceModel Create(IReadOnlyDictionary<string, string> properties, NetHubs hubs) =>
        new VirtioPciDevice(model.Create(properties, hubs));
}
