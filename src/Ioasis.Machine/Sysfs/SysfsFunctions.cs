using System.Globalization;
using System.Numerics;
using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Machine.Nodes;

namespace Ioasis.Machine.Sysfs;

/// <summary>
/// The PCI functions: their directories, and where else they are seen (Linux: drivers/pci/pci-sysfs.c).
/// </summary>
internal static class SysfsFunctions
{
    /// <summary>Adds a function.</summary>
    internal static void Add(SysfsTree tree, SysfsFunction function)
    {
        string directory = function.Directory, unit = SysfsUnits.DirectoryOf(function.Unit);
        tree.Directory(function.RootBus);
        tree.Directory(directory, merged: false);
        AddIdentity(tree, function, directory);
        AddSettings(tree, function.Settings, directory);
        AddPower(tree, function.Settings, $"{directory}/power");
        if (function.Function.IsExpress) AddLink(tree, directory);
        if (function.Sriov is { } sriov) Add(tree, sriov, directory);
        if (function.Virtual is var (physical, number))
        {
            tree.Link($"{directory}/physfn", $"{function.RootBus}/{physical}");
            tree.Link($"{function.RootBus}/{physical}/virtfn{number}", directory);
        }

        tree.Link($"{directory}/subsystem", "/sys/bus/pci");
        tree.Link($"/sys/bus/pci/devices/{function.Address}", directory);
        tree.Link($"{directory}/iommu", unit);
        tree.Link($"{unit}/devices/{function.Address}", directory);
        SysfsGroups.Add(tree, function.Group);
        SysfsGroups.AddMember(tree, function.Group.Id, $"{function.Address}", directory);
        if (function.DriverName is { } driver) AddToDriver(tree, function, directory, driver);
        if (function.Virtual is not null) return;
        tree.Add(new VirtualFile(
                $"{directory}/remove", static () => [], SysfsTree.OwnerAndGroupWrite)
        { Take = function.Remove });
        tree.WriteOnly($"{directory}/rescan", function.Rescan);
    }

    private static void AddIdentity(SysfsTree tree, SysfsFunction function, string directory)
    {
        PciFunction pci = function.Function;
        tree.Text($"{directory}/vendor", $"0x{pci.VendorId:x4}");
        tree.Text($"{directory}/device", $"0x{pci.DeviceId:x4}");
        tree.Text($"{directory}/subsystem_vendor", $"0x{pci.SubsystemVendorId:x4}");
        tree.Text($"{directory}/subsystem_device", $"0x{pci.SubsystemId:x4}");
        tree.Text($"{directory}/revision", $"0x{pci.Revision:x2}");
        tree.Text($"{directory}/class", $"0x{pci.ClassCode:x6}");
        tree.Text($"{directory}/modalias", Modalias(pci));
        tree.Text($"{directory}/irq", SysfsTree.Decimal(function.Interrupt));
        tree.Text($"{directory}/resource", SysfsResources.TextOf(function));
        tree.Text($"{directory}/local_cpus", () => SysfsProcessors.Mask);
        tree.Text($"{directory}/local_cpulist", () => SysfsProcessors.List);
        tree.Text($"{directory}/dma_mask_bits", () => Bits(function.Dma()?.Mask));
        tree.Text($"{directory}/consistent_dma_mask_bits", () => Bits(function.Dma()?.CoherentMask));
        tree.Text($"{directory}/ari_enabled", "0");
        tree.Text($"{directory}/uevent", () => Uevent(function), SysfsTree.Ignore);
        tree.Add(new VirtualFile($"{directory}/config", function.Config.Read, SysfsTree.OwnerWrites)
        {
            Size = function.ConfigSize,
            Bytes = function.Config,
            CountForEverybody = PciRegs.PCI_STD_HEADER_SIZEOF,
        });
        foreach (Bar bar in pci.Bars)
        {
            string resource = $"{directory}/resource{bar.Index}";
            tree.Add(new VirtualFile(resource, static () => [], SysfsTree.OnlyOwner)
            {
                Size = (long)bar.Size,
                IsRegion = true
            });
            if (bar.IsPrefetchable)
                tree.Add(new VirtualFile($"{resource}_wc", static () => [],
                    SysfsTree.OnlyOwner)
                { Size = (long)bar.Size, IsRegion = true });
        }
    }

    // vfio-pci sets no mask, so it is the one that each function begins with.
    private static string Bits(ulong? mask) =>
        SysfsTree.Decimal(64 - BitOperations.LeadingZeroCount(mask ?? uint.MaxValue));

    private static void AddSettings(SysfsTree tree, FunctionSettings settings, string directory)
    {
        tree.Text($"{directory}/driver_override", () => settings.DriverOverride ?? "(null)",
            settings.SetDriverOverride);
        tree.Text($"{directory}/broken_parity_status", () => settings.BrokenParity.Text, settings.BrokenParity.Set);
        tree.Text($"{directory}/d3cold_allowed", () => settings.D3coldAllowed.Text, settings.D3coldAllowed.Set);
        tree.Text($"{directory}/msi_bus", () => settings.MsiAllowed.Text, settings.MsiAllowed.Set);
        tree.Text($"{directory}/enable", () => "0", SysfsTree.Ignore); // EBUSY on Linux while there is a driver
        tree.Text($"{directory}/numa_node", () => "-1", SysfsTree.Ignore);
        tree.Text($"{directory}/reset_method", () => string.Join(' ', settings.ResetMethods), settings.SetResetMethods);
        tree.WriteOnly($"{directory}/reset", settings.Reset);
    }

    // As vfio-pci leaves a function with disable_idle_d3: nobody has it sleep.
    private static void AddPower(SysfsTree tree, FunctionSettings settings, string directory)
    {
        tree.Directory(directory, merged: false);
        tree.Text($"{directory}/control", () => settings.PowerControl, settings.SetPowerControl);
        tree.Text($"{directory}/runtime_status", "active");
        tree.Text($"{directory}/runtime_active_time", () => SysfsTree.Decimal(Environment.TickCount64));
        tree.Text($"{directory}/runtime_suspended_time", "0");
        tree.Text($"{directory[..^"/power".Length]}/power_state", "D0");
    }

    // The link that the PCI Express capability tells of.
    private static void AddLink(SysfsTree tree, string directory)
    {
        foreach (string which in (string[])["current", "max"])
        {
            tree.Text($"{directory}/{which}_link_speed", "2.5 GT/s PCIe");
            tree.Text($"{directory}/{which}_link_width", "1");
        }
    }

    private static void Add(SysfsTree tree, PciSriov sriov, string directory)
    {
        tree.Text($"{directory}/sriov_totalvfs", SysfsTree.Decimal(sriov.Layout.TotalVfs));
        tree.Text($"{directory}/sriov_offset", SysfsTree.Decimal(sriov.Layout.FirstVfOffset));
        tree.Text($"{directory}/sriov_stride", SysfsTree.Decimal(sriov.Layout.VfStride));
        tree.Text($"{directory}/sriov_vf_device", $"{sriov.Layout.VirtualFunction.DeviceId:x}");
        tree.Text($"{directory}/sriov_vf_total_msix", "0");
        tree.Text($"{directory}/sriov_drivers_autoprobe", () => sriov.Autoprobe.Text, sriov.Autoprobe.Set);
        string numVfs = $"{directory}/sriov_numvfs";
        tree.Add(new VirtualFile(numVfs, () => SysfsTree.Line(SysfsTree.Decimal(sriov.NumVfs)),
                SysfsTree.OwnerWrites)
        { Store = sriov.Store });
    }

    private static void AddToDriver(SysfsTree tree, SysfsFunction function, string directory, string driver)
    {
        string folder = SysfsDriver.DirectoryOf(driver);
        tree.Link($"{directory}/driver", folder);
        tree.Link($"{folder}/{function.Address}", directory);
        if (driver != PciDriver.Name) return;
        string vfio = $"vfio{function.VfioMinor}";
        tree.Directory($"{directory}/vfio-dev", merged: false);
        tree.Device($"{directory}/vfio-dev/{vfio}", "vfio-dev", vfio, function.VfioDevice, $"vfio/devices/{vfio}");
        tree.Link($"{directory}/vfio-dev/{vfio}/device", directory);
    }

    private static string Modalias(PciFunction pci) => string.Create(
        CultureInfo.InvariantCulture,
        $"pci:v{pci.VendorId:X8}d{pci.DeviceId:X8}sv{pci.SubsystemVendorId:X8}sd{pci.SubsystemId:X8}"
        + $"bc{pci.ClassCode >> 16:X2}sc{(pci.ClassCode >> 8) & 0xff:X2}i{pci.ClassCode & 0xff:X2}");

    private static string Uevent(SysfsFunction function)
    {
        PciFunction pci = function.Function;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{(function.DriverName is { } driver ? $"DRIVER={driver}\n" : "")}PCI_CLASS={pci.ClassCode:X}\n"
            + $"PCI_ID={pci.VendorId:X4}:{pci.DeviceId:X4}\n"
            + $"PCI_SUBSYS_ID={pci.SubsystemVendorId:X4}:{pci.SubsystemId:X4}\n"
            + $"PCI_SLOT_NAME={function.Address}\nMODALIAS={Modalias(pci)}");
    }
}
