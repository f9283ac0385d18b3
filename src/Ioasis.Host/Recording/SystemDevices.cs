using System.Globalization;
using System.Text.Json.Nodes;
using Ioasis.Core.Units;
using Ioasis.Units;

namespace Ioasis.Host.Recording;

/// <summary>
/// The devices of the system beneath, as sysfs has them: a recording describes a machine that is like it.
/// </summary>
internal static class SystemDevices
{
    private const string Functions = "/sys/bus/pci/devices", Units = "/sys/class/iommu", NvmeClass = "0x010802";

    private static readonly Dictionary<(string Vendor, string Device), string> s_models = new()
    {
        [("0x1234", "0x11e8")] = "edu",
        [("0x1234", "0x11e9")] = "dmatest",
        [("0x1af4", "0x1041")] = "virtio-net",
        [("0x1af4", "0x1042")] = "virtio-blk",
        [("0x8086", "0x0b25")] = "dsa",
        [("0x8086", "0x2021")] = "ioat",
    };

    /// <summary>
    /// The address of the PCI function that a VFIO node is of, of a group the first one's; null for none.
    /// </summary>
    public static string? OfNode(string path)
    {
        const string cdev = "/dev/vfio/devices/", group = "/dev/vfio/";
        if (path.StartsWith(cdev, StringComparison.Ordinal))
        {
            string name = path[cdev.Length..];
            return Addresses().FirstOrDefault(a => Directory.Exists($"{Functions}/{a}/vfio-dev/{name}"));
        }

        return path.StartsWith(group, StringComparison.Ordinal)
            && int.TryParse(path.AsSpan(group.Length), CultureInfo.InvariantCulture, out int number)
            ? Addresses().FirstOrDefault(a => GroupOf(a) == number)
            : null;
    }

    /// <summary>
    /// A machine with a unit as the system's first one, and a device of ours for each function that programs can have
    /// now, as the first line of a recording has it. A function that we have no model of is told.
    /// </summary>
    /// <param name="tell">Is told a sentence for the user.</param>
    public static JsonObject Describe(Action<string> tell)
    {
        var devices = new JsonArray();
        foreach (string address in Addresses().Where(a => Directory.Exists($"{Functions}/{a}/vfio-dev")
            || Path.GetFileName(LinkOf($"{Functions}/{a}/driver")) == "vfio-pci"))
        {
            string vendor = Attribute(address, "vendor"), device = Attribute(address, "device");
            if (ModelOf(vendor, device, Attribute(address, "class")) is not { } model)
            {
                tell($"there is no model of {address} ({vendor[2..]}:{device[2..]}): a replay on a machine of ours "
                    + "cannot open it");
                continue;
            }

            var described = new JsonObject { ["model"] = model, ["address"] = address };
            if (GroupOf(address) is { } group) described["group"] = group;
            devices.Add((JsonNode)described);
        }

        return new JsonObject
        {
            ["system"] = $"Linux {Environment.OSVersion.Version}",
            ["options"] = new JsonArray(),
            ["description"] = new JsonObject
            {
                ["units"] = new JsonArray { (JsonNode)(Unit() ?? new JsonObject { ["name"] = "dmar0" }) },
                ["devices"] = devices,
            },
        };
    }

    // The first unit, as the built-in drivers know it.
    private static JsonObject? Unit()
    {
        if (!Directory.Exists(Units)) return null;
        foreach (string unit in Directory.EnumerateFileSystemEntries(Units).Order(StringComparer.Ordinal))
        {
            foreach (IommuDriver driver in BuiltInDrivers.All)
            {
                if (driver.DescribeSystem?.Invoke(name => TextOf($"{unit}/{name}")) is not { } properties) continue;
                var described = new JsonObject { ["name"] = Path.GetFileName(unit), ["driver"] = driver.Name };
                foreach ((string name, object value) in properties)
                    described[name] = value is bool flag ? flag : (int)value;
                return described;
            }
        }

        return null;
    }

    /// <summary>The model of ours that a function is like; null for none.</summary>
    internal static string? ModelOf(string vendor, string device, string kind) =>
        kind == NvmeClass ? "nvme" : s_models.GetValueOrDefault((vendor, device));

    private static IEnumerable<string> Addresses() =>
        Directory.Exists(Functions) ? Directory.EnumerateFileSystemEntries(Functions).Select(f => Path.GetFileName(f)!)
            .Order(StringComparer.Ordinal) : [];

    private static int? GroupOf(string address) =>
        int.TryParse(Path.GetFileName(LinkOf($"{Functions}/{address}/iommu_group")), CultureInfo.InvariantCulture,
            out int number) ? number : null;

    private static string? LinkOf(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.FullName;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string Attribute(string address, string name) =>
        TextOf($"{Functions}/{address}/{name}") ?? "0x0000";

    private static string? TextOf(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
