using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Devices;

namespace Ioasis.Tests.Vfio;

/// <summary>What a device tells of itself. Measured on Linux 7.2 with vfio-pci.</summary>
public sealed class InfoTests
{
    [Fact]
    public void DeviceInfoWritesAsMuchAsTheCallerKnows()
    {
        using var bench = new VfioBench();
        Assert.Equal(SysResult.Ok(),
            bench.Ioctl(VfioH.VFIO_DEVICE_GET_INFO, new VfioDeviceInfo { Argsz = 24, CapOffset = 77 }, out var info));
        Assert.Equal((24u, 3u, 9u, 5u, 0u), (info.Argsz, info.Flags, info.NumRegions, info.NumIrqs, info.CapOffset));
        Assert.Equal(SysResult.Ok(),
            bench.Ioctl(VfioH.VFIO_DEVICE_GET_INFO, new VfioDeviceInfo { Argsz = 16, CapOffset = 77 }, out info));
        Assert.Equal((16u, 9u, 77u), (info.Argsz, info.NumRegions, info.CapOffset));
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_GET_INFO, new VfioDeviceInfo { Argsz = 15 }).Errno);
        Assert.Equal(Errno.EFAULT, bench.Ioctl(VfioH.VFIO_DEVICE_GET_INFO).Errno);
        bench.Caller.IsReadOnly = true;
        Assert.Equal(Errno.EFAULT, bench.Ioctl(VfioH.VFIO_DEVICE_GET_INFO, new VfioDeviceInfo { Argsz = 24 }).Errno);
    }

    [Fact]
    public void RegionsLieAbove2To40AndTellTheirSizes()
    {
        using var bench = new VfioBench();
        (uint, ulong, uint)[] expected =
        [
            (0, 4096, 7), (1, 0, 0), (2, 4096, 7), (3, 0, 0), (4, 4096, 15), (5, 0, 0), (6, 0, 0), (7, 4096, 3),
        ];
        foreach ((uint index, ulong size, uint flags) in expected)
        {
            Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, Ask(index), out var info));
            Assert.Equal((size, flags, VfioBench.Region(index)), (info.Size, info.Flags, info.Offset));
            Assert.Equal(index == 4 ? (40u, 0u) : (32u, 99u), (info.Argsz, info.CapOffset));
        }

        for (uint index = 8; index < 12; index++)
            Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, Ask(index)).Errno);
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, Ask(uint.MaxValue)).Errno);
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, Ask(0) with { Argsz = 31 }).Errno);
    }

    [Fact]
    public void TheMsixBarSaysThatItsTableMayBeMappedIfThereIsRoom()
    {
        using var bench = new VfioBench();
        bench.Caller.Put(bench.Caller.Scratch + 32, ulong.MaxValue);
        Assert.Equal(SysResult.Ok(),
            bench.Ioctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, Ask(4) with { Argsz = 40 }, out var info));
        Assert.Equal((40u, 15u, 32u), (info.Argsz, info.Flags, info.CapOffset));
        var header = bench.Caller.Get<VfioInfoCapHeader>(bench.Caller.Scratch + 32);
        Assert.Equal((VfioH.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1u, 0u), (header.Id, header.Version, header.Next));
    }

    [Fact]
    public void AConventionalDeviceHas256BytesOfConfigurationAndNoErrorInterrupt()
    {
        using var bench = new VfioBench(new EduDevice());
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, Ask(7), out var info));
        Assert.Equal(256ul, info.Size);
        (uint, uint, uint)[] expected = [(0, 7, 1), (1, 9, 1), (2, 9, 0), (4, 9, 1)];
        Check(bench, expected);
        Assert.Equal(Errno.EINVAL,
            bench.Ioctl(VfioH.VFIO_DEVICE_GET_IRQ_INFO, new VfioIrqInfo { Argsz = 16, Index = 3 }).Errno);
    }

    [Fact]
    public void AnExpressDeviceWithMsixCanGrowItAtAnyTime()
    {
        using var bench = new VfioBench();
        Check(bench, [(0, 7, 0), (1, 9, 1), (2, 1, 4), (3, 9, 1), (4, 9, 1)]);
        Assert.Equal(Errno.EINVAL,
            bench.Ioctl(VfioH.VFIO_DEVICE_GET_IRQ_INFO, new VfioIrqInfo { Argsz = 16, Index = 5 }).Errno);
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_GET_IRQ_INFO, new VfioIrqInfo { Argsz = 15 }).Errno);
    }

    [Fact]
    public void AnUnknownIoctlIsNotForThisFile()
    {
        using var bench = new VfioBench();
        Assert.Equal(Errno.ENOTTY, bench.Ioctl(0x3bff).Errno);
        Assert.Equal(Errno.ENOTTY, bench.Ioctl(0x5401).Errno);
        Assert.Equal(Errno.ENOTTY, bench.Ioctl(VfioH.VFIO_GROUP_GET_STATUS).Errno);
        Assert.Equal(Errno.ENOTTY, bench.Ioctl(VfioH.VFIO_DEVICE_RESET | (1u << 30)).Errno);
    }

    [Fact]
    public void FeaturesAreThoseOfADeviceWithoutMigration()
    {
        using var bench = new VfioBench();
        const uint get = VfioH.VFIO_DEVICE_FEATURE_GET, set = VfioH.VFIO_DEVICE_FEATURE_SET,
            probe = VfioH.VFIO_DEVICE_FEATURE_PROBE;
        foreach (uint feature in new uint[] { 0, 1, 2, 6, 7, 8, 9, 10, 11, 13, 0xffff })
        {
            Assert.Equal(Errno.ENOTTY, Feature(feature | probe));
            Assert.Equal(Errno.ENOTTY, Feature(feature | get));
            Assert.Equal(Errno.EINVAL, Feature(feature | get | set));
            Assert.Equal(Errno.EINVAL, Feature(feature | (1 << 19)));
        }

        Assert.Equal(Errno.EINVAL, Feature(12 | probe));
        foreach (uint feature in new uint[] { 3, 4, 5 })
        {
            Assert.Equal(Errno.None, Feature(feature | probe));
            Assert.Equal(Errno.None, Feature(feature | probe | set));
            Assert.Equal(Errno.EINVAL, Feature(feature | probe | get));
            Assert.Equal(Errno.EINVAL, Feature(feature | get));
            Assert.Equal(Errno.EINVAL, Feature(feature));
            Assert.Equal(Errno.EINVAL, Feature(feature | set, 7));
        }

        Assert.Equal(Errno.None, Feature(3 | set, 8));
        Assert.Equal(Errno.EINVAL, Feature(3 | set, 8)); // in low power already
        Assert.Equal(Errno.None, Feature(5 | set, 8));
        Assert.Equal(Errno.None, Feature(5 | set, 8));
        FakeEvent wakeup = bench.Caller.AddEvent(20);
        Assert.Equal(Errno.EINVAL, Feature(4 | set, 15));
        Assert.Equal(Errno.EINVAL, Feature(4 | set, 16, -1));
        Assert.Equal(Errno.EBADF, Feature(4 | set, 16, VfioBench.ClosedFd));
        Assert.Equal(Errno.EINVAL, Feature(4 | set, 16, VfioBench.PipeFd));
        Assert.Equal(Errno.None, Feature(4 | set, 16, 20));
        Assert.Equal(Errno.EINVAL, Feature(3 | set, 8));
        Assert.Equal(0, wakeup.Holders);

        Errno Feature(uint flags, uint argsz = 64, int data = 20)
        {
            bench.Caller.Put(bench.Caller.Scratch + 8, data);
            return bench.Ioctl(VfioH.VFIO_DEVICE_FEATURE, new VfioDeviceFeature { Argsz = argsz, Flags = flags }).Errno;
        }
    }

    [Fact]
    public void AHotResetHitsTheDeviceAlone()
    {
        using var bench = new VfioBench();
        Assert.Equal(Errno.ENOSPC, bench.Ioctl(VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
                new VfioPciHotResetInfo { Argsz = 12, Flags = 9 }, out var info).Errno);
        Assert.Equal((12u, 0u, 1u), (info.Argsz, info.Flags, info.Count));
        Assert.Equal(Errno.EINVAL,
            bench.Ioctl(VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, new VfioPciHotResetInfo { Argsz = 11 }).Errno);
        Assert.Equal(SysResult.Ok(),
            bench.Ioctl(VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, new VfioPciHotResetInfo { Argsz = 20 }, out info));
        Assert.Equal((20u, 3u, 1u), (info.Argsz, info.Flags, info.Count));
        var device = bench.Caller.Get<VfioPciDependentDevice>(bench.Caller.Scratch + 12);
        Assert.Equal((1u, 1, 2, 0x20), (device.Devid, device.Segment, device.Bus, device.Devfn));

        Assert.Equal(Errno.EINVAL, HotReset(12, 0, 1));
        Assert.Equal(Errno.EINVAL, HotReset(12, 1, 0));
        Assert.Equal(Errno.EINVAL, HotReset(11, 0, 0));
        bench.Write(0, 0, 8, 5);
        Assert.Equal(Errno.None, HotReset(12, 0, 0));
        Assert.Equal(0u, bench.Read(0, 0, 4));

        Errno HotReset(uint argsz, uint flags, uint count) =>
            bench.Ioctl(VfioH.VFIO_DEVICE_PCI_HOT_RESET,
                new VfioPciHotReset { Argsz = argsz, Flags = flags, Count = count }).Errno;
    }

    [Fact]
    public void AnIoeventfdStandsForAWriteUntilItIsTakenAway()
    {
        using var bench = new VfioBench();
        FakeEvent counter = bench.Caller.AddEvent(20);
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY);
        Assert.Equal(Errno.ENODEV, Ask(0, 4, -1));
        Assert.Equal(Errno.None, Ask(0, 4, 20));
        Assert.Equal(Errno.EEXIST, Ask(0, 4, 20));
        bench.Write(0, 0, 4, 7);
        counter.Listener!();
        Assert.Equal(1u, bench.Read(0, 0, 4));
        Assert.Equal(Errno.None, Ask(0, 4, -1));
        Assert.Null(counter.Listener);
        Assert.Equal(Errno.ENODEV, Ask(0, 4, -1));
        Assert.Equal(Errno.EINVAL, Ask(0, 4, -2));
        Assert.Equal(Errno.EINVAL, Ask(0, 8, 20));
        Assert.Equal(Errno.EINVAL, Ask(0, 0, 20));
        Assert.Equal(Errno.EINVAL, Ask(0, 3, 20));
        Assert.Equal(Errno.EINVAL, Ask(0, 0x14, 20));
        Assert.Equal(Errno.EINVAL, Ask(7, 4, 20));
        Assert.Equal(Errno.EINVAL, Ask(4, 4, 20)); // the MSI-X table
        Assert.Equal(Errno.None, Ask(4, 4, 20, at: 64));
        Assert.Equal(Errno.None, Ask(4, 4, -1, at: 64));
        Assert.Equal(Errno.EINVAL, Ask(0, 4, 20, at: 4094));
        Assert.Equal(Errno.EBADF, Ask(0, 4, VfioBench.ClosedFd));
        Assert.Equal(Errno.EINVAL, Ask(0, 4, VfioBench.PipeFd));
        Assert.Equal(Errno.EINVAL, Ask(0, 4, 20, argsz: 27));
        Assert.Equal(0, counter.Holders);

        Errno Ask(uint region, uint flags, int fd, ulong at = 0, uint argsz = 32) => bench.Ioctl(
            VfioH.VFIO_DEVICE_IOEVENTFD,
            new VfioDeviceIoeventfd
            {
                Argsz = argsz,
                Flags = flags,
                Offset = VfioBench.Region(region) + at,
                Data = 1,
                Fd = fd
            }).Errno;
    }

    private static VfioRegionInfo Ask(uint index) =>
        new() { Argsz = (uint)Marshal.SizeOf<VfioRegionInfo>(), Index = index, Flags = 0xff, CapOffset = 99 };

    private static void Check(VfioBench bench, (uint Index, uint Flags, uint Count)[] expected)
    {
        foreach ((uint index, uint flags, uint count) in expected)
        {
            Assert.Equal(SysResult.Ok(), bench.Ioctl(
                    VfioH.VFIO_DEVICE_GET_IRQ_INFO, new VfioIrqInfo { Argsz = 16, Index = index }, out var info));
            Assert.Equal((index, flags, count), (index, info.Flags, info.Count));
        }
    }
}
