using System.CommandLine;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Verbs;

/// <summary>The options that describe a machine, shared by several commands.</summary>
internal sealed class MachineOptions
{
    private readonly Option<string> _machine = new("--machine")
    {
        Description = "A JSON description of the machine (docs/machine.schema.json). Default: one VT-d unit, an edu "
            + "and a dmatest.",
        HelpName = "FILE",
    };

    private readonly Option<string[]> _plugins = new("--plugin")
    {
        Description = "An assembly with your own device models, IOMMU drivers or ioctls (docs/plugins.md). "
            + "May be repeated.",
        HelpName = "ASSEMBLY",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string[]> _devices = new("--device")
    {
        Description = "Adds a device, with properties of its model (docs/machine.schema.json). May be repeated.",
        HelpName = "MODEL[@BDF][,NAME=VALUE]... or MODEL[@NAME],vdpa[,NAME=VALUE]...",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string[]> _mdevs = new("--mdev")
    {
        Description = "Creates an mdev at start (docs/mdev.md). May be repeated.",
        HelpName = "TYPE@PARENT[,uuid=UUID]",
        Arity = ArgumentArity.OneOrMore,
    };

    internal MachineOptions(Command command)
    {
        command.Add(_machine);
        command.Add(_plugins);
        command.Add(_devices);
        command.Add(_mdevs);
    }

    /// <summary>Builds the description of the machine from a command line.</summary>
    /// <exception cref="MachineDescriptionException">The description is wrong.</exception>
    internal MachineDescription Describe(ParseResult parsed)
    {
        foreach (string plugin in parsed.GetValue(_plugins) ?? []) Plugins.Load(plugin);
        MachineDescription description =
            parsed.GetValue(_machine) is { } file ? MachineDescription.Load(file) : MachineDescription.Default;
        foreach (string device in parsed.GetValue(_devices) ?? []) description = description.WithDevice(device);
        foreach (string mdev in parsed.GetValue(_mdevs) ?? []) description = description.WithMdev(mdev);
        return description;
    }
}
