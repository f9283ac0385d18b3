using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using Ioasis.Tests.Devices;
using static Ioasis.Tests.Vfio.VfioBench;

namespace Ioasis.Tests.Vfio;

/// <summary>BARs by read and write calls and by mapping, and a whole program's way through it.</summary>
public sealed class RegionTests
{
    [Fact]
    public void ReadsAndWritesStopAtTheEndOfTheBar()
    {
        using var bench = new VfioBench();
        ulong at = bench.Caller.Scratch;
        bench.Caller.Put(at, 0x0807060504030201ul);
        Assert.Equal(SysResult.Ok(4), bench.File.Write(bench.Caller, Region(2) + 4092, at, 8));
        Assert.Equal(0x04030201u, bench.Read(2, 4092, 4));
        Assert.Equal(SysResult.Ok(4), bench.File.Read(bench.Caller, Region(2) + 4092, at, 8));
        Assert.Equal(Errno.EINVAL, bench.File.Read(bench.Caller, Region(2) + 4096, at, 4).Errno);
        Assert.Equal(SysResult.Ok(3), bench.File.Read(bench.Caller, Region(2) + 4093, at, 100));
        Assert.Equal(0x040302u, bench.Caller.Get<uint>(at) & 0xffffff);
        Assert.Equal(Errno.EFAULT, bench.File.Read(bench.Caller, Region(2), FakeCaller.BadAddress, 4).Errno);
        Assert.Equal(Errno.EFAULT, bench.File.Write(bench.Caller, Region(2), FakeCaller.BadAddress, 4).Errno);
    }

    [Fact]
    public void RegionsThatAreNotThereAreRefused()
    {
        using var bench = new VfioBench();
        ulong at = bench.Caller.Scratch;
        foreach (ulong offset in new[] { Region(1), Region(3), Region(5), Region(6), Region(8), Region(10),
            unchecked((ulong)-8) })
        {
            Assert.Equal(Errno.EINVAL, bench.File.Read(bench.Caller, offset, at, 4).Errno);
            Assert.Equal(Errno.EINVAL, bench.File.Write(bench.Caller, offset, at, 4).Errno);
            Assert.Equal(SysResult.Ok(), bench.File.Read(bench.Caller, offset, at, 0));
        }
    }

    [Fact]
    public void ALongAccessIsAsManyAsItTakes()
    {
        using var bench = new VfioBench(new EduDevice());
        byte[] pattern = new byte[0x11000];
        ulong at = bench.Caller.Scratch;
        Assert.Equal(SysResult.Ok(0x11001), bench.File.Read(bench.Caller, Region(0) + 3, at, 0x11001));
        pattern = bench.Caller.Get(at, 0x11001);
        Assert.Equal(0xff, pattern[0]); // a byte of a register that takes 4 only
        Assert.Equal(0u, BitConverter.ToUInt32(pattern, 1)); // the liveness register at 4 is reached with 4 bytes ...
        Assert.Equal(uint.MaxValue, BitConverter.ToUInt32(pattern, 5)); // ... from 8 on it goes on with 8
        Assert.Equal(0x00, pattern[0x80 - 3]);
        Assert.Equal(0xff, pattern[0x11000]);
    }

    [Fact]
    public void TheMsixTableReadsAsOnesAndIgnoresWrites()
    {
        using var bench = new VfioBench();
        bench.Write(4, 0, 8, 0);
        Assert.Equal(0xffffffffu, bench.Read(4, 0, 4));
        Assert.Equal(0xffffffffu, bench.Read(4, 60, 4));
        Assert.Equal(0u, bench.Read(4, 64, 4));
        Assert.Equal(0u, bench.Read(4, 0x800, 4)); // pending bits
        ulong at = bench.Caller.Scratch;
        Assert.Equal(SysResult.Ok(16), bench.File.Read(bench.Caller, Region(4) + 56, at, 16));
        Assert.Equal((ulong.MaxValue, 0ul), (bench.Caller.Get<ulong>(at), bench.Caller.Get<ulong>(at + 8)));
    }

    [Fact]
    public void OnlyWhatCanBeMappedIsMapped()
    {
        using var bench = new VfioBench();
        Assert.Equal(Errno.None, Map(Region(0), 4096));
        Assert.Equal(Errno.None, Map(Region(0), 1));
        Assert.Equal(Errno.None, bench.File.Map(Region(0), 4096, true, true, true, executable: true));
        Assert.Equal(Errno.EINVAL, bench.File.Map(Region(0), 4096, shared: false, true, true, false));
        Assert.Equal(Errno.EINVAL, Map(Region(0), 8192));
        Assert.Equal(Errno.EINVAL, Map(Region(0) + 4096, 4096));
        Assert.Equal(Errno.EINVAL, Map(Region(1), 4096));
        Assert.Equal(Errno.EINVAL, Map(Region(6), 4096));
        Assert.Equal(Errno.EINVAL, Map(Region(7), 4096));
        Assert.Equal(Errno.EINVAL, Map(Region(8), 4096));
        Assert.Equal(Errno.EINVAL, Map(Region(10), 4096));
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, 0);
        Assert.Equal(Errno.None, Map(Region(2), 4096)); // a mapping may come before the BAR answers

        Errno Map(ulong offset, ulong length) => bench.File.Map(offset, length, true, true, true, false);
    }

    [Fact]
    public void Bar0IsAtTheBeginningOfTheFileTooButMappedInOnePlace()
    {
        using var bench = new VfioBench();
        bench.Write(0, 0x10, 4, 0x1234);
        Assert.Equal(SysResult.Ok(4), bench.File.Read(bench.Caller, 0x10, bench.Caller.Scratch, 4));
        Assert.Equal(0x1234u, bench.Caller.Get<uint>(bench.Caller.Scratch));
        Assert.Equal(Errno.None, bench.File.Map(0, 4096, true, true, true, false));
        SharedBytes registers = bench.Carrier.Map(0, 4096);
        Assert.Equal(0x1234u, registers.Read<uint>(0x10));
        registers.Write(0x10, 0x4321u);
        Assert.Equal(0x4321u, bench.Read(0, 0x10, 4));
        Assert.Equal(Errno.None, bench.File.Map(0, 4096, true, true, true, false));
        Assert.Equal(Errno.EINVAL, bench.File.Map(Region(0), 4096, true, true, true, false));
        bench.Close();

        NodeFile next = bench.OpenFile();
        Assert.Equal(SysResult.Ok(), bench.Bind(next));
        Assert.Equal(Errno.None, next.Map(Region(0), 4096, true, true, true, false));
        Assert.Equal(Errno.EINVAL, next.Map(0, 4096, true, true, true, false));
        next.Close();
    }

    /// <summary>For programs that read the file in ways that we are not asked about.</summary>
    [Fact]
    public void TheFilesOwnBytesAreThoseOfTheRegionsWhileTheDeviceIsBound()
    {
        using var bench = new VfioBench();
        SharedBytes registers = bench.Carrier.Map(Region(0), 4096), configuration = bench.Carrier.Map(Region(7), 4096);
        Assert.Equal(bench.Read(0, 0x1c, 4), registers.Read<uint>(0x1c));
        bench.Write(0, 0x10, 4, 0x123);
        Assert.Equal(0x123u, registers.Read<uint>(0x10));
        registers.Write(0x08, 1u); // nobody has it mapped: such a store is none
        Assert.Equal(0u, bench.Read(0, 0x14, 4));
        Same();
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY);
        Same();
        bench.SetConfig(PciRegs.PCI_BASE_ADDRESS_0, 4, uint.MaxValue);
        Same();
        bench.Caller.AddEvent(30);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER,
                VfioH.VFIO_PCI_MSI_IRQ_INDEX, 0, 1, 30));
        Same();
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_RESET));
        Same();
        Assert.Equal(4096u, registers.Read<uint>(0x10));

        void Same()
        {
            for (uint at = 0; at < 4096; at += 4) Assert.Equal(bench.Config((int)at, 4), configuration.Read<uint>(at));
        }
    }

    [Fact]
    public void AProgramMapsItsMemoryAndTheDeviceReadsAndWritesIt()
    {
        using var bench = new VfioBench();
        (uint ioas, HostBlock block) = bench.NewIoas(0x100000, 0x2000);
        Assert.Equal(SysResult.Ok(), bench.Attach(ioas, out _));
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_MASTER);
        SharedBytes registers = bench.MapBar(0), buffer = bench.MapBar(2);
        block.Write(0x1000, 0x1122334455667788ul);
        Assert.Equal((1u, 0u), Command(registers, 0x101000, 8, 3));
        Assert.Equal(0x1122334455667788ul, buffer.Read<ulong>(0));
        Assert.Equal((1u, 0u), Command(registers, 0x100000, 8, 1));
        Assert.Equal(0x1122334455667788ul, block.Read<ulong>(0));
        Assert.Equal((2u, 2u), Command(registers, 0x102000, 8, 1)); // not mapped

        bench.Ioctl(VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT, new VfioDeviceDetachIommufdPt { Argsz = 8 });
        Assert.Equal((2u, 1u), Command(registers, 0x100000, 8, 1)); // not attached
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY);
        Assert.Equal((2u, 5u), Command(registers, 0x100000, 8, 1)); // not a bus master
    }

    [Fact]
    public void AProgramThatClosesLeavesNothingInTheBarsForTheNext()
    {
        using var bench = new VfioBench();
        SharedBytes buffer = bench.MapBar(2);
        buffer.Write(0, 0x5ecul);
        Assert.Equal(0x5ecu, bench.Read(2, 0, 4));
        bench.Close();
        buffer.Write(0, 0xbadul);
        NodeFile next = bench.OpenFile();
        Assert.Equal(SysResult.Ok(), bench.Bind(next));
        Assert.Equal(SysResult.Ok(8), next.Read(bench.Caller, Region(2), bench.Caller.Scratch, 8));
        Assert.Equal(0ul, bench.Caller.Get<ulong>(bench.Caller.Scratch));
        next.Close();
    }

    [Fact]
    public void ResettingWhileThreadsUseTheDeviceHarmsNobody()
    {
        using var bench = new VfioBench();
        (uint ioas, _) = bench.NewIoas(0x100000, 0x1000);
        bench.Attach(ioas, out _);
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_MASTER);
        SharedBytes registers = bench.MapBar(0);
        Parallel.For(0, 3, n =>
        {
            for (int i = 0; i < 300; i++)
            {
                if (n == 0) Assert.Equal(SysResult.Ok(), bench.File.Ioctl(bench.Caller, VfioH.VFIO_DEVICE_RESET, 0));
                else if (n == 1)
                {
                    registers.Write(0, 0x100000ul);
                    registers.Write(0x08, 1u);
                }
                else bench.Device.Slot.Write(0, 0x08, 4, 3);
            }
        });
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_RESET));
        Assert.Equal((1u, 0u), Command(registers, 0x100000, 64, 3));
        Assert.Equal(1u, registers.Read<uint>(0x20));
    }

    private static (uint Status, uint Reason) Command(SharedBytes registers, ulong iova, uint length, uint command)
    {
        registers.Write(0x00, iova);
        registers.Write(0x10, length);
        registers.Write(0x08, command);
        SlotBench.Until(() => (registers.Read<uint>(0x08) & 1) == 0);
        return (registers.Read<uint>(0x14), registers.Read<uint>(0x18));
    }
}
