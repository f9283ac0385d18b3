using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Devices;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <summary>What sysfs shows of a machine.</summary>
public sealed class SysfsTests : IDisposable
{
    private const string Edu = "/sys/devices/pci1000:00/1000:00:03.0", Dmatest = "/sys/devices/pci1000:00/1000:00:04.0";

    private readonly SoftwareMachine _machine =
        SoftwareMachine.Create(MachineDescription.Default.WithDevice("dmatest@1000:05:00.0,virtualFunctions=2"));
    private readonly NodeTransport _nodes;

    public SysfsTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Theory]
    [InlineData("driver_override", "(null)", "vfio-pci\n", "vfio-pci")]
    [InlineData("driver_override", "(null)", "\0\0", "(null)")]
    [InlineData("driver_override", "(null)", "\n", "(null)")]
    [InlineData("msi_bus", "1", "0\n", "0")]
    [InlineData("msi_bus", "1", "x", "1")]
    [InlineData("broken_parity_status", "0", "0x10", "1")]
    [InlineData("d3cold_allowed", "1", "0", "0")]
    [InlineData("enable", "0", "1", "0")]
    [InlineData("reset_method", "flr pm bus", "bus flr\n", "bus flr")]
    [InlineData("reset_method", "flr pm bus", "\n", "")]
    [InlineData("reset_method", "flr pm bus", "acpi", "flr pm bus")]
    [InlineData("power/control", "auto", "on\n", "on")]
    [InlineData("power/control", "auto", "off", "auto")]
    public void AnAttributeTakesWhatLinuxTakes(string name, string before, string text, string after)
    {
        string path = $"{Dmatest}/{name}";
        Assert.Equal(before, _nodes.ReadAttribute(path));
        Take(path, text);
        Assert.Equal(after, _nodes.ReadAttribute(path));
    }

    [Fact]
    public void ResetMethodsCanBeHadBack()
    {
        Take($"{Dmatest}/reset_method", "");
        Take($"{Dmatest}/reset_method", "default");
        Assert.Equal("flr pm bus", _nodes.ReadAttribute($"{Dmatest}/reset_method"));
    }

    [Fact]
    public void WritesOfConfigurationSpaceTakeEffectOnTheFunction()
    {
        // high byte of PCI_EXP_DEVCTL
        const int command = PciRegs.PCI_COMMAND, bar = PciRegs.PCI_BASE_ADDRESS_0, power = 0x44, control = 0x69;
        IVirtualBytes config = ((VirtualFile)_machine.Paths[$"{Dmatest}/config"]).Bytes!;
        using var context = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, new RequesterId(0x1000, 0, 4, 0));
        device.Bind(context);
        VfioRegion registers = device.GetRegion(0);

        Write(command, 0);
        Assert.Equal(Errno.EIO, Assert.Throws<IommuException>(() => registers.Read<ulong>(0)).Errno);
        Write(command, 6);
        Assert.Equal(6, config.Read()[command]);
        registers.Write(0, 0x1234UL);
        Write(control, 0x80);
        Assert.Equal(0UL, registers.Read<ulong>(0)); // FLR

        registers.Write(0, 0x1234UL);
        Write(power, 3);
        Assert.Equal(3, config.Read()[power] & 3);
        Assert.Equal(Errno.EIO, Assert.Throws<IommuException>(() => registers.Read<ulong>(0)).Errno);
        Write(power, 0);
        Assert.Equal(0UL, registers.Read<ulong>(0));

        Write(bar, 0xff, 0xff, 0xff, 0xff);
        Assert.Equal((uint)~(_machine.Devices[1].Function.Bars[0].Size - 1),
            BitConverter.ToUInt32(config.Read(), bar) & ~0xfu);

        using var told = new ManualResetEventSlim();
        config.Write(command, [2], told.Set);
        Assert.True(told.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));

        void Write(int position, params byte[] bytes) => config.Write(position, bytes, static () => { });
    }

    [Theory]
    [InlineData("1\n", true)]
    [InlineData("0x1", true)]
    [InlineData("2", false)]
    [InlineData("0", false)]
    public void AResetComesBeforeTheNextCall(string text, bool isReset)
    {
        using var context = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, new RequesterId(0x1000, 0, 4, 0));
        device.Bind(context);
        VfioRegion registers = device.GetRegion(0);
        registers.Write(0x08, 0u);
        registers.Write(0x00, 0x1234UL);
        Take($"{Dmatest}/reset", text);
        Assert.Equal(isReset ? 0UL : 0x1234UL, registers.Read<ulong>(0x00));
    }

    [Theory]
    [InlineData("vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N", "1\n", "Y")]
    [InlineData("vfio_iommu_type1/parameters/dma_entry_limit", "65535", "1000", "1000")]
    [InlineData("vfio_pci/parameters/enable_sriov", "Y", "off", "N")]
    [InlineData("vfio_pci/parameters/nointxmask", "N", "maybe", "N")]
    public void AParameterKeepsWhatIsWritten(string name, string before, string text, string after)
    {
        string path = $"/sys/module/{name}";
        Assert.Equal(before, _nodes.ReadAttribute(path));
        Take(path, text);
        Take("/sys/bus/pci/drivers/vfio-pci/unbind", "1000:00:03.0"); // all paths are made anew
        Assert.Equal(after, _nodes.ReadAttribute(path));
    }

    [Fact]
    public void RegionsHaveTheSizesOfTheBars()
    {
        foreach (MachineDevice device in _machine.Devices)
            foreach (Bar bar in device.Function.Bars)
            {
                string directory = $"/sys/devices/pci1000:{device.Requester.Bus:x2}/{device.Requester}";
                VirtualFile file =
                    Assert.IsType<VirtualFile>(_machine.Paths[$"{directory}/resource{bar.Index}"]);
                Assert.Equal(((long)bar.Size, 0x180u, true), (file.Size, file.Mode, file.IsRegion));
            }
    }

    [Fact]
    public void TheGroupTellsWhatTheUnitReserves() =>
        Assert.Equal("0x00000000fee00000 0x00000000feefffff msi",
            _nodes.ReadAttribute("/sys/kernel/iommu_groups/1/reserved_regions"));

    [Fact]
    public void ModesAndSizesAreLinuxs()
    {
        foreach ((string name, uint mode, long size) in (ReadOnlySpan<(string, uint, long)>)[
            ("vendor", 0x124, 4096), ("resource", 0x124, 4096), ("uevent", 0x1a4, 4096), ("enable", 0x1a4, 4096),
            ("reset", 0x80, 4096), ("config", 0x1a4, 4096)])
        {
            VirtualFile file = Assert.IsType<VirtualFile>(_machine.Paths[$"{Dmatest}/{name}"]);
            Assert.Equal((mode, size), (file.Mode, file.Size));
            Assert.Equal((mode & 0x92) != 0, file.Take is not null || file.Bytes is not null);
        }

        Assert.Equal(256, ((VirtualFile)_machine.Paths[$"{Edu}/config"]).Size);
        Assert.DoesNotContain($"{Edu}/current_link_speed", _machine.Paths);
        Assert.Equal("2.5 GT/s PCIe", _nodes.ReadAttribute($"{Dmatest}/max_link_speed"));
    }

    [Theory]
    [InlineData("0", 1, "1")]
    [InlineData("0-1", 2, "3")]
    [InlineData("0-3,8", 9, "10f")]
    [InlineData("0,32", 64, "00000001,00000001")]
    [InlineData("63", 64, "80000000,00000000")]
    [InlineData("0-32", 33, "1,ffffffff")]
    public void ProcessorsAreShownAsAMask(string list, int possible, string mask) =>
        Assert.Equal(mask, SysfsProcessors.MaskOf(SysfsProcessors.Parse(list), possible));

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
        Assert.Equal(holders.Order(), _machine.Paths.Keys.Where(
                path => Path.GetDirectoryName(path) == $"{directory}/holders").Select(Path.GetFileName).Order());
    }

    [Fact]
    public void TheDriverAndItsModuleKnowEachOther()
    {
        Assert.Equal("../../../../module/vfio_pci",
            ((VirtualLink)_machine.Paths["/sys/bus/pci/drivers/vfio-pci/module"]).Target);
        Assert.Equal("../../../bus/pci/drivers/vfio-pci",
            ((VirtualLink)_machine.Paths["/sys/module/vfio_pci/drivers/pci:vfio-pci"]).Target);
    }

    private void Take(string path, string text) =>
        ((VirtualFile)_machine.Paths[path]).Take!(Encoding.ASCII.GetBytes(text));
}
