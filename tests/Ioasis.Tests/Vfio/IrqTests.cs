using Ioasis.Abi;
using Ioasis.Devices;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Tests.Vfio;

/// <summary>SET_IRQS. What it answers was measured on Linux 7.2 with vfio-pci.</summary>
public sealed class IrqTests
{
    private const uint None = VFIO_IRQ_SET_DATA_NONE, Bool = VFIO_IRQ_SET_DATA_BOOL, Event = VFIO_IRQ_SET_DATA_EVENTFD;
    private const uint Mask = VFIO_IRQ_SET_ACTION_MASK, Unmask = VFIO_IRQ_SET_ACTION_UNMASK,
        Trigger = VFIO_IRQ_SET_ACTION_TRIGGER;
    private const uint Intx = 0, Msi = 1, Msix = 2, Err = 3, Req = 4;
    private const int Fd = 20, Fd2 = 21;

    [Theory]
    [InlineData(0u, Intx, 0u, 1u, Errno.EINVAL)]
    [InlineData(None | Bool | Trigger, Intx, 0u, 1u, Errno.EINVAL)]
    [InlineData(None, Intx, 0u, 1u, Errno.ENOTTY)]
    [InlineData(None | Mask | Trigger, Intx, 0u, 1u, Errno.ENOTTY)]
    [InlineData(64 | None | Trigger, Intx, 0u, 1u, Errno.EINVAL)]
    [InlineData(None | Trigger, Intx, 1u, 0u, Errno.EINVAL)]
    [InlineData(None | Trigger, Intx, 0u, 2u, Errno.EINVAL)]
    [InlineData(None | Trigger, Intx, 0u, 0xffffffffu, Errno.EINVAL)]
    [InlineData(None | Trigger, Intx, 0xffffffffu, 1u, Errno.EINVAL)]
    [InlineData(Event | Trigger, Intx, 0u, 1u, Errno.EINVAL)] // no data
    [InlineData(Bool | Trigger, Intx, 0u, 1u, Errno.EINVAL)]
    [InlineData(None | Trigger, Intx, 0u, 0u, Errno.EINVAL)] // not enabled
    [InlineData(None | Trigger, Intx, 0u, 1u, Errno.EINVAL)]
    [InlineData(None | Mask, Intx, 0u, 1u, Errno.EINVAL)]
    [InlineData(None | Unmask, Intx, 0u, 1u, Errno.EINVAL)]
    [InlineData(None | Trigger, Msi, 0u, 0u, Errno.EINVAL)]
    [InlineData(None | Trigger, Msi, 0u, 1u, Errno.EINVAL)]
    [InlineData(Event | Trigger, Msi, 0u, 0u, Errno.ERANGE)]
    [InlineData(Bool | Trigger, Msi, 0u, 0u, Errno.EINVAL)]
    [InlineData(None | Mask, Msi, 0u, 1u, Errno.ENOTTY)]
    [InlineData(None | Unmask, Msi, 0u, 1u, Errno.ENOTTY)]
    [InlineData(None | Trigger, Msix, 0u, 0u, Errno.EINVAL)] // edu has no MSI-X
    [InlineData(Event | Trigger, Msix, 0u, 0u, Errno.EINVAL)]
    [InlineData(None | Trigger, Err, 0u, 0u, Errno.EINVAL)] // nor errors
    [InlineData(None | Trigger, Req, 0u, 0u, Errno.EINVAL)]
    [InlineData(None | Trigger, Req, 0u, 1u, Errno.EINVAL)]
    [InlineData(Bool | Trigger, Req, 0u, 0u, Errno.EINVAL)]
    [InlineData(Event | Trigger, Req, 0u, 0u, Errno.EINVAL)]
    [InlineData(None | Mask, Req, 0u, 1u, Errno.ENOTTY)]
    [InlineData(None | Trigger, 5u, 0u, 0u, Errno.EINVAL)]
    public void WhatIsAskedWronglyIsRefused(uint flags, uint index, uint start, uint count, Errno expected)
    {
        using var bench = new VfioBench(new EduDevice());
        Assert.Equal(expected, bench.SetIrqs(flags, index, start, count).Errno);
    }

    [Fact]
    public void AShortOrUnreadableStructureIsRefused()
    {
        using var bench = new VfioBench();
        Assert.Equal(Errno.EFAULT, bench.Ioctl(VFIO_DEVICE_SET_IRQS).Errno);
        Assert.Equal(Errno.EINVAL, bench.Ioctl(VFIO_DEVICE_SET_IRQS,
                new VfioIrqSet { Argsz = 19, Flags = None | Trigger, Index = Req, Count = 1 }).Errno);
        ulong at = bench.Caller.ScratchEnd - 22;
        bench.Caller.Put(at, new VfioIrqSet { Argsz = 24, Flags = Event | Trigger, Index = Req, Count = 1 });
        Assert.Equal(Errno.EFAULT, bench.File.Ioctl(bench.Caller, VFIO_DEVICE_SET_IRQS, at).Errno);
        Assert.Equal(Errno.EINVAL, bench.SetIrqsData(Event | Trigger, Req, 0, 1, [1, 0]).Errno);
    }

    [Fact]
    public void IntxIsEnabledMaskedAndFiredByTheProgram()
    {
        using var bench = new VfioBench(new EduDevice());
        FakeEvent counter = bench.Caller.AddEvent(Fd);
        Assert.Equal(Errno.EBADF, bench.SetIrqs(Event | Trigger, Intx, 0, 1, VfioBench.ClosedFd).Errno);
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Trigger, Intx, 0, 1, VfioBench.PipeFd).Errno);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, Intx, 0, 1, -2)); // enabled, and nobody listens
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Trigger, Intx, 0, 0));
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, Intx, 0, 1, Fd));
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Trigger, Msi, 0, 1, Fd).Errno);
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(None | Trigger, Msi, 0, 0).Errno);
        bench.SetIrqs(None | Trigger, Intx, 0, 1);
        Assert.Equal(1, counter.Take());
        bench.SetIrqsData(Bool | Trigger, Intx, 0, 1, [0]);
        Assert.Equal(0, counter.Take());
        bench.SetIrqsData(Bool | Trigger, Intx, 0, 1, [1]);
        Assert.Equal(1, counter.Take());
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Mask, Intx, 0, 1));
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(None | Mask, Intx, 0, 0).Errno);
        bench.SetIrqs(None | Trigger, Intx, 0, 1); // a program's own trigger is never masked
        Assert.Equal(1, counter.Take());
        Assert.Equal(Errno.ENOTTY, bench.SetIrqs(Event | Mask, Intx, 0, 1, Fd).Errno);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Unmask, Intx, 0, 1, Fd));
        Assert.Equal(Errno.EBUSY, bench.SetIrqs(Event | Unmask, Intx, 0, 1, Fd).Errno);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Unmask, Intx, 0, 1, -1));
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Unmask, Intx, 0, 1, VfioBench.PipeFd).Errno);
        Assert.Equal(Errno.EBADF, bench.SetIrqs(Event | Unmask, Intx, 0, 1, VfioBench.ClosedFd).Errno);
        Assert.Equal(Errno.EBADF, bench.SetIrqs(Event | Trigger, Intx, 0, 1, VfioBench.ClosedFd).Errno);
        bench.SetIrqs(None | Trigger, Intx, 0, 1);
        Assert.Equal(1, counter.Take()); // the former eventfd is still there
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Trigger, Intx, 0, 0).Errno);
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_INTX_DISABLE);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Trigger, Intx, 0, 1));
        Assert.Equal(0, counter.Take());
        Assert.Equal(1, counter.Holders);
        bench.SetIrqs(None | Trigger, Intx, 0, 0);
        Assert.Equal(0, counter.Holders);
    }

    [Fact]
    public void AnUnmaskEventfdThatNoProgramHasAnyMoreIsForgotten()
    {
        const int first = Fd + 1, second = Fd + 2;
        using var bench = new VfioBench(new EduDevice());
        bench.Caller.AddEvent(Fd);
        FakeEvent closed = bench.Caller.AddEvent(first), next = bench.Caller.AddEvent(second);
        bench.SetIrqs(Event | Trigger, Intx, 0, 1, Fd);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Unmask, Intx, 0, 1, first));
        Assert.Equal(Errno.EBUSY, bench.SetIrqs(Event | Unmask, Intx, 0, 1, second).Errno);
        Assert.Equal((1, 0), (closed.Holders, next.Holders));
        Action former = closed.Listener!;
        closed.IsClosed = true;
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Unmask, Intx, 0, 1, second));
        Assert.Equal((0, 1), (closed.Holders, next.Holders));
        FakeEvent interrupts = bench.Caller.AddEvent(Fd);
        bench.SetIrqs(Event | Trigger, Intx, 0, 1, Fd);
        bench.Write(0, 0x60, 4, 1);
        Assert.Equal(1, interrupts.Take());
        former(); // what it still tells is of no interest
        Assert.Equal(0, interrupts.Take());
        next.Listener!();
        Assert.Equal(1, interrupts.Take());
    }

    [Fact]
    public void IntxMasksItselfAndSignalsAgainWhileTheLineIsAsserted()
    {
        using var bench = new VfioBench(new EduDevice());
        FakeEvent counter = bench.Caller.AddEvent(Fd);
        bench.SetIrqs(Event | Trigger, Intx, 0, 1, Fd);
        Assert.Equal(0u, bench.Config(PciRegs.PCI_STATUS, 2) & PciRegs.PCI_STATUS_INTERRUPT);
        bench.Write(0, 0x60, 4, 1);
        Assert.NotEqual(0u, bench.Config(PciRegs.PCI_STATUS, 2) & PciRegs.PCI_STATUS_INTERRUPT);
        Assert.Equal(1, counter.Take());
        bench.Write(0, 0x60, 4, 2); // still asserted, still masked
        Assert.Equal(0, counter.Take());
        bench.SetIrqs(None | Unmask, Intx, 0, 1);
        Assert.Equal(1, counter.Take());
        bench.Write(0, 0x64, 4, 3);
        bench.Write(0, 0x60, 4, 1); // asserted anew, but nobody unmasked
        Assert.Equal(0, counter.Take());
        bench.Write(0, 0x64, 4, 1);
        bench.SetIrqs(None | Unmask, Intx, 0, 1);
        Assert.Equal(0, counter.Take());
        bench.Write(0, 0x60, 4, 1);
        Assert.Equal(1, counter.Take());
    }

    [Fact]
    public void AnAssertedLineFiresWhenIntxIsEnabledOrItsDisableBitIsCleared()
    {
        using var bench = new VfioBench(new EduDevice());
        FakeEvent counter = bench.Caller.AddEvent(Fd);
        bench.Write(0, 0x60, 4, 1);
        bench.SetIrqs(Event | Trigger, Intx, 0, 1, Fd);
        Assert.Equal(1, counter.Take());
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_INTX_DISABLE);
        bench.SetIrqs(None | Unmask, Intx, 0, 1);
        Assert.Equal(0, counter.Take());
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY);
        Assert.Equal(1, counter.Take());
        bench.Ioctl(VFIO_DEVICE_RESET);
        Assert.Equal(0u, bench.Config(PciRegs.PCI_STATUS, 2) & PciRegs.PCI_STATUS_INTERRUPT);
        bench.SetIrqs(None | Unmask, Intx, 0, 1);
        Assert.Equal(0, counter.Take());
        bench.Write(0, 0x60, 4, 1);
        Assert.Equal(1, counter.Take());
    }

    [Fact]
    public void MsiCannotGrowAndLosesAVectorWhoseEventfdIsBad()
    {
        using var bench = new VfioBench(new MultiMsi());
        FakeEvent counter = bench.Caller.AddEvent(Fd), second = bench.Caller.AddEvent(Fd2);
        Assert.Equal(Errno.EBADF, bench.SetIrqs(Event | Trigger, Msi, 0, 1, VfioBench.ClosedFd).Errno);
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(None | Trigger, Msi, 0, 1).Errno); // it was not enabled
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, Msi, 0, 2, Fd, -5));
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Trigger, Msi, 0, 2));
        Assert.Equal(1, counter.Take());
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Trigger, Intx, 0, 1, Fd).Errno);
        // vector 2 was not allocated
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Trigger, Msi, 1, 2, Fd2, Fd2).Errno);
        Assert.Equal(0, second.Holders);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, Msi, 1, 1, Fd2));
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, Msi, 2, 1, -1));
        bench.SetIrqsData(Bool | Trigger, Msi, 0, 2, [0, 1]);
        Assert.Equal((0, 1), (counter.Take(), second.Take()));
        Assert.Equal(Errno.EBADF, bench.SetIrqs(Event | Trigger, Msi, 0, 1, VfioBench.ClosedFd).Errno);
        bench.SetIrqs(None | Trigger, Msi, 0, 2);
        Assert.Equal((0, 1), (counter.Take(), second.Take()));
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Trigger, Msi, 0, 0));
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(None | Trigger, Msi, 0, 0).Errno);
        Assert.Equal((0, 0), (counter.Holders, second.Holders));
    }

    [Fact]
    public void MsixGrowsAndAFailedCallTakesItsVectorsDown()
    {
        using var bench = new VfioBench();
        FakeEvent counter = bench.Caller.AddEvent(Fd), second = bench.Caller.AddEvent(Fd2);
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, Msix, 1, 1, Fd));
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, Msix, 3, 1, Fd2));
        bench.SetIrqs(None | Trigger, Msix, 0, 4);
        Assert.Equal((1, 1), (counter.Take(), second.Take()));
        Assert.Equal(Errno.EBADF, bench.SetIrqs(Event | Trigger, Msix, 0, 3, Fd, Fd, VfioBench.ClosedFd).Errno);
        bench.SetIrqs(None | Trigger, Msix, 0, 4);
        Assert.Equal((0, 1), (counter.Take(), second.Take())); // 0 to 2 are gone, 3 is not
        Assert.Equal(SysResult.Ok(), bench.Ioctl(VFIO_DEVICE_RESET));
        bench.SetIrqs(None | Trigger, Msix, 3, 1);
        Assert.Equal(1, second.Take()); // a reset leaves the program's side alone
        Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Trigger, Msix, 3, 2, Fd, Fd).Errno); // there are only 4
        Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Trigger, Msix, 0, 0));
        Assert.Equal((0, 0), (counter.Holders, second.Holders));
    }

    [Fact]
    public void ErrorAndRequestHaveOneEventfdEach()
    {
        using var bench = new VfioBench();
        FakeEvent counter = bench.Caller.AddEvent(Fd);
        foreach (uint index in new[] { Err, Req })
        {
            Assert.Equal(Errno.EINVAL, bench.SetIrqs(None | Trigger, index, 0, 1).Errno);
            Assert.Equal(SysResult.Ok(), bench.SetIrqsData(Bool | Trigger, index, 0, 1, [1]));
            Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, index, 0, 1, Fd));
            Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Trigger, index, 0, 1));
            Assert.Equal(1, counter.Take());
            Assert.Equal(Errno.EINVAL, bench.SetIrqs(Event | Trigger, index, 0, 1, -2).Errno);
            Assert.Equal(Errno.EBADF, bench.SetIrqs(Event | Trigger, index, 0, 1, VfioBench.ClosedFd).Errno);
            Assert.Equal(1, counter.Holders);
            Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, index, 0, 1, -1));
            Assert.Equal(0, counter.Holders);
            Assert.Equal(SysResult.Ok(), bench.SetIrqs(Event | Trigger, index, 0, 1, -1));
            bench.SetIrqs(Event | Trigger, index, 0, 1, Fd);
            Assert.Equal(SysResult.Ok(), bench.SetIrqs(None | Trigger, index, 0, 0));
            Assert.Equal(0, counter.Holders);
            Assert.Equal(Errno.ENOTTY, bench.SetIrqs(None | Mask, index, 0, 1).Errno);
        }
    }

    [Fact]
    public void AMessageOfTheDeviceNeedsBusMasteringAndSomebodyWhoListens()
    {
        using var bench = new VfioBench(new MultiMsi());
        FakeEvent counter = bench.Caller.AddEvent(Fd), second = bench.Caller.AddEvent(Fd2);
        bench.Write(0, 0, 4, 1);
        Assert.Equal(0ul, bench.Read(0, 4, 4)); // no message was enabled
        bench.SetIrqs(Event | Trigger, Msi, 0, 2, Fd, Fd2);
        bench.Write(0, 0, 4, 1);
        Assert.Equal(1ul, bench.Read(0, 4, 4));
        Assert.Equal((0, 0), (counter.Take(), second.Take())); // lost
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_MASTER);
        bench.Write(0, 0, 4, 1);
        Assert.Equal((0, 1), (counter.Take(), second.Take()));
        bench.Write(0, 0, 4, 6); // modulo the two that the program allowed
        Assert.Equal((1, 0), (counter.Take(), second.Take()));
    }

    [Fact]
    public void DmatestRaisesTheVectorItWasAskedFor()
    {
        using var bench = new VfioBench();
        FakeEvent counter = bench.Caller.AddEvent(Fd), second = bench.Caller.AddEvent(Fd2);
        bench.SetConfig(PciRegs.PCI_COMMAND, 2, PciRegs.PCI_COMMAND_MEMORY | PciRegs.PCI_COMMAND_MASTER);
        bench.SetIrqs(Event | Trigger, Msix, 0, 4, Fd, -1, Fd2, -1);
        foreach (uint vector in new uint[] { 0, 1, 2, 9 })
        {
            bench.Write(0, 0x1c, 4, vector);
            bench.Write(0, 0x08, 4, 1);
            Devices.SlotBench.Until(() => bench.Read(0, 0x08, 4) == 0);
        }

        Devices.SlotBench.Until(() => counter.Signals == 1 && second.Signals == 1);
    }

    /// <summary>
    /// A function with four MSI vectors: what is written to register 0 is raised, and register 4 tells whether it could
    /// be.
    /// </summary>
    private sealed class MultiMsi : PciDeviceModel
    {
        private static readonly Register s_raise = new("raise", 0, 4, RegisterKind.Doorbell);
        private static readonly Register s_done = new("done", 4, 4, RegisterKind.ReadOnly);
        private IPciSlot _slot = null!;

        public override PciFunction Function { get; } = new()
        {
            VendorId = 1,
            DeviceId = 2,
            ClassCode = 0xff0000,
            MsiVectors = 4,
            HasInterruptPin = true,
            Bars = [new Bar { Index = 0, Size = 4096, Registers = [s_raise, s_done] }],
        };

        public override void Plug(IPciSlot slot) => _slot = slot;

        public override void Ring(int bar, Register register, ulong value) =>
            _slot.Publish(0, s_done, _slot.RaiseMessage((int)value) ? 1u : 0);

        public override void Reset()
        {
        }

        public override void Unplug()
        {
        }
    }
}
