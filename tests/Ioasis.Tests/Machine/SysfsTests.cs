using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Machine;

/// <summary>What sysfs shows of a machine.</summary>
public sealed class SysfsTests : IDisposable
{
    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default.WithDevice("dmatest@0000:05:00.0,virtualFunctions=2"));
    private readonly NodeTransport _nodes;

    public SysfsTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void EveryLinkLeadsSomewhere()
    {
        foreach (VirtualLink link in _machine.Paths.Values.OfType<VirtualLink>())
            Assert.Contains(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(link.Path)!, link.Target)), _machine.Paths);
    }

    [Fact]
    public void EveryPathIsInADirectoryOfOurs()
    {
        foreach (string path in _machine.Paths.Keys.Where(path => path.StartsWith("/sys/", StringComparison.Ordinal)))
            if (Path.GetDirectoryName(path) is var parent and not "/sys") Assert.IsType<VirtualDirectory>(_machine.Paths[parent!]);
    }

    [Theory]
    [InlineData("iommufd", "vfio")]
    [InlineData("vfio", "vfio_iommu_type1", "vfio_pci_core")]
    [InlineData("vfio_iommu_type1")]
    [InlineData("vfio_pci_core", "vfio_pci")]
    [InlineData("vfio_pci")]
    public void ModulesAreLoaded(string module, params string[] holders)
    {
        string directory = $"/sys/module/{module}";
        Assert.IsType<VirtualDirectory>(_machine.Paths[directory]);
        Assert.Equal("live", _nodes.ReadAttribute($"{directory}/initstate"));
        Assert.Equal(holders.Order(), _machine.Paths.Keys.Where(path => Path.GetDirectoryName(path) == $"{directory}/holders").Select(Path.GetFileName).Order());
    }

    [Fact]
    public void TheDriverAndItsModuleKnowEachOther()
    {
        Assert.Equal("../../../../module/vfio_pci", ((VirtualLink)_machine.Paths["/sys/bus/pci/drivers/vfio-pci/module"]).Target);
        Assert.Equal("../../../bus/pci/drivers/vfio-pci", ((VirtualLink)_machine.Paths["/sys/module/vfio_pci/drivers/pci:vfio-pci"]).Target);
    }
}
