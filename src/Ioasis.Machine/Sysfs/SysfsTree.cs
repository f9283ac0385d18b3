using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Core.Units;
using Ioasis.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Machine.Sysfs;

/// <summary>The part of sysfs that tells of our devices, laid out as Linux lays it out: directories in /sys/devices, links elsewhere.</summary>
internal sealed class SysfsTree
{
    private const string Driver = "/sys/bus/pci/drivers/vfio-pci";
    private readonly Dictionary<string, VirtualPath> _paths = [];

    private SysfsTree()
    {
    }

    /// <summary>Builds the tree.</summary>
    internal static IEnumerable<VirtualPath> Build(
        IEnumerable<IommuUnit> units, IEnumerable<SysfsFunction> functions,
        IEnumerable<(int Id, (uint Major, uint Minor) Number)> groups, IEnumerable<(string Name, INode Node)> miscellaneous)
    {
        var tree = new SysfsTree();
        foreach (string merged in (string[])["/sys/bus/pci", "/sys/bus/pci/devices", "/sys/bus/pci/drivers", "/sys/class", "/sys/class/vfio", "/sys/class/vfio-dev",
                                             "/sys/class/iommu", "/sys/class/misc", "/sys/kernel/iommu_groups", "/sys/dev/char"])
            tree.Directory(merged);
        tree.Directory(Driver);
        SysfsModules.Add(tree);
        foreach (IommuUnit unit in units) tree.Add(unit);
        foreach ((string name, INode node) in miscellaneous)
            tree.Device($"/sys/devices/virtual/misc/{name}", "misc", name, (node.Major, node.Minor), node.Path["/dev/".Length..]);
        foreach (SysfsFunction function in functions) tree.Add(function);
        foreach ((int id, (uint Major, uint Minor) number) in groups)
            tree.Device($"/sys/devices/virtual/vfio/{id}", "vfio", Decimal(id), number, $"vfio/{id}");
        return tree._paths.Values;
    }

    private void Add(IommuUnit unit)
    {
        string directory = $"/sys/devices/virtual/iommu/{unit.Name}";
        Directory(directory);
        Directory($"{directory}/devices");
        Link($"{directory}/subsystem", "/sys/class/iommu");
        Link($"/sys/class/iommu/{unit.Name}", directory);
        if (unit.HardwareInfo.Type != IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD) return;
        Directory($"{directory}/intel-iommu");
        ReadOnlySpan<byte> info = unit.HardwareInfo.Data.Span; // flags, reserved, cap_reg, ecap_reg (linux/iommufd.h)
        Text($"{directory}/intel-iommu/cap", $"{BitConverter.ToUInt64(info[8..]):x}");
        Text($"{directory}/intel-iommu/ecap", $"{BitConverter.ToUInt64(info[16..]):x}");
        Text($"{directory}/intel-iommu/version", "1:0");
    }

    private void Add(SysfsFunction function)
    {
        string directory = function.Directory, unit = $"/sys/devices/virtual/iommu/{function.Unit}";
        PciFunction pci = function.Function;
        Directory(function.RootBus);
        Directory(directory, merged: false);
        Text($"{directory}/vendor", $"0x{pci.VendorId:x4}");
        Text($"{directory}/device", $"0x{pci.DeviceId:x4}");
        Text($"{directory}/subsystem_vendor", $"0x{pci.SubsystemVendorId:x4}");
        Text($"{directory}/subsystem_device", $"0x{pci.SubsystemId:x4}");
        Text($"{directory}/revision", $"0x{pci.Revision:x2}");
        Text($"{directory}/class", $"0x{pci.ClassCode:x6}");
        Text($"{directory}/irq", Decimal(function.Interrupt));
        Text($"{directory}/numa_node", "-1");
        Text($"{directory}/enable", "0");
        Text($"{directory}/driver_override", "(null)");
        Text($"{directory}/modalias", Modalias(pci));
        Text($"{directory}/uevent", Uevent(function));
        Text($"{directory}/resource", Resources(function));
        _paths[$"{directory}/config"] = new VirtualFile($"{directory}/config", function.Config, 0x1a4 /* 0644 */);

        if (function.Sriov is { } sriov) Add(sriov, directory);
        if (function.Virtual is var (physical, number))
        {
            Link($"{directory}/physfn", $"{function.RootBus}/{physical}");
            Link($"{function.RootBus}/{physical}/virtfn{number}", directory);
        }

        Link($"{directory}/subsystem", "/sys/bus/pci");
        Link($"{directory}/driver", Driver);
        Link($"{directory}/iommu", unit);
        Link($"{unit}/devices/{function.Address}", directory);
        Link($"{Driver}/{function.Address}", directory);
        Link($"/sys/bus/pci/devices/{function.Address}", directory);

        string group = $"/sys/kernel/iommu_groups/{function.Group}";
        Directory(group, merged: false);
        Directory($"{group}/devices", merged: false);
        Text($"{group}/type", "DMA");
        Link($"{directory}/iommu_group", group);
        Link($"{group}/devices/{function.Address}", directory);

        string vfio = $"vfio{function.VfioMinor}";
        Directory($"{directory}/vfio-dev", merged: false);
        Device($"{directory}/vfio-dev/{vfio}", "vfio-dev", vfio, function.VfioDevice, $"vfio/devices/{vfio}");
        Link($"{directory}/vfio-dev/{vfio}/device", directory);
    }

    private void Add(PciSriov sriov, string directory)
    {
        Text($"{directory}/sriov_totalvfs", Decimal(sriov.Layout.TotalVfs));
        Text($"{directory}/sriov_offset", Decimal(sriov.Layout.FirstVfOffset));
        Text($"{directory}/sriov_stride", Decimal(sriov.Layout.VfStride));
        Text($"{directory}/sriov_vf_device", $"{sriov.Layout.VirtualFunction.DeviceId:x}");
        Text($"{directory}/sriov_vf_total_msix", "0");
        Text($"{directory}/sriov_drivers_autoprobe", "1");
        string numVfs = $"{directory}/sriov_numvfs";
        _paths[numVfs] = new VirtualFile(numVfs, () => Line(Decimal(sriov.NumVfs)), 0x1a4 /* 0644 */) { Store = sriov.Store };
    }

    /// <summary>A character device: its directory, its class and its number.</summary>
    private void Device(string directory, string subsystem, string name, (uint Major, uint Minor) number, string node)
    {
        Directory(directory, merged: false);
        Text($"{directory}/dev", $"{number.Major}:{number.Minor}");
        Text($"{directory}/uevent", $"MAJOR={number.Major}\nMINOR={number.Minor}\nDEVNAME={node}");
        Link($"{directory}/subsystem", $"/sys/class/{subsystem}");
        Link($"/sys/class/{subsystem}/{name}", directory);
        Link($"/sys/dev/char/{number.Major}:{number.Minor}", directory);
    }

    /// <summary>A directory; its parents are the host's as well as ours.</summary>
    internal void Directory(string path, bool merged = true)
    {
        string parent = path[..path.LastIndexOf('/')];
        if (parent.Length > "/sys".Length && !_paths.ContainsKey(parent)) Directory(parent);
        _paths.TryAdd(path, new VirtualDirectory(path, merged));
    }

    /// <summary>A file with one text.</summary>
    internal void Text(string path, string line) =>
        _paths[path] = new VirtualFile(path, () => Line(line));

    private static byte[] Line(string text) => Encoding.ASCII.GetBytes(text + "\n");

    /// <summary>A link, with the relative text that sysfs would give it.</summary>
    internal void Link(string path, string target)
    {
        string[] from = path.Split('/')[..^1], to = target.Split('/');
        int common = 0;
        while (common < from.Length && common < to.Length && from[common] == to[common]) common++;
        string text = string.Join('/', Enumerable.Repeat("..", from.Length - common).Concat(to[common..]));
        _paths[path] = new VirtualLink(path, text);
    }

    private static string Modalias(PciFunction pci) => string.Create(
        CultureInfo.InvariantCulture,
        $"pci:v{pci.VendorId:X8}d{pci.DeviceId:X8}sv{pci.SubsystemVendorId:X8}sd{pci.SubsystemId:X8}bc{pci.ClassCode >> 16:X2}sc{(pci.ClassCode >> 8) & 0xff:X2}i{pci.ClassCode & 0xff:X2}");

    private static string Uevent(SysfsFunction function)
    {
        PciFunction pci = function.Function;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"DRIVER=vfio-pci\nPCI_CLASS={pci.ClassCode:X}\nPCI_ID={pci.VendorId:X4}:{pci.DeviceId:X4}\nPCI_SUBSYS_ID={pci.SubsystemVendorId:X4}:{pci.SubsystemId:X4}\nPCI_SLOT_NAME={function.Address}\nMODALIAS={Modalias(pci)}");
    }

    /// <summary>First and last address and flags of six BARs, the ROM, and those of all virtual functions together.</summary>
    private static string Resources(SysfsFunction function)
    {
        const int rom = 6, all = 13;
        var lines = new string[all];
        for (int i = 0; i < all; i++)
        {
            lines[i] = i < rom ? Resource(function.Function, i, function.BarAddresses, 1)
                : i > rom && function.Sriov is { } sriov ? Resource(sriov.Layout.VirtualFunction, i - rom - 1, sriov.Physical.Vfio.VfBarAddresses, sriov.Layout.TotalVfs)
                : Resource(null, i, [], 0);
        }

        return string.Join('\n', lines);
    }

    private static string Resource(PciFunction? function, int index, IReadOnlyList<ulong> addresses, int count)
    {
        const ulong memory = 0x200, sizeAligned = 0x40000, prefetchable = 0x2000, wide = 0x100000;
        Bar? bar = function?.Bars.FirstOrDefault(b => b.Index == index);
        ulong first = bar is null ? 0 : addresses[index], last = bar is null ? 0 : first + (bar.Size * (uint)count) - 1;
        ulong flags = bar is null ? 0 : memory | sizeAligned | (bar.IsPrefetchable ? prefetchable : 0) | (bar.Is64Bit ? wide : 0);
        return string.Create(CultureInfo.InvariantCulture, $"0x{first:x16} 0x{last:x16} 0x{flags:x16}");
    }

    private static string Decimal(int number) => number.ToString(CultureInfo.InvariantCulture);
}
