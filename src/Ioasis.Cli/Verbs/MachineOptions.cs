using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    private static readonly JsonDocumentOptions s_document = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    internal MachineOptions(Command command)
    {
        command.Add(_machine);
        command.Add(_plugins);
        command.Add(_devices);
        command.Add(_mdevs);
    }

    /// <summary>What a recording says of the machine.</summary>
    internal JsonObject ForRecording(ParseResult parsed)
    {
        var words = new JsonArray();
        void Add(Option<string[]> option)
        {
            foreach (string value in parsed.GetValue(option) ?? [])
            {
                words.Add((JsonNode)option.Name);
                words.Add((JsonNode)value);
            }
        }

        Add(_plugins);
        Add(_devices);
        Add(_mdevs);
        var machine = new JsonObject { ["options"] = words };
        if (parsed.GetValue(_machine) is { } file)
            machine["description"] = JsonNode.Parse(File.ReadAllText(file), documentOptions: s_document);
        return machine;
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
