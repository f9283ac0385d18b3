using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Machine.Description;

/// <summary>
/// Collects the parts of a machine: <c>SoftwareMachine.Create().With("nvme", ("size", "64M")).Build()</c>. It begins
/// with one VT-d unit and no devices.
/// </summary>
public sealed class MachineBuilder
{
    private readonly List<(PciDeviceModel Model, string Name, RequesterId Address)> _models = [];
    private MachineDescription _description = MachineDescription.Empty;
    private Injector? _injector;

    /// <summary>Begins with a description, such as one from a file, instead of an empty machine.</summary>
    /// <param name="description">The description.</param>
    public MachineBuilder From(MachineDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);
        _description = description;
        return this;
    }

    /// <summary>Adds a device of a built-in model or of a plug-in's, at the first free address.</summary>
    /// <param name="model">The model's name, such as <c>nvme</c>.</param>
    /// <param name="properties">The model's properties.</param>
    /// <exception cref="MachineDescriptionException">There is no such model, or it has no such property.</exception>
    public MachineBuilder With(string model, params ReadOnlySpan<(string Name, string Value)> properties)
    {
        _description = _description.WithDevice(model).WithProperties(model, properties);
        return this;
    }

    /// <summary>Adds a device of a built-in model or of a plug-in's at an address.</summary>
    /// <param name="model">The model's name, such as <c>nvme</c>.</param>
    /// <param name="address">Its address.</param>
    /// <param name="properties">The model's properties.</param>
    /// <exception cref="MachineDescriptionException">There is no such model, it has no such property, or the address is
    /// taken.</exception>
    public MachineBuilder With(
        string model, RequesterId address, params ReadOnlySpan<(string Name, string Value)> properties)
    {
        _description = _description.WithDevice($"{model}@{address}").WithProperties(model, properties);
        return this;
    }

    /// <summary>Adds a device of the caller's own model. The machine disposes of it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="address">A free address.</param>
    public MachineBuilder With(PciDeviceModel model, RequesterId address)
    {
        ArgumentNullException.ThrowIfNull(model);
        _models.Add((model, model.GetType().Name, address));
        return this;
    }

    /// <summary>Adds an mdev.</summary>
    /// <param name="type">Its type, such as <c>mtty-1</c>.</param>
    /// <param name="parent">The parent: an address, or the name of a device that is no PCI function.</param>
    /// <exception cref="MachineDescriptionException">Something in it is wrong.</exception>
    public MachineBuilder WithMdev(string type, string parent)
    {
        _description = _description.WithMdev($"{type}@{parent}");
        return this;
    }

    /// <summary>Sets the type of the groups' default domains.</summary>
    public MachineBuilder WithDefaultDomain(DomainType type)
    {
        _description = _description with { DefaultDomain = type };
        return this;
    }

    /// <summary>Sets what decides that something goes wrong in the machine.</summary>
    public MachineBuilder WithInjector(Injector injector)
    {
        _injector = injector;
        return this;
    }

    /// <summary>Builds the machine.</summary>
    /// <exception cref="MachineDescriptionException">A device cannot be placed.</exception>
    public SoftwareMachine Build()
    {
        SoftwareMachine machine = SoftwareMachine.Create(_description, _injector);
        try
        {
            foreach ((PciDeviceModel model, string name, RequesterId address) in _models)
                machine.Plug(model, name, address);
            return machine;
        }
        catch (ArgumentException e)
        {
            machine.Dispose();
            throw new MachineDescriptionException($"The machine cannot be built: {e.Message}", e);
        }
    }
}
