using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Machine.Description;

/// <summary>
/// What a machine consists of. Read from a JSON file (docs/machine.schema.json is its schema), or the built-in one, or
/// either with devices added.
/// </summary>
public sealed record MachineDescription
{
    /// <summary>The units; at least one where there are devices.</summary>
    public IReadOnlyList<UnitDescription> Units { get; init; } = [];

    /// <summary>The devices, in the order in which their VFIO nodes are numbered.</summary>
    public IReadOnlyList<DeviceDescription> Devices { get; init; } = [];

    /// <summary>The devices that are no PCI functions, by name: parents of mdevs such as <c>mtty</c>.</summary>
    public IReadOnlyList<string> VirtualDevices { get; init; } = [];

    /// <summary>The mdevs that are there from the start, created in this order.</summary>
    public IReadOnlyList<MdevDescription> Mdevs { get; init; } = [];

    /// <summary>The vDPA devices, in the order of their nodes.</summary>
    public IReadOnlyList<VdpaDescription> VdpaDevices { get; init; } = [];

    /// <summary>The type of the groups' default domains, as long as nobody changes it.</summary>
    public DomainType DefaultDomain { get; init; } = DomainType.Dma;

    /// <summary>How many PASIDs an open /dev/sva may have that nobody allowed more.</summary>
    public int PasidQuota { get; init; } = PasidOwner.DefaultQuota;

    /// <summary>The built-in unit, and no devices.</summary>
    public static MachineDescription Empty { get; } =
        new() { Units = [UnitDescription.Default] };

    /// <summary>
    /// The PCI segment of devices that nobody gave an address. Hosts number theirs from 0, and from 0x10000 behind VMD:
    /// none of their devices is hidden.
    /// </summary>
    internal const ushort OwnSegment = 0x1000;

    /// <summary>The built-in machine: one VT-d unit with an <c>edu</c> and a <c>dmatest</c> behind it.</summary>
    public static MachineDescription Default { get; } =
        Empty.WithDevice("edu@1000:00:03.0").WithDevice("dmatest@1000:00:04.0");

    /// <summary>The names of the device models, those of plug-ins that were loaded among them.</summary>
    public static IReadOnlyList<string> DeviceModels => [.. ModelRegistry.Models.Names];

    /// <summary>Reads a description from a file.</summary>
    /// <exception cref="MachineDescriptionException">It cannot be read, or something in it is wrong: the message has
    /// file and line.</exception>
    public static MachineDescription Load(string path)
    {
        try
        {
            return Parse(path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MachineDescriptionException($"{path}: cannot be read: {FileReasons.Of(e, path)}.", e);
        }
    }

    /// <summary>Reads a description from text.</summary>
    /// <param name="file">What to call it in complaints.</param>
    /// <param name="utf8">The text.</param>
    /// <exception cref="MachineDescriptionException">Something in it is wrong: the message has file and
    /// line.</exception>
    public static MachineDescription Parse(string file, byte[] utf8) => MachineParser.Parse(file, utf8);

    /// <summary>The same machine with one mdev more.</summary>
    /// <param name="typeAtParent">
    /// <c>TYPE@PARENT</c> or <c>TYPE@PARENT,uuid=UUID</c>. A parent that is no PCI function is added if it is missing.
    /// Without a UUID the mdev gets <c>6d646576-0000-4000-8000-</c> and its number from 1 on, as twelve hexadecimal
    /// digits.
    /// </param>
    /// <exception cref="MachineDescriptionException">Something in it is wrong.</exception>
    public MachineDescription WithMdev(string typeAtParent)
    {
        string[] words = typeAtParent.Split(',');
        if (words[0].Split('@', 2) is not [{ Length: > 0 } type, { Length: > 0 } parent] || words.Length > 2)
            throw Complain("expected TYPE@PARENT or TYPE@PARENT,uuid=UUID, such as mtty-1@mtty");
        if (RequesterId.TryParse(parent, out RequesterId function)) parent = function.ToString();
        Guid uuid = DefaultUuid(Mdevs.Count + 1);
        if (words.Length == 2 && !(words[1].StartsWith("uuid=", StringComparison.Ordinal)
            && Guid.TryParseExact(words[1]["uuid=".Length..], "D", out uuid)))
            throw Complain($"\"{words[1]}\" is not uuid=UUID");
        if (Mdevs.Any(mdev => mdev.Uuid == uuid)) throw Complain($"{uuid} is taken; give another UUID");
        bool isNew = MdevParentRegistry.Has(parent) && !VirtualDevices.Contains(parent);
        return this with
        {
            VirtualDevices = isNew ? [.. VirtualDevices, parent] : VirtualDevices,
            Mdevs = [.. Mdevs, new MdevDescription(type, parent, uuid)],
        };

        MachineDescriptionException Complain(string sentence) => new($"mdev \"{typeAtParent}\": {sentence}.");
    }

    /// <summary>The same machine with properties of its last PCI device.</summary>
    /// <param name="model">The device's model.</param>
    /// <param name="properties">The properties.</param>
    /// <exception cref="MachineDescriptionException">The model has no such property, or the value is
    /// wrong.</exception>
    internal MachineDescription WithProperties(string model, ReadOnlySpan<(string Name, string Value)> properties)
    {
        if (properties.Length == 0) return this;
        Dictionary<string, string> all = [];
        foreach ((string name, string value) in properties)
        {
            string? wrong = !ModelRegistry.Models.PropertiesOf(model).Contains(name)
                ? $"\"{name}\" is not a property of {model}"
                : ModelRegistry.Models.CheckProperty(model, name, value);
            if (wrong is null && !all.TryAdd(name, value)) wrong = $"{name} given twice";
            if (wrong is not null) throw new MachineDescriptionException($"device \"{model}\": {wrong}.");
        }

        return this with { Devices = [.. Devices.SkipLast(1), Devices[^1] with { Properties = all }] };
    }

    /// <summary>The UUID of the mdev with this number that nobody gave one.</summary>
    internal static Guid DefaultUuid(int number) => new(0x6d646576, 0, 0x4000, 0x80, 0, 0, 0,
        (byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number);

    /// <summary>The same machine with one device more, behind its first unit.</summary>
    /// <param name="modelAtAddress">
    /// <c>MODEL</c> or <c>MODEL@BDF</c>, and perhaps <c>,NAME=VALUE</c> for what its model can be told; without an
    /// address it gets the first free slot of bus 1000:00 from 3 on. With the word <c>vdpa</c> it is a vDPA device,
    /// <c>MODEL@NAME,vdpa</c>; without a name it is called vdpa0, vdpa1 and so on.
    /// </param>
    /// <exception cref="MachineDescriptionException">There is no such model, the address is none, or it is taken, or
    /// the model cannot be told that.</exception>
    public MachineDescription WithDevice(string modelAtAddress)
    {
        string[] words = modelAtAddress.Split(',');
        string[] parts = words[0].Split('@', 2);
        if (MdevParentRegistry.Has(modelAtAddress))
        {
            if (VirtualDevices.Contains(modelAtAddress)) throw Complain("there is one already");
            return this with { VirtualDevices = [.. VirtualDevices, modelAtAddress] };
        }

        if (words.AsSpan(1).Contains("vdpa")) return WithVdpa();
        if (ModelRegistry.Models.CheckModel(parts[0]) is { } wrong) throw Complain(wrong);
        RequesterId address = default;
        if (parts.Length == 1)
            address = Enumerable.Range(3, 29).Select(d => new RequesterId(OwnSegment, 0, (byte)d, 0))
                .FirstOrDefault(a => Devices.All(o => o.Address != a));
        else if (!RequesterId.TryParse(parts[1], out address))
            throw Complain($"\"{parts[1]}\" is not an address such as 1000:00:05.0");
        if (parts.Length == 1 && address == default)
            throw Complain($"bus 1000:00 has no free slot; give an address as in {parts[0]}@1000:01:00.0");
        if (Devices.Any(d => d.Address == address)) throw Complain($"{address} is taken; give another address");
        var device = new DeviceDescription(parts[0], address, Units[0].Name, null,
            ParseProperties(ModelRegistry.Models, words.Skip(1)));
        return this with { Devices = [.. Devices, device] };

        MachineDescription WithVdpa()
        {
            if (VirtioModelRegistry.Models.CheckModel(parts[0]) is { } unknown) throw Complain(unknown);
            string name = parts.Length == 2 ? parts[1] : VdpaDescription.FreeName(VdpaDevices);
            if (!VdpaDescription.IsName(name)) throw Complain($"\"{name}\" cannot be the name of a vDPA device");
            if (VdpaDevices.Any(d => d.Name == name)) throw Complain($"{name} is taken; give another name");
            var vdpa = new VdpaDescription(name, parts[0], Units[0].Name, new Dictionary<string, string>());
            List<string> others = []; // the model's
            foreach (string word in words.Skip(1).Where(word => word != "vdpa"))
            {
                string[] own = word.Split('=', 2);
                if (own[0] is not ("va" or "sva" or "doorbells"))
                {
                    others.Add(word);
                    continue;
                }

                string value = own.Length == 2 ? own[1] : "";
                if (value is not ("on" or "off")) throw Complain($"\"{own[0]}\" is on or off, not \"{value}\"");
                bool isOn = value == "on";
                vdpa = own[0] switch
                {
                    "va" => vdpa with { UsesVirtualAddresses = isOn },
                    "sva" => vdpa with { UsesOwnersPointers = isOn },
                    _ => vdpa with { HasDoorbells = isOn },
                };
            }

            vdpa = vdpa with { Properties = ParseProperties(VirtioModelRegistry.Models, others) };
            return this with { VdpaDevices = [.. VdpaDevices, vdpa] };
        }

        Dictionary<string, string> ParseProperties<T>(ModelTable<T> models, IEnumerable<string> words)
        {
            Dictionary<string, string> properties = [];
            IReadOnlyList<string> known = models.PropertiesOf(parts[0]);
            foreach (string word in words)
            {
                string[] property = word.Split('=', 2);
                if (property.Length != 2 || !known.Contains(property[0]))
                {
                    string expected = known.Count == 0
                        ? "it has none"
                        : "expected one of: " + string.Join(", ", known.Select(name => $"{name}=VALUE"));
                    throw Complain($"\"{word}\" is not a property of {parts[0]}; {expected}");
                }

                if (models.CheckProperty(parts[0], property[0], property[1]) is { } bad) throw Complain(bad);
                if (!properties.TryAdd(property[0], property[1])) throw Complain($"{property[0]} given twice");
            }

            return properties;
        }

        MachineDescriptionException Complain(string sentence) => new($"device \"{modelAtAddress}\": {sentence}.");
    }
}
