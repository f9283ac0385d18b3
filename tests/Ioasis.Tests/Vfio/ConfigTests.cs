using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Pci;
using static Ioasis.Abi.PciRegs;

namespace Ioasis.Tests.Vfio;

/// <summary>
/// Configuration space through VFIO. What bits can be written was measured on Linux 7.2 with vfio-pci.
/// </summary>
public sealed class ConfigTests
{
    private const uint ConfigRegion = VfioH.VFIO_PCI_CONFIG_REGION_INDEX;

    [Fact]
    public void EduHasTheHeaderThatQemuGivesIt()
    {
        using var bench = new VfioBench(new EduDevice());
        Assert.Equal(0x11e81234u, bench.Config(0x00, 4));
        Assert.Equal(PCI_STATUS_CAP_LIST, bench.Config(PCI_STATUS, 2));
        Assert.Equal(0x00ff0010u, bench.Config(0x08, 4));
        Assert.Equal(0u, bench.Config(0x0c, 4));
        Assert.Equal(0x11001af4u, bench.Config(0x2c, 4));
        Assert.Equal(0x40u, bench.Config(0x34, 1));
        Assert.Equal(1u, bench.Config(PCI_INTERRUPT_PIN, 1));
        Assert.Equal(0x00800005u, bench.Config(0x40, 4)); // MSI, one vector, 64-bit, the last capability
    }

    [Fact]
    public void AnExpressDeviceHasItsCapabilitiesInOneChain()
    {
        using var bench = new VfioBench();
        var ids = new List<byte>();
        for (uint at = bench.Config(PCI_CAPABILITY_LIST, 1); at != 0; at = bench.Config((int)at + 1, 1))
            ids.Add((byte)bench.Config((int)at, 1));
        Assert.Equal([PCI_CAP_ID_PM, PCI_CAP_ID_MSI, PCI_CAP_ID_EXP, PCI_CAP_ID_MSIX], ids);
        int msix = bench.Capability(PCI_CAP_ID_MSIX), express = bench.Capability(PCI_CAP_ID_EXP);
        Assert.Equal(3u, bench.Config(msix + PCI_MSIX_FLAGS, 2));
        Assert.Equal(4u, bench.Config(msix + PCI_MSIX_TABLE, 4));
        Assert.Equal(0x804u, bench.Config(msix + PCI_MSIX_PBA, 4));
        Assert.Equal(2u, bench.Config(express + PCI_EXP_FLAGS, 2));
        Assert.NotEqual(0u, bench.Config(express + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
    }

    [Fact]
    public void ProgramsSeeATSAndPRIAsTheIOMMUsDriverEnabledThem()
    {
        using var bench = new VfioBench();
        Assert.Equal([PCI_EXT_CAP_ID_ATS, PCI_EXT_CAP_ID_PRI], ExtendedOf(bench));
        Assert.Equal(0x8000_0020u, bench.Config(0x100 + PCI_ATS_CAP, 4));
        Assert.Equal(0x8000_0001u, bench.Config(0x110 + PCI_PRI_CTRL, 4)); // enabled; responses carry the PASID
        Assert.Equal((32u, 32u),
            (bench.Config(0x110 + PCI_PRI_MAX_REQ, 4), bench.Config(0x110 + PCI_PRI_ALLOC_REQ, 4)));
        for (int at = 0x100; at < 0x128; at += 4)
        {
            uint before = bench.Config(at, 4);
            foreach (uint value in (uint[])[0, ~0u, before ^ 0x8001_0003])
            {
                bench.SetConfig(at, 4, value);
                Assert.Equal((at, before), (at, bench.Config(at, 4)));
            }
        }
    }

    /// <summary>
    /// It is left out of the list; its registers stand where they stand, like bytes of no capability.
    /// </summary>
    [Fact]
    public void ThePASIDCapabilityIsHiddenFromProgramsButNotFromSysfs()
    {
        using var bench = new VfioBench();
        byte[] sysfs = bench.Device.ReadConfiguration();
        Assert.Equal(0x1200_0000u | (1u << 16) | PCI_EXT_CAP_ID_PRI, BitConverter.ToUInt32(sysfs, 0x110));
        Assert.Equal((1u << 16) | PCI_EXT_CAP_ID_PASID, BitConverter.ToUInt32(sysfs, 0x120));
        Assert.Equal(PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV | (20 << 8),
            BitConverter.ToUInt16(sysfs, 0x120 + PCI_PASID_CAP));
        // this bench enables no more
        Assert.Equal(PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_EXEC, BitConverter.ToUInt16(sysfs, 0x120 + PCI_PASID_CTRL));
        Assert.Equal((1u << 16) | PCI_EXT_CAP_ID_PRI, bench.Config(0x110, 4));
        Assert.Equal(BitConverter.ToUInt32(sysfs, 0x124), bench.Config(0x124, 4));
    }

    [Theory]
    [InlineData(0, true, 0, new ushort[] { PCI_EXT_CAP_ID_ATS })]
    [InlineData(20, true, 0, new ushort[] { PCI_EXT_CAP_ID_ATS })]
    [InlineData(20, false, 0, new ushort[0])]
    [InlineData(0, false, 0, new ushort[0])]
    [InlineData(0, true, 5, new ushort[] { PCI_EXT_CAP_ID_ATS, PCI_EXT_CAP_ID_PRI })]
    public void TheListHasWhatTheDeviceHas(int pasidBits, bool ats, int pageRequests, ushort[] ids)
    {
        using var bench = new VfioBench(restrict: f => f with
        {
            PasidBits = pasidBits,
            PasidExecute = false,
            PasidPrivileged = false,
            HasAts = ats,
            PageRequests = pageRequests,
        });
        Assert.Equal(ids, ExtendedOf(bench));
        if (ids.Length == 0) Assert.Equal(0u, bench.Config(PCI_CFG_SPACE_SIZE, 4));
        if (pasidBits > 0)
            Assert.Equal((uint)pasidBits << 8,
            BitConverter.ToUInt16(bench.Device.ReadConfiguration(), (ats ? 0x120 : 0x100) + PCI_PASID_CAP));
        Assert.Equal(pasidBits > 0,
            (bench.Config(bench.Capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCAP2, 4) & PCI_EXP_DEVCAP2_EE_PREFIX) != 0);
    }

    private static List<ushort> ExtendedOf(VfioBench bench)
    {
        var ids = new List<ushort>();
        for (int at = PCI_CFG_SPACE_SIZE; at != 0;)
        {
            uint header = bench.Config(at, 4);
            if (header == 0) break;
            ids.Add(PCI_EXT_CAP_ID(header));
            at = PCI_EXT_CAP_NEXT(header);
        }

        return ids;
    }

    /// <summary>Every dword, all ones and then zeros written to it: what it reads as.</summary>
    [Fact]
    public void OnlyTheRightBitsOfEduCanBeWritten()
    {
        using var bench = new VfioBench(new EduDevice());
        uint bar = bench.Config(0x10, 4);
        var writable = new Dictionary<int, (uint Ones, uint Zeros)>
        {
            [0x04] = (0x00100546, 0x00100000), // memory, bus master, parity, SERR, INTx disable; of status nothing
            [0x0c] = (0x000000ff, 0),          // cache line size
            [0x10] = (0xfff00000, 0),          // 1 MiB
            [0x3c] = (0x000001ff, 0x00000100), // interrupt line
            [0x40] = (0x008e0005, 0x00000005), // of MSI's control the lower byte, but it is enabled by SET_IRQS
            [0x44] = (0xffffffff, 0),
            [0x48] = (0xffffffff, 0),
        };
        for (int at = 0; at < 256; at += 4)
        {
            uint before = bench.Config(at, 4);
            (uint ones, uint zeros) = writable.GetValueOrDefault(at, (before, before));
            if (at == 0x4c) (ones, zeros) = (0x0000ffff, 0);
            bench.SetConfig(at, 4, 0xffffffff);
            Assert.Equal((at, ones), (at, bench.Config(at, 4)));
            bench.SetConfig(at, 4, 0);
            Assert.Equal((at, zeros), (at, bench.Config(at, 4)));
            bench.SetConfig(at, 4, before);
            Assert.Equal((at, before), (at, bench.Config(at, 4)));
        }

        Assert.NotEqual(0u, bar);
    }

    [Fact]
    public void SizingA64BitBarGivesItsMaskInBothHalves()
    {
        using var bench = new VfioBench();
        ulong placed = bench.Config(0x10, 4) | ((ulong)bench.Config(0x14, 4) << 32);
        Assert.Equal(bench.Device.BarAddresses[0] | PCI_BASE_ADDRESS_MEM_TYPE_64, placed);
        Assert.Equal(0ul, placed & 0xff0);
        bench.SetConfig(0x10, 4, 0xffffffff);
        bench.SetConfig(0x14, 4, 0xffffffff);
        Assert.Equal(0xfffff004u, bench.Config(0x10, 4));
        Assert.Equal(0xffffffffu, bench.Config(0x14, 4));
        bench.SetConfig(0x12, 1, 0x55);
        Assert.Equal(0xff55f004u, bench.Config(0x10, 4));
        bench.SetConfig(PCI_ROM_ADDRESS, 4, 0xffffffff);
        Assert.Equal(0u, bench.Config(PCI_ROM_ADDRESS, 4));
    }

    [Fact]
    public void BarsOfOneBusDoNotOverlap()
    {
        using var bus = new VfioPciBus(new VfioRegistry(1));
        var ranges = new List<(ulong First, ulong Last)>();
        foreach (PciDeviceModel model in new PciDeviceModel[] { new DmaTestDevice(), new EduDevice(),
            new DmaTestDevice(), new EduDevice() })
        {
            using VfioPciDevice device = bus.Add(model, new Ioasis.Tests.Core.DmaBench().NewEndpoint(), 0);
            ranges.AddRange(device.Function.Bars.Select(
                    b => (device.BarAddresses[b.Index], device.BarAddresses[b.Index] + b.Size - 1)));
        }

        ranges.Sort();
        for (int i = 1; i < ranges.Count; i++) Assert.True(ranges[i].First > ranges[i - 1].Last);
        Assert.All(ranges, r => Assert.NotEqual(0ul, r.First));
    }

    [Fact]
    public void AccessesOfAnySizeAndAlignmentWorkUpToTheEnd()
    {
        using var bench = new VfioBench(new EduDevice());
        ulong at = bench.Caller.Scratch, region = VfioBench.Region(ConfigRegion);
        Assert.Equal(SysResult.Ok(256), bench.File.Read(bench.Caller, region, at, 256));
        Assert.Equal(0x11e81234u, bench.Caller.Get<uint>(at));
        Assert.Equal(0x0211e812u, bench.Config(0x01, 4)); // across three registers
        Assert.Equal(SysResult.Ok(), bench.File.Read(bench.Caller, region + 300, at, 0));
        Assert.Equal(Errno.EFAULT, bench.File.Read(bench.Caller, region + 252, at, 8).Errno);
        Assert.Equal(Errno.EFAULT, bench.File.Read(bench.Caller, region + 256, at, 1).Errno);
        Assert.Equal(Errno.EFAULT, bench.File.Write(bench.Caller, region + 252, at, 8).Errno);
        Assert.Equal(Errno.EFAULT, bench.File.Read(bench.Caller, region, FakeCaller.BadAddress, 4).Errno);
        Assert.Equal(Errno.EFAULT, bench.File.Write(bench.Caller, region + 4, FakeCaller.BadAddress, 2).Errno);
        bench.SetConfig(3, 2, 0x0600); // the upper byte of it is the lower one of the command register
        Assert.Equal(6u, bench.Config(PCI_COMMAND, 2));
        bench.SetConfig(5, 1, 4);
        Assert.Equal(0x406u, bench.Config(PCI_COMMAND, 2));
    }

    [Fact]
    public void TheCommandRegisterDecidesAboutDmaAndBars()
    {
        using var bench = new VfioBench();
        Assert.Equal(PCI_COMMAND_MEMORY, bench.Config(PCI_COMMAND, 2));
        Assert.False(bench.Endpoint.CanSend);
        bench.SetConfig(PCI_COMMAND, 1, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
        Assert.True(bench.Endpoint.CanSend);
        bench.SetConfig(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
        Assert.True(bench.Endpoint.CanSend);
        ulong at = bench.Caller.Scratch;
        Assert.Equal(Errno.EIO, bench.File.Read(bench.Caller, VfioBench.Region(0), at, 4).Errno);
        Assert.Equal(Errno.EIO, bench.File.Write(bench.Caller, VfioBench.Region(0), at, 4).Errno);
        Assert.Equal(Errno.EINVAL, bench.File.Read(bench.Caller, VfioBench.Region(0) + 4096, at, 4).Errno);
        // the MSI-X table is not the function's
        Assert.Equal(SysResult.Ok(4), bench.File.Read(bench.Caller, VfioBench.Region(4), at, 4));
        Assert.Equal(Errno.EIO, bench.File.Read(bench.Caller, VfioBench.Region(4) + 60, at, 8).Errno); // half of it is
        bench.SetConfig(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
        Assert.False(bench.Endpoint.CanSend);
        Assert.Equal(0x1000u, bench.Read(0, 0x10, 4));
    }

    [Fact]
    public void AResetKeepsConfigurationButForThePowerState()
    {
        using var bench = new VfioBench();
        int pm = bench.Capability(PCI_CAP_ID_PM);
        bench.SetConfig(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
        bench.SetConfig(PCI_INTERRUPT_LINE, 1, 0x77);
        bench.Write(0, 0, 8, 0x1234);
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_RESET));
        Assert.Equal((uint)(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE),
            bench.Config(PCI_COMMAND, 2));
        Assert.True(bench.Endpoint.CanSend);
        Assert.Equal(0x77u, bench.Config(PCI_INTERRUPT_LINE, 1));
        Assert.Equal(0u, bench.Read(0, 0, 4));
        bench.SetConfig(pm + PCI_PM_CTRL, 2, 3);
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_RESET));
        Assert.Equal(0u, bench.Config(pm + PCI_PM_CTRL, 2));
        Assert.True(bench.Endpoint.CanSend);
    }

    [Fact]
    public void InD3HotTheFunctionSleepsAndItWakesUpReset()
    {
        using var bench = new VfioBench();
        int control = bench.Capability(PCI_CAP_ID_PM) + PCI_PM_CTRL;
        bench.SetConfig(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
        bench.Write(0, 0, 8, 0x1234);
        bench.SetConfig(control, 2, 3);
        Assert.Equal(3u, bench.Config(control, 2));
        Assert.Equal((uint)(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), bench.Config(PCI_COMMAND, 2));
        Assert.False(bench.Endpoint.CanSend);
        Assert.Equal(Errno.EIO, bench.File.Read(bench.Caller, VfioBench.Region(0), bench.Caller.Scratch, 4).Errno);
        bench.SetConfig(control, 2, 1); // D1 is not known
        Assert.Equal(3u, bench.Config(control, 2));
        bench.SetConfig(control, 2, 0);
        Assert.Equal(0u, bench.Config(control, 2));
        Assert.True(bench.Endpoint.CanSend);
        Assert.Equal(0u, bench.Read(0, 0, 4));
    }

    [Fact]
    public void WritingTheFlrBitResetsAndReadsAsZero()
    {
        using var bench = new VfioBench();
        int control = bench.Capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
        bench.Write(0, 0, 8, 0x1234);
        uint before = bench.Config(control, 2);
        bench.SetConfig(control, 2, before | PCI_EXP_DEVCTL_BCR_FLR);
        Assert.Equal(before, bench.Config(control, 2));
        Assert.Equal(0u, bench.Read(0, 0, 4));
        bench.SetConfig(control, 2, 0xffff & ~(uint)PCI_EXP_DEVCTL_BCR_FLR);
        Assert.Equal(PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ | PCI_EXP_DEVCTL_RELAX_EN
            | PCI_EXP_DEVCTL_NOSNOOP_EN | 0xfu, bench.Config(control, 2));
    }

    [Fact]
    public void MsiControlIsVirtualAndMsixControlIsTheFunctions()
    {
        using var bench = new VfioBench();
        const uint enable = VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER;
        const uint disable = VfioH.VFIO_IRQ_SET_DATA_NONE | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER;
        bench.Caller.AddEvent(20);
        int msi = bench.Capability(PCI_CAP_ID_MSI) + PCI_MSI_FLAGS, msix = bench.Capability(PCI_CAP_ID_MSIX)
            + PCI_MSIX_FLAGS;
        bench.SetConfig(msi, 2, 0x71);
        Assert.Equal(0u, bench.Config(msi, 2)); // neither enabled nor with more vectors than it has
        bench.SetIrqs(enable, 1, 0, 1, 20);
        Assert.Equal(0u, bench.Config(msi, 2));
        bench.SetConfig(msi, 2, 0x71);
        Assert.Equal(1u, bench.Config(msi, 2));
        bench.SetIrqs(disable, 1, 0, 0);
        Assert.Equal(1u, bench.Config(msi, 2));

        bench.SetConfig(msix, 2, 0xc000);
        Assert.Equal(3u, bench.Config(msix, 2));
        bench.SetIrqs(enable, 2, 0, 1, 20);
        Assert.Equal(0x8003u, bench.Config(msix, 2));
        bench.SetConfig(msix, 2, 0);
        Assert.Equal(0x8003u, bench.Config(msix, 2));
        Assert.Equal(0x8003, bench.Device.ReadConfiguration()[msix]
            | (bench.Device.ReadConfiguration()[msix + 1] << 8));
        bench.SetIrqs(disable, 2, 0, 0);
        Assert.Equal(3u, bench.Config(msix, 2));
    }

    [Fact]
    public void BindingAgainBeginsWithAFreshConfiguration()
    {
        using var bench = new VfioBench();
        bench.SetConfig(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
        bench.SetConfig(PCI_INTERRUPT_LINE, 1, 0x77);
        bench.SetConfig(0x10, 4, 0);
        uint bar = (uint)bench.Device.BarAddresses[0] | PCI_BASE_ADDRESS_MEM_TYPE_64;
        bench.Close();
        NodeFile second = bench.OpenFile();
        Assert.Equal(SysResult.Ok(), bench.Bind(second));
        byte[] header = new byte[64];
        Assert.Equal(SysResult.Ok(64),
            second.Read(bench.Caller, VfioBench.Region(ConfigRegion), bench.Caller.Scratch, 64));
        header = bench.Caller.Get(bench.Caller.Scratch, 64);
        Assert.Equal(PCI_COMMAND_MEMORY, BitConverter.ToUInt16(header, PCI_COMMAND));
        Assert.Equal(bar, BitConverter.ToUInt32(header, 0x10));
        Assert.Equal(0, header[PCI_INTERRUPT_LINE]);
        second.Close();
    }
}
