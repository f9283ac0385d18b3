using System.Text.Json;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Core.Units;
using Ioasis.Devices;
using Ioasis.Machine.Json;
using Ioasis.Memory;

namespace Ioasis.Machine.Description;

/// <summary>Reads a machine from JSON and says where what is wrong.</summary>
internal static class MachineParser
{
    internal static MachineDescription Parse(string file, byte[] utf8)
    {
        JsonNodeAt root;
        try
        {
            root = JsonNodeAt.Parse(utf8);
        }
        catch (JsonException e)
        {
            throw new MachineDescriptionException($"{file}:{e.LineNumber + 1}:{e.BytePositionInLine + 1}: "
                + $"this is not JSON: {e.Message.Split(" LineNumber")[0]}", e);
        }

        var machine = new JsonReaderAt(file, root, "a machine", "$schema", "units", "devices", "virtualDevices",
            "mdevs", "vdpa", "pasidQuota", "iommu");
        List<UnitDescription> units = [];
        foreach (JsonNodeAt item in machine.Array("units")) units.Add(ParseUnit(file, item, units));
        if (units.Count == 0) units.AddRange(MachineDescription.Empty.Units);

        List<DeviceDescription> devices = [];
        foreach (JsonNodeAt item in machine.Array("devices")) devices.Add(ParseDevice(file, item, units, devices));
        List<string> virtualDevices = [];
        foreach (JsonNodeAt item in machine.Array("virtualDevices"))
            virtualDevices.Add(ParseVirtual(machine, item, virtualDevices));
        List<MdevDescription> mdevs = [];
        foreach (JsonNodeAt item in machine.Array("mdevs")) mdevs.Add(ParseMdev(file, item, mdevs));
        List<VdpaDescription> vdpa = [];
        foreach (JsonNodeAt item in machine.Array("vdpa")) vdpa.Add(ParseVdpa(file, item, units, vdpa));
        int quota = ParseCount(machine, "pasidQuota", (int)Pasid.MaxValue, "there are only 1048575 PASIDs")
            ?? PasidOwner.DefaultQuota;
        return new MachineDescription
        {
            Units = units,
            Devices = devices,
            VirtualDevices = virtualDevices,
            Mdevs = mdevs,
            VdpaDevices = vdpa,
            PasidQuota = quota,
            DefaultDomain = machine.Find("iommu") is { } iommu ? ParseDefaultDomain(file, iommu) : DomainType.Dma,
        };
    }

    /// <summary>The type of default domains, in the words of Linux's boot options.</summary>
    private static DomainType ParseDefaultDomain(string file, JsonNodeAt item)
    {
        var iommu = new JsonReaderAt(file, item, "\"iommu\"", "passthrough", "strict");
        bool strict = iommu.Boolean("strict", true);
        return iommu.Boolean("passthrough", false) ? DomainType.Identity
            : strict ? DomainType.Dma : DomainType.DmaFlushQueue;
    }

    private static string ParseVirtual(JsonReaderAt machine, JsonNodeAt item, List<string> before)
    {
        string names = string.Join(", ", MdevParentRegistry.Names);
        if (item.Kind != JsonValueKind.String || !MdevParentRegistry.Has(item.Text))
            throw machine.Complain(item, $"there is no virtual device {JsonReaderAt.Show(item)}; there is {names}");
        if (before.Contains(item.Text)) throw machine.Complain(item, $"there is already a virtual device {item.Text}");
        return item.Text;
    }

    private static MdevDescription ParseMdev(string file, JsonNodeAt item, List<MdevDescription> before)
    {
        var mdev = new JsonReaderAt(file, item, "an mdev", "type", "parent", "uuid");
        string type = mdev.RequiredString("type", "such as \"mtty-1\"");
        string parent = mdev.RequiredString("parent", "such as \"mtty\"");
        Guid uuid = MachineDescription.DefaultUuid(before.Count + 1);
        if (mdev.String("uuid") is { } text && !Guid.TryParseExact(text, "D", out uuid))
            throw mdev.Complain("uuid", $"\"{text}\" is no UUID such as {MachineDescription.DefaultUuid(1)}");
        if (before.Exists(m => m.Uuid == uuid)) throw mdev.Complain("uuid", $"{uuid} is taken; give another UUID");
        return new MdevDescription(type, parent, uuid);
    }

    private static VdpaDescription ParseVdpa(
        string file, JsonNodeAt item, List<UnitDescription> units, List<VdpaDescription> before)
    {
        var device = new JsonReaderAt(
            file, item, "a vDPA device", "model", "name", "unit", "va", "sva", "doorbells", "properties");
        string model = device.RequiredString("model", "such as \"virtio-net\"");
        if (VirtioModelRegistry.Models.CheckModel(model) is { } unknown) throw device.Complain("model", unknown);
        string name = device.String("name") ?? VdpaDescription.FreeName(before);
        if (!VdpaDescription.IsName(name))
            throw device.Complain("name", $"\"{name}\" cannot be the name of a vDPA device");
        if (before.Exists(d => d.Name == name)) throw device.Complain("name", $"{name} is taken; give another name");
        return new VdpaDescription(name, model, ParseUnitName(device, units),
            ParseProperties(file, model, device.Find("properties"), VirtioModelRegistry.Models.PropertiesOf(model),
                VirtioModelRegistry.Models.CheckProperty))
        {
            UsesVirtualAddresses = device.Boolean("va", false),
            UsesOwnersPointers = device.Boolean("sva", false),
            HasDoorbells = device.Boolean("doorbells", false),
        };
    }

    private static string ParseUnitName(JsonReaderAt device, List<UnitDescription> units)
    {
        string unit = device.String("unit") ?? units[0].Name;
        if (units.Exists(u => u.Name == unit)) return unit;
        throw device.Complain("unit",
            $"there is no unit \"{unit}\"; expected one of: {string.Join(", ", units.Select(u => u.Name))}");
    }

    private static UnitDescription ParseUnit(string file, JsonNodeAt item, List<UnitDescription> before)
    {
        JsonReaderAt unit = JsonReaderAt.Open(file, item, "a unit");
        string driver = unit.String("driver") ?? DriverRegistry.Default.Name;
        if (DriverRegistry.Check(driver) is { } unknown) throw unit.Complain("driver", unknown);
        if (driver != DriverRegistry.Default.Name)
            unit = JsonReaderAt.Open(file, item, $"a unit of the driver {driver}");
        var properties = new JsonUnitProperties(unit);
        string? name = properties.String("name");
        _ = properties.String("driver");
        Func<string, UnitProperties, IommuUnit> create = DriverRegistry.Find(driver).Create;
        create(name ?? "", properties); // reads all that the driver knows
        properties.CheckAllAsked();
        name = unit.RequiredString("name", "such as \"dmar0\"");
        if (!UnitDescription.IsName(name))
            throw unit.Complain("name", $"\"{name}\" cannot be the name of a unit: it names a folder of sysfs");
        if (before.Exists(u => u.Name == name))
            throw unit.Complain("name", $"there is already a unit \"{name}\"; give each its own name");
        return new UnitDescription(name, called => create(called, properties));
    }

    private static DeviceDescription ParseDevice(
        string file, JsonNodeAt item, List<UnitDescription> units, List<DeviceDescription> before)
    {
        var device = new JsonReaderAt(file, item, "a device", "model", "address", "unit", "group", "pasidBits", "ats",
            "pri", "mappable", "untrusted", "properties");
        string model = device.RequiredString("model", "such as \"edu\"");
        if (ModelRegistry.Models.CheckModel(model) is { } unknown) throw device.Complain("model", unknown);
        string text = device.RequiredString("address", "such as \"1000:00:03.0\"");
        if (!RequesterId.TryParse(text, out RequesterId address))
            throw device.Complain("address", $"\"{text}\" is not an address such as 1000:00:03.0");
        if (before.Exists(d => d.Address == address))
            throw device.Complain("address", $"{address} is taken; give each device its own address");
        string unit = ParseUnitName(device, units);
        ulong? group = device.Unsigned("group");
        if (group > int.MaxValue)
            throw device.Complain("group", $"a group's number is at most {int.MaxValue}, not {group}");
        if (before.Find(d => group is not null && d.Group == (int)group) is { } member && member.Unit != unit)
            throw device.Complain("group",
                $"group {group} is behind {member.Unit}; the devices of a group share one unit");
        return Restrict(device, new DeviceDescription(model, address, unit, (int?)group,
                ParseProperties(file, model, device.Find("properties"), ModelRegistry.Models.PropertiesOf(model),
                    ModelRegistry.Models.CheckProperty))
        {
            Mappable = device.Boolean("mappable", true),
            Untrusted = device.Boolean("untrusted", false),
        });
    }

    /// <summary>What a device is to have less than its model; it cannot have more.</summary>
    private static DeviceDescription Restrict(JsonReaderAt device, DeviceDescription description)
    {
        if (device.Find("pasidBits") is null && device.Find("ats") is null && device.Find("pri") is null)
            return description;
        PciFunction function =
            ModelRegistry.Models[description.Model].Create(description.Properties, new NetHubs()).Function;
        bool ats = device.Boolean("ats", function.HasAts);
        if (ats && !function.HasAts) throw device.Complain("ats", $"{description.Model} has no ATS");
        int? pageRequests = ParseCount(device, "pri", function.PageRequests,
            $"{description.Model} has up to {function.PageRequests} page requests");
        if (pageRequests > 0 && !ats)
            throw device.Complain("pri", "page requests need ATS; leave \"pri\" out, or \"ats\": false");
        return description with
        {
            PasidBits = ParseCount(device, "pasidBits", function.PasidBits,
                $"{description.Model} has up to {function.PasidBits} PASID bits"),
            Ats = ats,
            PageRequests = pageRequests,
        };
    }

    private static int? ParseCount(JsonReaderAt reader, string name, int max, string rule)
    {
        ulong? count = reader.Unsigned(name);
        if (count > (ulong)max) throw reader.Complain(name, $"{rule}, not {count}");
        return (int?)count;
    }

    private static Dictionary<string, string> ParseProperties(string file, string model, JsonNodeAt? given,
        IReadOnlyList<string> names, Func<string, string, string, string?> check)
    {
        Dictionary<string, string> properties = [];
        if (given is null) return properties;
        var reader = new JsonReaderAt(
            file, given, $"\"properties\" of {model}", [.. names]);
        foreach ((string name, JsonNodeAt value) in given.Members)
        {
            if (check(model, name, value.Text) is { } wrong) throw reader.Complain(value, wrong);
            properties[name] = value.Text;
        }

        return properties;
    }
}
