using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Core.Faults;
using Ioasis.Memory;
using Ioasis.Tests.Vfio;
using static Ioasis.Abi.VhostH;
using static Ioasis.Tests.Vdpa.VdpaProgram;

namespace Ioasis.Tests.Vdpa;

/// <summary>The messages of the IOTLB, and what the device reaches after them.</summary>
public sealed class IotlbTests
{
    private const long Fault = -(long)Errno.EFAULT, Invalid = -(long)Errno.EINVAL;
    private const ulong LastPage = (1ul << 48) - Page;

    [Fact]
    public void AMessageIsReadBeforeItIsJudged()
    {
        using var program = new VdpaProgram();
        ulong memory = program.Memory;
        Assert.Equal(Invalid, program.Send(Update, 0x1000, Page, memory, count: 39));
        Assert.Equal(Invalid, program.Send(Update, 0x1000, Page, memory, layout: 0));
        Assert.Equal(Invalid, program.Send(Update, 0x1000, Page, memory, layout: 3));
        Assert.Equal(Invalid, program.Send(Update, 0x1000, 0, memory));
        Assert.Equal(Errno.EINVAL, program.File.WriteMessage(program.Caller, FakeCaller.BadAddress, 72).Errno);
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, memory, count: 40));
        Assert.Equal(Whole, program.Send(Update, 0x2000, Page, memory, count: 100));
        Assert.Equal(Whole, program.Send(Update, 0x3000, Page, memory, layout: 1, asid: 0xdeadbeef));
    }

    [Fact]
    public void AnAddressSpaceIsNamedOnlyIfThatWasAcknowledged()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory, asid: 77));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_BACKEND_FEATURES, 0x1eul));
        Assert.Equal(Fault, program.Send(Update, 0x2000, Page, program.Memory, asid: 77));
        Assert.Equal(Fault, program.Send(Update, 0x2000, Page, program.Memory, asid: 2));
        Assert.Equal(Fault, program.Send(Invalidate, 0x2000, Page, asid: 1)); // never used
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory, asid: 1));
        Assert.Equal(Whole, program.Send(Invalidate, 0x2000, Page, asid: 1));
    }

    [Fact]
    public void WhatIsWrongWithAMessageIsEfault()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory));
        Assert.Equal(Fault, program.Send(Update, 0x1000, Page, program.Memory));
        Assert.Equal(Fault, program.Send(Update, 0, 2 * Page, program.Memory));
        Assert.Equal(Fault, program.Send(Update, 0x1fff, 1, program.Memory)); // within the page of an entry
        Assert.Equal(Fault, program.Send(Update, ~0xffful, 2 * Page, program.Memory));
        Assert.Equal(Fault, program.Send(Update, LastPage + Page, Page, program.Memory));
        Assert.Equal(Whole, program.Send(Update, LastPage, Page, program.Memory));
        Assert.Equal(Fault, program.Send(Update, 0x10000, Page, 0x1000)); // no such memory
        foreach (byte type in (byte[])[0, VHOST_IOTLB_MISS, VHOST_IOTLB_ACCESS_FAIL, 200])
            Assert.Equal(Fault, program.Send(type));
    }

    [Theory]
    [InlineData(0, false, false)]
    [InlineData(1, true, false)]
    [InlineData(2, false, true)]
    [InlineData(3, true, true)]
    [InlineData(4, false, false)]
    public void PermissionsAreThoseOfTheDevice(byte perm, bool reads, bool writes)
    {
        using var program = new VdpaProgram();
        using DmaPort port = program.OpenPort();
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory, perm));
        Assert.Equal(Fault, program.Send(Update, 0x1000, Page, program.Memory, perm));
        Assert.Equal(reads, port.Read(new Iova(0x1000), new byte[8]).IsOk);
        Assert.Equal(writes, port.Write(new Iova(0x1000), new byte[8]).IsOk);
        Assert.Equal((reads ? 0 : 1) + (writes ? 0 : 1), program.Device.Endpoint.Unit.Faults.Count);
    }

    [Fact]
    public void ADeviceReachesWhatItsAddressSpaceMaps()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_BACKEND_FEATURES, 0x1eul));
        using DmaPort port = program.OpenPort();
        Span<byte> bytes = stackalloc byte[4];
        Assert.Equal(FaultReason.NotAttached, port.Read(new Iova(0x1000), bytes).Reason);
        Assert.Equal(Whole, program.Send(Update, 0x1000, 2 * Page, program.Memory));
        program.Caller.Put(program.Memory + Page, 0x12345678u);
        Assert.True(port.Read(new Iova(0x2000), bytes).IsOk);
        Assert.Equal(0x12345678u, BitConverter.ToUInt32(bytes));

        // Another group has the same address space until it is given its own, from the next start on.
        Assert.Equal(Errno.None, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 1, 1));
        using DmaPort control = program.OpenPort(group: 1);
        Assert.False(control.Read(new Iova(0x2000), bytes).IsOk);
        Assert.Equal(Whole, program.Send(Update, 0x2000, Page, program.Memory + (5 * Page), asid: 1));
        program.Caller.Put(program.Memory + (5 * Page), 0x9abcdef0u);
        Assert.True(control.Read(new Iova(0x2000), bytes).IsOk);
        Assert.Equal(0x9abcdef0u, BitConverter.ToUInt32(bytes));
        Assert.Equal(Whole, program.Send(Invalidate, 0x2000, Page));
        Assert.False(port.Read(new Iova(0x2000), bytes).IsOk);
        Assert.True(control.Read(new Iova(0x2000), bytes).IsOk);
    }

    [Fact]
    public void AnEntryHasWholePages()
    {
        using var program = new VdpaProgram();
        using DmaPort port = program.OpenPort();
        Assert.Equal(Whole, program.Send(Update, 0x90010, 0x10, program.Memory + 0x20));
        Assert.Equal(1ul, program.Pins.Pinned);
        program.Caller.Put(program.Memory, 0x11u);
        Span<byte> bytes = stackalloc byte[4];
        Assert.True(port.Read(new Iova(0x90000), bytes).IsOk);
        Assert.Equal(0x11u, BitConverter.ToUInt32(bytes));
        Assert.Equal(Whole, program.Send(Update, 0xa0ff8, 0x10, program.Memory)); // over the end of a page
        Assert.Equal(3ul, program.Pins.Pinned);
    }

    [Fact]
    public void AnInvalidationTakesWholeEntries()
    {
        using var program = new VdpaProgram();
        for (ulong i = 0; i < 8; i++)
            Assert.Equal(Whole, program.Send(Update, i * 4 * Page, 2 * Page, program.Memory));
        Assert.Equal(16ul, program.Pins.Pinned);
        Assert.Equal(Whole, program.Send(Invalidate, 0x1800, 0x10));
        Assert.Equal(14ul, program.Pins.Pinned);
        Assert.Equal(Whole, program.Send(Invalidate, 0x2000, 2 * Page)); // nothing there
        Assert.Equal(Whole, program.Send(Invalidate, 4 * Page, 0)); // ends before it begins
        Assert.Equal(14ul, program.Pins.Pinned);
        Assert.Equal(Whole, program.Send(Invalidate, 5 * Page, 0)); // and these two addresses are one entry's
        Assert.Equal(12ul, program.Pins.Pinned);
        Assert.Equal(Whole, program.Send(Invalidate, 9 * Page, 8 * Page)); // from within one into another
        Assert.Equal(6ul, program.Pins.Pinned);
        Assert.Equal(Whole, program.Send(Invalidate, 0, 0));
        Assert.Equal(0ul, program.Pins.Pinned);
        Assert.Equal(Whole, program.Send(Update, LastPage, Page, program.Memory));
        Assert.Equal(Whole, program.Send(Invalidate, 0, ulong.MaxValue));
        Assert.Equal(0ul, program.Pins.Pinned);
    }

    [Fact]
    public void TheLimitOfLockedMemoryIsForWhatIsPinned()
    {
        using var program = new VdpaProgram();
        program.Pins.Limit = 4 * Page;
        Assert.Equal(Whole, program.Send(Update, 0, 3 * Page, program.Memory));
        Assert.Equal(Fault, program.Send(Update, 0x100000, 2 * Page, program.Memory));
        Assert.Equal(3ul, program.Pins.Pinned);
        Assert.Equal(Whole, program.Send(Update, 0x100000, Page, program.Memory)); // each entry counts for itself
        Assert.Equal((4ul, 0ul, 0ul), (program.Pins.Pinned, program.Pins.Locked, program.Caller.UserPins.Locked));
        Assert.Equal(Fault, program.Send(Update, 0x200000, Page, 0x1000)); // a failure gives back
        Assert.Equal(Whole, program.Send(Invalidate, 0, Page));
        Assert.Equal(1ul, program.Pins.Pinned);
        program.Close();
        Assert.Equal(0ul, program.Pins.Pinned);
    }

    [Fact]
    public void AnAddressSpaceHasAMostOfEntries()
    {
        using var program = new VdpaProgram();
        for (ulong i = 0; i < 2048; i++) Assert.Equal(Whole, program.Send(Update, i * 2 * Page, Page, program.Memory));
        Assert.Equal(Fault, program.Send(Update, 1 << 30, Page, program.Memory));
        Assert.Equal(Whole, program.Send(Invalidate, 0, Page));
        Assert.Equal(Whole, program.Send(Update, 1 << 30, Page, program.Memory));
    }

    [Fact]
    public void EntriesOutliveAReset()
    {
        using var program = new VdpaProgram();
        using DmaPort port = program.OpenPort();
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory));
        Assert.Equal(Errno.None, program.SetStatus(0));
        Assert.Equal(Fault, program.Send(Update, 0x1000, Page, program.Memory));
        Assert.True(port.Read(new Iova(0x1000), new byte[8]).IsOk);
        program.Close();
        Assert.False(port.Read(new Iova(0x1000), new byte[8]).IsOk);
        program.Open();
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_OWNER));
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory));
        Assert.True(port.Read(new Iova(0x1000), new byte[8]).IsOk);
    }

    [Fact]
    public void MemoryStaysForTheDeviceAfterTheProgramGaveItBack()
    {
        using var program = new VdpaProgram();
        using DmaPort port = program.OpenPort();
        HostBlock block = program.Caller.Allocate(Page);
        ulong address = (ulong)block.Address;
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, address));
        program.Caller.Free(block);
        Assert.True(port.Write(new Iova(0x1000), new byte[8]).IsOk);
        Assert.Equal(Fault, program.Send(Update, 0x2000, Page, address));
    }

    [Fact]
    public void WithVirtualAddressesNothingIsPinned()
    {
        using var program = new VdpaProgram(va: true);
        using DmaPort port = program.OpenPort();
        program.Pins.Limit = 0;
        HostBlock block = program.Caller.Allocate(2 * Page);
        ulong address = (ulong)block.Address;
        Assert.Equal(Whole, program.Send(Update, 0x1000, 2 * Page, address));
        Assert.Equal(Fault, program.Send(Update, 0x2000, Page, address));
        Assert.Equal(0ul, program.Pins.Pinned);
        program.Caller.Put(address + Page, 0x77u);
        Span<byte> bytes = stackalloc byte[4];
        Assert.True(port.Read(new Iova(0x2000), bytes).IsOk);
        Assert.Equal(0x77u, BitConverter.ToUInt32(bytes));
        program.Caller.Free(block);
        Assert.Equal(FaultReason.MemoryGone, port.Read(new Iova(0x2000), bytes).Reason);
        Assert.Equal(Whole, program.Send(Invalidate, 0x1000, 1));
        Assert.Equal(FaultReason.NotMapped, port.Read(new Iova(0x2000), bytes).Reason);
        Assert.Equal(Fault, program.Send(Update, 0x2000, Page, long.MaxValue & ~0xfffL)); // above all memory
    }
}
