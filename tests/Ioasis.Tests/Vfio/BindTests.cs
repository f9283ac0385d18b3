using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using static Ioasis.Tests.Vfio.VfioBench;

namespace Ioasis.Tests.Vfio;

/// <summary>What binding and attaching answer. Measured on Linux 7.2 with vfio-pci.</summary>
public sealed class BindTests
{
    [Fact]
    public void BeforeBindEverythingElseIsRefused()
    {
        using var bench = new VfioBench(bound: false);
        foreach (uint command in new[] { VfioH.VFIO_DEVICE_GET_INFO, VfioH.VFIO_DEVICE_RESET,
            VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, 0x3bffu, 0x5401u })
            Assert.Equal(Errno.EINVAL, bench.Ioctl(command).Errno);
        Assert.Equal(Errno.EINVAL, bench.File.Read(bench.Caller, Region(7), bench.Caller.Scratch, 0).Errno);
        Assert.Equal(Errno.EINVAL, bench.File.Read(bench.Caller, Region(7), bench.Caller.Scratch, 4).Errno);
        Assert.Equal(Errno.EINVAL, bench.File.Write(bench.Caller, Region(7), bench.Caller.Scratch, 4).Errno);
        Assert.Equal(Errno.EINVAL, bench.File.Map(Region(0), 4096, true, true, true, false));
    }

    [Fact]
    public void AWrongStructureIsRefusedAndBindsNothing()
    {
        using var bench = new VfioBench(bound: false);
        ulong at = bench.Caller.Scratch;
        Assert.Equal(Errno.EFAULT, bench.File.Ioctl(bench.Caller, VfioH.VFIO_DEVICE_BIND_IOMMUFD, 0).Errno);
        Assert.Equal(Errno.EINVAL, Bind(15, 0, IommuFd));
        Assert.Equal(Errno.EINVAL, Bind(16, 2, IommuFd));
        Assert.Equal(Errno.EINVAL, Bind(16, 0, -1));
        Assert.Equal(Errno.EBADF, Bind(16, 0, ClosedFd));
        Assert.Equal(Errno.EBADFD, Bind(16, 0, PipeFd));
        Assert.Equal(Errno.EBADFD, Bind(16, 0, DeviceFd));
        Assert.Equal(Errno.EFAULT, Bind(24, 1, IommuFd, token: 0));
        Assert.Equal(Errno.EINVAL, Bind(24, 1, IommuFd, token: at));
        bench.Caller.Put(at + 40, (byte)1);
        Assert.Equal(Errno.E2BIG, Bind(64, 0, IommuFd));
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_RESET).Errno); // still not bound
        bench.Caller.Put(at + 40, (byte)0);
        Assert.Equal(Errno.None, Bind(64, 0, IommuFd));
        Assert.Equal(Errno.None, bench.Ioctl(VfioH.VFIO_DEVICE_RESET).Errno);

        Errno Bind(uint argsz, uint flags, int fd, ulong token = 0)
        {
            bench.Caller.Put(at, new VfioDeviceBindIommufd
            {
                Argsz = argsz,
                Flags = flags,
                Iommufd = fd,
                TokenUuidPtr = token
            });
            return bench.File.Ioctl(bench.Caller, VfioH.VFIO_DEVICE_BIND_IOMMUFD, at).Errno;
        }
    }

    [Fact]
    public void AnIdThatCannotBeHandedOutUndoesTheBind()
    {
        using var bench = new VfioBench(bound: false);
        bench.Caller.IsReadOnly = true;
        Assert.Equal(Errno.EFAULT, bench.Bind(bench.File).Errno);
        bench.Caller.IsReadOnly = false;
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_RESET).Errno);
        Assert.Equal(SysResult.Ok(), bench.Bind(bench.OpenFile())); // another file can
    }

    [Fact]
    public void OneFileBindsAtATime()
    {
        using var bench = new VfioBench();
        NodeFile second = bench.OpenFile();
        Assert.Equal(Errno.EINVAL, bench.Bind(bench.File).Errno);
        Assert.Equal(Errno.EINVAL, bench.Bind(bench.File, ClosedFd).Errno);
        Assert.Equal(Errno.EINVAL, bench.Bind(second).Errno);
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VfioH.VFIO_DEVICE_RESET, second).Errno);
        bench.Close();
        Assert.Equal(SysResult.Ok(), bench.Bind(second));
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_RESET, second));
        second.Close();
    }

    [Fact]
    public void AClosedContextLivesOnWhileADeviceIsBound()
    {
        using var bench = new VfioBench();
        (uint ioas, _) = bench.NewIoas(0x10000, 0x1000);
        bench.Context.Close();
        Assert.Equal(SysResult.Ok(), bench.Attach(ioas, out _));
        bench.Close(); // the last one
        Assert.Equal(Errno.ENOENT,
            bench.Iommufd(IommufdH.IOMMU_DESTROY, new IommuDestroy { Size = 8, Id = ioas }, out _).Errno);
    }

    [Fact]
    public void AttachingChecksItsStructure()
    {
        using var bench = new VfioBench();
        (uint ioas, _) = bench.NewIoas(0x10000, 0x1000);
        Assert.Equal(Errno.EINVAL, Attach(11, 0, ioas));
        Assert.Equal(Errno.EINVAL, Attach(12, 2, ioas));
        Assert.Equal(Errno.EINVAL, Attach(12, 1, ioas, 5));
        Assert.Equal(Errno.EINVAL, Attach(16, 1, ioas, 1 << 20));
        Assert.Equal(Errno.ENOENT, Attach(16, 1, 9999, 1 << 20));
        Assert.Equal(Errno.ENOSPC, Attach(16, 1, 9999, 1u << 31));
        Assert.Equal(Errno.ENOENT, Attach(12, 0, 9999));
        Assert.Null(bench.Endpoint.Attached);
        Assert.Equal(Errno.None, Attach(12, 0, ioas));
        Assert.NotNull(bench.Endpoint.Attached);

        Errno Attach(uint argsz, uint flags, uint id, uint pasid = 0) => bench.Ioctl(
            VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT,
                new VfioDeviceAttachIommufdPt { Argsz = argsz, Flags = flags, PtId = id, Pasid = pasid }).Errno;
    }

    [Fact]
    public void AttachingAgainMovesAndDetachingIsAlwaysPossible()
    {
        using var bench = new VfioBench();
        (uint first, _) = bench.NewIoas(0x10000, 0x1000);
        (uint second, _) = bench.NewIoas(0x10000, 0x1000);
        Assert.Equal(Errno.None, Detach(8, 0));
        Assert.Equal(SysResult.Ok(), bench.Attach(first, out uint hwpt));
        Assert.NotEqual(first, hwpt);
        object? before = bench.Endpoint.Attached;
        Assert.Equal(SysResult.Ok(), bench.Attach(first, out uint again));
        Assert.Equal(hwpt, again);
        Assert.Equal(SysResult.Ok(), bench.Attach(second, out _));
        Assert.NotSame(before, bench.Endpoint.Attached);
        Assert.Equal(Errno.EINVAL, Detach(7, 0));
        Assert.Equal(Errno.EINVAL, Detach(8, 2));
        Assert.Equal(Errno.EINVAL, Detach(8, 1));
        Assert.Equal(Errno.None, Detach(12, 1, 5));
        Assert.Equal(Errno.None, Detach(12, 1, 1u << 31));
        Assert.NotNull(bench.Endpoint.Attached);
        Assert.Equal(Errno.None, Detach(8, 0));
        Assert.Null(bench.Endpoint.Attached);

        Errno Detach(uint argsz, uint flags, uint pasid = 0) => bench.Ioctl(
            VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT,
                new VfioDeviceDetachIommufdPt { Argsz = argsz, Flags = flags, Pasid = pasid }).Errno;
    }

    [Fact]
    public void AttachingThroughPasid0OccupiesTheDeviceItself()
    {
        using var bench = new VfioBench();
        (uint ioas, _) = bench.NewIoas(0x10000, 0x1000);
        var zero = new VfioDeviceAttachIommufdPt { Argsz = 16, Flags = 1, PtId = ioas };
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, zero));
        Assert.NotNull(bench.Endpoint.Attached);
        Assert.Equal(Errno.EBUSY, bench.Attach(ioas, out _).Errno);
    }

    [Fact]
    public void AnIdThatCannotBeHandedOutUndoesTheAttach()
    {
        using var bench = new VfioBench();
        (uint ioas, _) = bench.NewIoas(0x10000, 0x1000);
        bench.Caller.IsReadOnly = true;
        Assert.Equal(Errno.EFAULT, bench.Attach(ioas, out _).Errno);
        Assert.Null(bench.Endpoint.Attached);
    }

    [Fact]
    public void ClosingGivesEverythingBack()
    {
        using var bench = new VfioBench();
        (uint ioas, _) = bench.NewIoas(0x10000, 0x1000);
        bench.Attach(ioas, out _);
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_MASTER);
        FakeEvent counter = bench.Caller.AddEvent(20);
        Assert.Equal(SysResult.Ok(),
            bench.SetIrqs(VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 2, 20, 20));
        Assert.Equal(SysResult.Ok(),
            bench.SetIrqs(VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER, 4, 0, 1, 20));
        bench.MapBar(0);
        bench.Write(0, 0x00, 8, 0x1234);
        Assert.True(bench.Endpoint.CanSend);
        Assert.Equal(3, counter.Holders);

        bench.Close();
        Assert.Null(bench.Endpoint.Attached);
        Assert.False(bench.Endpoint.CanSend);
        Assert.Equal(0, counter.Holders);
        Assert.Equal(0ul, bench.Device.Slot.Read(0, 0, 8));
        // nobody uses it
        Assert.Equal(SysResult.Ok(),
            bench.Iommufd(IommufdH.IOMMU_DESTROY, new IommuDestroy { Size = 8, Id = ioas }, out _));
        Assert.Equal(SysResult.Ok(), bench.Bind(bench.OpenFile()));
    }

    [Fact]
    public void ClosingEndsADmaInFlight()
    {
        using var bench = new VfioBench();
        (uint ioas, Ioasis.Memory.HostBlock block) = bench.NewIoas(0x10000, 0x1000);
        bench.Attach(ioas, out _);
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_MASTER);
        bench.Write(2, 64, 8, ulong.MaxValue);
        bench.Write(0, 0x00, 8, 0x10000);
        bench.Write(0, 0x28, 4, 50_000);
        bench.Write(0, 0x08, 4, 1);
        bench.Close();
        Assert.Equal(0ul, block.Read<ulong>(64));
        Assert.Equal(0, bench.Unit.Faults.Count);
        Assert.Equal(0ul, bench.Device.Slot.Read(0, 0x08, 4));
    }
}
