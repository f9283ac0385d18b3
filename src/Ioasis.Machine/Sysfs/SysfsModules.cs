namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The kernel modules of VFIO and iommufd, as a kernel shows them that has loaded them. Programs look here for whether
/// there is VFIO at all: DPDK, and so SPDK, leaves it out without <c>/sys/module/vfio</c> and <c>vfio_pci</c>. What is
/// written to a parameter is kept, and changes nothing.
/// </summary>
internal sealed class SysfsModules
{
    private const string Root = "/sys/module";

    private readonly Module[] _modules =
    [
        new("iommufd", ["vfio"], Flag("allow_unsafe_interrupts", false)),
        new("vfio", ["vfio_iommu_type1", "vfio_pci_core"]),
        new("vfio_iommu_type1", [], Flag("allow_unsafe_interrupts", false), Flag("disable_hugepages", false),
            new Number("dma_entry_limit", ushort.MaxValue)),
        new("vfio_pci_core", ["vfio_pci"]),
        new("vfio_pci", [], new Constant("disable_denylist", "N"), Flag("disable_idle_d3", true),
            Flag("enable_sriov", true), Flag("nointxmask", false)),
    ];

    /// <summary>Adds them.</summary>
    internal void Add(SysfsTree tree)
    {
        tree.Directory(Root);
        foreach (Module module in _modules) module.Add(tree);
        tree.Directory($"{Root}/vfio_pci/drivers", merged: false);
        tree.Link($"{Root}/vfio_pci/drivers/pci:vfio-pci", SysfsDriver.Directory);
    }

    private static Switch Flag(string name, bool isOn) => new(name, isOn);

    private sealed class Module(string name, string[] holders, params Parameter[] parameters)
    {
        internal void Add(SysfsTree tree)
        {
            string directory = $"{Root}/{name}";
            tree.Directory(directory, merged: false);
            tree.Text($"{directory}/initstate", "live");
            tree.Text($"{directory}/refcnt", SysfsTree.Decimal(holders.Length));
            tree.Text($"{directory}/taint", "");
            tree.Directory($"{directory}/holders", merged: false);
            foreach (string holder in holders) tree.Link($"{directory}/holders/{holder}", $"{Root}/{holder}");
            if (parameters.Length == 0) return;
            tree.Directory($"{directory}/parameters", merged: false);
            foreach (Parameter parameter in parameters)
                tree.Text($"{directory}/parameters/{parameter.Name}", () => parameter.Text, parameter.Take);
        }
    }

    private abstract class Parameter(string name)
    {
        internal string Name => name;

        internal abstract string Text { get; }

        /// <summary>Takes what is written; null where nothing can be written.</summary>
        internal virtual Action<ReadOnlyMemory<byte>>? Take => null;
    }

    private sealed class Constant(string name, string text) : Parameter(name)
    {
        internal override string Text => text;
    }

    /// <summary>Y or N (Linux: kstrtobool).</summary>
    private sealed class Switch(string name, bool isOn) : Parameter(name)
    {
        private volatile bool _isOn = isOn;

        internal override string Text => _isOn ? "Y" : "N";

        internal override Action<ReadOnlyMemory<byte>> Take => text =>
        {
            string line = SysfsText.Line(text.Span);
            if (line.StartsWith("on", StringComparison.OrdinalIgnoreCase)
                || line is ['y' or 'Y' or 't' or 'T' or '1', ..]) _isOn = true;
            else if (line.StartsWith("of", StringComparison.OrdinalIgnoreCase)
                || line is ['n' or 'N' or 'f' or 'F' or '0', ..]) _isOn = false;
        };
    }

    private sealed class Number(string name, uint value) : Parameter(name)
    {
        private volatile uint _value = value;

        internal override string Text => SysfsTree.Decimal(_value);

        internal override Action<ReadOnlyMemory<byte>> Take => text =>
        {
            if (SysfsNumber.TryParse(text.Span, out ulong number) && number <= uint.MaxValue) _value = (uint)number;
        };
    }
}
