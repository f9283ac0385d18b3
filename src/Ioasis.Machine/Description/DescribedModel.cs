using Ioasis.Devices;
using Ioasis.Devices.Virtio;

namespace Ioasis.Machine.Description;

/// <summary>A model that a description can name.</summary>
/// <typeparam name="TDevice">What it is a model of.</typeparam>
internal abstract class DescribedModel<TDevice>
{
    /// <summary>The names of its properties.</summary>
    internal abstract IReadOnlyList<string> PropertyNames { get; }

    /// <summary>The complaint about a property's value; null if the value is right.</summary>
    internal abstract string? Check(string name, string value);

    /// <summary>Makes a device. <see cref="Check"/> has accepted the properties.</summary>
    /// <param name="properties">Its properties.</param>
    /// <param name="hubs">The machine's hubs.</param>
    internal abstract TDevice Create(IReadOnlyDictionary<string, string> properties, NetHubs hubs);
}

/// <summary>A model with its options.</summary>
/// <param name="create">Makes a device with these options.</param>
/// <param name="properties">The properties that set the options. The defaults are those of the options.</param>
internal sealed class DescribedModel<TOptions, TDevice>(
    Func<TOptions, NetHubs, TDevice> create, params ModelProperty<TOptions>[] properties) : DescribedModel<TDevice>
    where TOptions : class, new()
{
    private readonly ModelProperties<TOptions> _properties = new(properties);

    internal override IReadOnlyList<string> PropertyNames => _properties.Names;

    internal override string? Check(string name, string value) => _properties.Check(name, value);

    internal override TDevice Create(IReadOnlyDictionary<string, string> given, NetHubs hubs) =>
        create(_properties.Read(given), hubs);
}

/// <summary>A virtio model as a PCI function.</summary>
/// <param name="model">The model.</param>
internal sealed class VirtioFunctionModel(DescribedModel<VirtioDeviceModel> model) : DescribedModel<PciDeviceModel>
{
    internal override IReadOnlyList<string> PropertyNames => model.PropertyNames;

    internal override string? Check(string name, string value) => model.Check(name, value);

    internal override PciDeviceModel Create(IReadOnlyDictionary<string, string> properties, NetHubs hubs) =>
        new VirtioPciDevice(model.Create(properties, hubs));
}
