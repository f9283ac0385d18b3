namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The kernel modules of VFIO and iommufd, as a kernel shows them that has loaded them. Programs look here for whether there is VFIO at all:
/// DPDK, and so SPDK, leaves it out without <c>/sys/module/vfio</c> and <c>vfio_pci</c>.
/// </summary>
internal static class SysfsModules
{
    private const string Root = "/sys/module";

    /// <summary>Adds them.</summary>
    internal static void Add(SysfsTree tree)
    {
        tree.Directory(Root);
        Module(tree, "iommufd", ["vfio"], ("allow_unsafe_interrupts", "N"));
        Module(tree, "vfio", ["vfio_iommu_type1", "vfio_pci_core"]);
        Module(tree, "vfio_iommu_type1", [], ("allow_unsafe_interrupts", "N"), ("disable_hugepages", "N"), ("dma_entry_limit", "65535"));
        Module(tree, "vfio_pci_core", ["vfio_pci"]);
        Module(tree, "vfio_pci", [], ("disable_denylist", "N"), ("disable_idle_d3", "Y"), ("enable_sriov", "Y"), ("nointxmask", "N"));
        tree.Directory($"{Root}/vfio_pci/drivers", merged: false);
        tree.Link($"{Root}/vfio_pci/drivers/pci:vfio-pci", SysfsDriver.Directory);
    }

    private static void Module(SysfsTree tree, string name, ReadOnlySpan<string> holders, params ReadOnlySpan<(string Name, string Value)> parameters)
    {
        string directory = $"{Root}/{name}";
        tree.Directory(directory, merged: false);
        tree.Text($"{directory}/initstate", "live");
        tree.Text($"{directory}/refcnt", SysfsTree.Decimal(holders.Length));
        tree.Text($"{directory}/taint", "");
        tree.Directory($"{directory}/holders", merged: false);
        foreach (string holder in holders) tree.Link($"{directory}/holders/{holder}", $"{Root}/{holder}");
        if (parameters.IsEmpty) return;
        tree.Directory($"{directory}/parameters", merged: false);
        foreach ((string parameter, string value) in parameters) tree.Text($"{directory}/parameters/{parameter}", value);
    }
}
