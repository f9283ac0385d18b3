using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Pci;
using static Ioasis.Abi.PciRegs;

namespace Ioasis.Tests.Vfio;

/// <summary>
/// The SR-IOV capability as a program sees it, and what a virtual function's configuration space has of its own.
/// </summary>
public sealed class SriovConfigTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TheCapabilityIsThereAndCannotBeWritten(bool ats)
    {
        using var bench = new VfioBench(
            new DmaTestDevice(5), restrict: f => ats ? f : f with { HasAts = false, PageRequests = 0 });
        int at = Extended(bench, PCI_EXT_CAP_ID_SRIOV);
        Assert.NotEqual(0, at);
        Assert.Equal(0, Extended(bench, PCI_EXT_CAP_ID_PASID)); // hidden, behind it or not
        Assert.Equal(ats, Extended(bench, PCI_EXT_CAP_ID_ATS) != 0);
        Assert.Equal((5u, 5u, 0u), (bench.Config(at + PCI_SRIOV_INITIAL_VF, 2),
                bench.Config(at + PCI_SRIOV_TOTAL_VF, 2), bench.Config(at + PCI_SRIOV_NUM_VF, 2)));
        Assert.Equal((0x80u, 1u, 0x11eau), (bench.Config(at + PCI_SRIOV_VF_OFFSET, 2),
                bench.Config(at + PCI_SRIOV_VF_STRIDE, 2), bench.Config(at + PCI_SRIOV_VF_DID, 2)));
        Assert.Equal((uint)bench.Device.VfBarAddresses[0] | PCI_BASE_ADDRESS_MEM_TYPE_64,
            bench.Config(at + PCI_SRIOV_BAR, 4));

        bench.SetConfig(at + PCI_SRIOV_CTRL, 2, 0xffff);
        bench.SetConfig(at + PCI_SRIOV_NUM_VF, 2, 3);
        bench.SetConfig(at + PCI_SRIOV_BAR, 4, 0xffffffff);
        Assert.Equal((0u, 0u), (bench.Config(at + PCI_SRIOV_CTRL, 2), bench.Config(at + PCI_SRIOV_NUM_VF, 2)));
        Assert.Equal((uint)bench.Device.VfBarAddresses[0] | PCI_BASE_ADDRESS_MEM_TYPE_64,
            bench.Config(at + PCI_SRIOV_BAR, 4));
    }

    [Fact]
    public void ADeviceWithoutVirtualFunctionsHasNone()
    {
        using var bench = new VfioBench();
        Assert.Equal(0, Extended(bench, PCI_EXT_CAP_ID_SRIOV));
    }

    [Fact]
    public void WhatIsEnabledOutlivesEveryReset()
    {
        using var bench = new VfioBench(new DmaTestDevice(5));
        int at = Extended(bench, PCI_EXT_CAP_ID_SRIOV);
        bench.Device.SetNumVfs(3);
        Assert.Equal((9u, 3u), (bench.Config(at + PCI_SRIOV_CTRL, 2), bench.Config(at + PCI_SRIOV_NUM_VF, 2)));
        bench.Device.Reset();
        bench.Device.Close();
        bench.Device.Open(bench.Carrier);
        Assert.Equal((9u, 3u), (bench.Config(at + PCI_SRIOV_CTRL, 2), bench.Config(at + PCI_SRIOV_NUM_VF, 2)));
        bench.Device.SetNumVfs(0);
        Assert.Equal((0u, 0u), (bench.Config(at + PCI_SRIOV_CTRL, 2), bench.Config(at + PCI_SRIOV_NUM_VF, 2)));
    }

    [Fact]
    public void WhileVirtualFunctionsAreEnabledThePhysicalOneStaysAwake()
    {
        using var bench = new VfioBench(new DmaTestDevice(5));
        int control = bench.Capability(PCI_CAP_ID_PM) + PCI_PM_CTRL;
        bench.SetConfig(control, 2, 3);
        Assert.Equal(3u, bench.Config(control, 2) & PCI_PM_CTRL_STATE_MASK);
        bench.Device.SetNumVfs(1);
        Assert.Equal(0u, bench.Config(control, 2) & PCI_PM_CTRL_STATE_MASK);
        bench.SetConfig(control, 2, 3);
        Assert.Equal(0u, bench.Config(control, 2) & PCI_PM_CTRL_STATE_MASK);
    }

    [Fact]
    public void AVirtualFunctionHasItsIdsAndMemoryWithoutRegistersOfItsOwn()
    {
        using var bus = new VfioPciBus(new VfioRegistry(1));
        var bench = new Ioasis.Tests.Core.DmaBench();
        using VfioPciDevice physical = bus.Add(new DmaTestDevice(5), bench.NewEndpoint(), 0);
        var endpoint = new Endpoint(new RequesterId(0, 0, 9, 1), bench.Unit, new IommuGroup(9));
        using VfioPciDevice device =
            bus.AddVirtual(new DmaTestDevice(5).CreateVirtualFunction(), endpoint, 1, physical, 3);
        byte[] own = device.ReadConfiguration();
        Assert.Equal(uint.MaxValue, BitConverter.ToUInt32(own));
        Assert.Equal(0u, BitConverter.ToUInt32(own, PCI_BASE_ADDRESS_0));
        Assert.Equal(0, BitConverter.ToUInt16(own, PCI_COMMAND));
        Assert.Equal(physical.VfBarAddresses[2] + (3 * 4096), device.BarAddresses[2]);
        Assert.True(device.BarAddresses[2] != physical.BarAddresses[2]);
    }

    private static int Extended(VfioBench bench, ushort id)
    {
        for (int at = PCI_CFG_SPACE_SIZE; at != 0;)
        {
            uint header = bench.Config(at, 4);
            if ((header & 0xffff) == id) return at;
            at = (int)(header >> 20);
        }

        return 0;
    }
}
