using System.CommandLine;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Verbs;

/// <summary>The options by which a verb is told its machine.</summary>
internal sealed class MachineOptions
{
    private readonly Option<string> _machine = new("--machine")
    {
        Description = "A JSON description of "
            + "the machine (docs/machine.schema.json). Without it: one VT-d unit, an edu and a dmatest.",
        HelpName = "FILE",
    };

    private readonly Option<string[]> _plugins = new("--plugin")
    {
        Description = "An assembly with device "
            + "models, IOMMU drivers or ioctls of your own (docs/plugins.md); as often as needed.",
        HelpName = "ASSEMBLY",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string[]> _devices = new("--device")
    {
        Description = "One more device, and "
            + "what its model is to be told (docs/machine.schema.json, properties); as often as needed.",
        HelpName = "MODEL[@BDF][,NAME=VALUE]...",
        Arity = ArgumentArity.OneOrMore,
    };

    internal MachineOptions(Command command)
    {
        command.Add(_machine);
        command.Add(_plugins);
        command.Add(_devices);
    }

    /// <summary>The machine that a command line asks for.</summary>
    /// <exception cref="MachineDescriptionException">There is no such machine.</exception>
    internal MachineDescription Describe(ParseResult parsed)
    {
        foreach (string plugin in parsed.GetValue(_plugins) ?? []) Plugins.Load(plugin);
        MachineDescription description =
            parsed.GetValue(_machine) is { } file ? MachineDescription.Load(file) : MachineDescription.Default;
        foreach (string device in parsed.GetValue(_devices) ?? []) description = description.WithDevice(device);
        return description;
    }
}
