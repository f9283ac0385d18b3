using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;
using Ioasis.Machine.Sysfs;
using Ioasis.Passthrough.Sva;
using Ioasis.Passthrough.Vfio;

namespace Ioasis.Machine;

/// <summary>The paths of the machine: nodes in /dev, sysfs and /proc.</summary>
public sealed partial class SoftwareMachine
{
    private void BuildPaths()
    {
        var paths = new Dictionary<string, VirtualPath>(StringComparer.Ordinal);
        SvaNode sva = _sva.Value;
        MachineDevice[] shown = [.. _devices.Where(d => !d.IsHidden && !d.IsRemoved)],
            bound = [.. shown.Where(d => d.Driver == DriverState.Bound)];
        VfioDevice[] vfio = [.. bound.Select(d => d.Vfio), .. _others];
        VfioGroup[] groups = [.. vfio.Concat(_leaving).Select(d => d.Group).OfType<VfioGroup>().Distinct()];
        IEnumerable<SysfsFunction> functions = shown.Select(d => new SysfsFunction(
            d.Requester, d.Function, d.Pci.BarAddresses, Interrupt: d.Function.HasInterruptPin ? 11 : 0, d.Unit,
            d.Endpoint.Group, (int)d.Vfio.Minor, (d.Vfio.Major, d.Vfio.Minor), d.Configuration)
        {
            Settings = d.Settings,
            DriverName = d.DriverName,
            Dma = () => d.HostFunction?.Dma,
            Remove = text => _driver.Remove(d, text),
            Rescan = _driver.Rescan,
            Sriov = d.Sriov,
            Virtual = d.Virtual,
        });
        foreach (VirtualPath path in SysfsTree.Build(_driver, _hostDrivers, _modules, Units, functions,
            groups, [("iommu", _iommu), ("sva", sva), ("vfio", _container)], _mdevBus,
            [.. _mdevBus.Parents.Where(p => !_mdevFunctions.TryGetValue(p, out MachineDevice? d) || OffersMdevs(d))],
            _mdevs, _vdpaDriver, _vdpa))
            paths.Add(path.Path, path);
        paths.Add("/dev/vfio", new VirtualDirectory("/dev/vfio", Merged: true));
        paths.Add("/dev/vfio/devices", new VirtualDirectory("/dev/vfio/devices", Merged: false));
        foreach (INode node in (INode[])[_iommu, sva, _container, .. vfio, .. groups, .. VdpaNodes, .. _added])
            paths.Add(node.Path, new VirtualDevice(node));
        foreach (VirtualPath path in _added.SelectMany(node => node.Paths)) paths.TryAdd(path.Path, path);
        VirtualFile majors = DeviceNumbers.Majors(() => paths.Values.OfType<VirtualDevice>()
            .Where(device => device.Node.Driver is not null).Select(device => (device.Node.Major, device.Node.Driver!))
            .Union([(VfioMajor - 1, "vfio"), (VfioMajor, "vfio-dev"), .. VdpaMajors]).Order());
        VirtualFile miscellaneous =
            DeviceNumbers.Miscellaneous((sva.Minor, "sva"), (_iommu.Minor, "iommu"), (_container.Minor, "vfio"));
        paths.Add(majors.Path, majors);
        paths.Add(miscellaneous.Path, miscellaneous);
        _paths = paths;
    }
}
