using System.Globalization;
using System.Text;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Drivers;
using Ioasis.Machine.Nodes;
using Ioasis.Passthrough.Mdev;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The part of sysfs that tells of our devices, laid out as Linux lays it out: directories in /sys/devices, links
/// elsewhere.
/// </summary>
internal sealed class SysfsTree
{
    /// <summary>Modes of attributes that can be written: 0644, 0200, 0220 and 0600.</summary>
    internal const uint OwnerWrites = 0x1a4, OnlyOwnerWrites = 0x80, OwnerAndGroupWrite = 0x90, OnlyOwner = 0x180;

    private readonly Dictionary<string, VirtualPath> _paths = [];

    private SysfsTree()
    {
    }

    /// <summary>Takes what is written and does nothing with it.</summary>
    internal static Action<ReadOnlyMemory<byte>> Ignore { get; } = static _ => { };

    /// <summary>Builds the tree.</summary>
    internal static IEnumerable<VirtualPath> Build(
        PciDriver driver, IEnumerable<HostDriver> hostDrivers, SysfsModules modules, IEnumerable<IommuUnit> units,
        IEnumerable<SysfsFunction> functions,
        IEnumerable<VfioGroup> groups,
        IEnumerable<(string Name, INode Node)> miscellaneous, MdevBus mdevBus,
        IReadOnlyList<MdevParent> mdevParents, IEnumerable<MdevDevice> mdevs,
        VdpaDriver vdpaDriver, IReadOnlyList<MachineVdpa> vdpaDevices)
    {
        var tree = new SysfsTree();
        foreach (string merged in (string[])["/sys/bus/pci", "/sys/bus/pci/devices", "/sys/bus/pci/drivers",
            "/sys/class", "/sys/class/vfio", "/sys/class/vfio-dev",
                                             "/sys/class/iommu", "/sys/class/misc", "/sys/kernel/iommu_groups",
                                                 "/sys/dev/char"])
            tree.Directory(merged);
        SysfsDriver.Add(tree, driver);
        foreach (HostDriver host in hostDrivers) SysfsDriver.Add(tree, driver, host);
        modules.Add(tree);
        foreach (IommuUnit unit in units) SysfsUnits.Add(tree, unit);
        foreach ((string name, INode node) in miscellaneous)
            tree.Device($"/sys/devices/virtual/misc/{name}", "misc", name, (node.Major, node.Minor),
                node.Path["/dev/".Length..]);
        foreach (SysfsFunction function in functions) SysfsFunctions.Add(tree, function);
        foreach (VfioGroup group in groups)
        {
            tree.Device($"/sys/devices/virtual/vfio/{group.Id}", "vfio", Decimal(group.Id), (group.Major, group.Minor),
                $"vfio/{group.Id}");
            if (group.Name is { } name) SysfsGroups.AddEmulated(tree, group.Id, name);
        }

        SysfsMdevs.Add(tree, mdevBus, mdevParents, mdevs);
        SysfsVdpa.Add(tree, vdpaDriver, vdpaDevices);
        return tree._paths.Values;
    }

    /// <summary>A directory; its parents are the host's as well as ours.</summary>
    internal void Directory(string path, bool merged = true)
    {
        string parent = path[..path.LastIndexOf('/')];
        if (parent.Length > "/sys".Length && !_paths.ContainsKey(parent)) Directory(parent);
        _paths.TryAdd(path, new VirtualDirectory(path, merged));
    }

    /// <summary>What stands at its path, in a directory that is there.</summary>
    internal void Add(VirtualPath entry) => _paths[entry.Path] = entry;

    /// <summary>A file with one text that never changes.</summary>
    internal void Text(string path, string line) => Add(new VirtualFile(path, () => Line(line)));

    /// <summary>
    /// A file with a text that is made when it is opened; where its owner can write to it, what takes that.
    /// </summary>
    internal void Text(string path, Func<string> line, Action<ReadOnlyMemory<byte>>? take = null) =>
        Add(take is null ? new VirtualFile(path, () => Line(line())) : new VirtualFile(path, () => Line(line()),
            OwnerWrites)
        { Take = take });

    /// <summary>A file that its owner writes to, and nobody reads.</summary>
    internal void WriteOnly(string path, Action<ReadOnlyMemory<byte>> take) =>
        Add(new VirtualFile(path, static () => [], OnlyOwnerWrites) { Take = take });

    /// <summary>
    /// A link, with the relative text that sysfs would give it: the target's own name is always in it (Linux:
    /// kernfs_get_target_path).
    /// </summary>
    internal void Link(string path, string target)
    {
        string[] from = path.Split('/')[..^1], to = target.Split('/');
        int common = 0;
        while (common < from.Length && common < to.Length - 1 && from[common] == to[common]) common++;
        string text = string.Join('/', Enumerable.Repeat("..", from.Length - common).Concat(to[common..]));
        Add(new VirtualLink(path, text));
    }

    /// <summary>A character device: its directory, its class and its number.</summary>
    internal void Device(string directory, string subsystem, string name, (uint Major, uint Minor) number, string node)
    {
        Directory(directory, merged: false);
        Text($"{directory}/dev", $"{number.Major}:{number.Minor}");
        Text($"{directory}/uevent", () => $"MAJOR={number.Major}\nMINOR={number.Minor}\nDEVNAME={node}", Ignore);
        Link($"{directory}/subsystem", $"/sys/class/{subsystem}");
        Link($"/sys/class/{subsystem}/{name}", directory);
        Link($"/sys/dev/char/{number.Major}:{number.Minor}", directory);
    }

    /// <summary>A text as sysfs ends it.</summary>
    internal static byte[] Line(string text) => Encoding.ASCII.GetBytes(text + "\n");

    internal static string Decimal(long number) => number.ToString(CultureInfo.InvariantCulture);
}
