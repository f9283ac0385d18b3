using System.Runtime.InteropServices;
using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Devices.Dsa;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Mdev;

/// <summary>The types dsa-1dwq-v1 and dsa-1swq-v1; and parts of one DSA have nothing to do with each other.</summary>
public sealed class DsaSubdeviceTests : IDisposable
{
    private const uint HiddenOne = 1, HiddenTwo = 2;
    private readonly DsaParentBench _parent = new();

    public void Dispose() => _parent.Dispose();

    [Fact]
    public void TheParentKeepsTheOtherQueues()
    {
        SlotBench parent = _parent.Slots;
        Assert.Equal((96u, 6u), ((uint)parent.Slot.Read(0, 0x20, 2), (uint)parent.Slot.Read(0, 0x22, 1)));
        parent.Slot.Write(0, 0x400, 8, 0x40); // queue 6 is for mdevs
        parent.Slot.Write(0, 0x420, 8, 1);
        parent.Slot.Write(0, 0xa0, 4, (uint)DsaCommand.EnableDevice << 20);
        Assert.Equal((uint)DsaCommandError.Config, (uint)parent.Slot.Read(0, 0xa8, 4));
        Assert.True(parent.Slot.Submit(2, 6 * 0x4000, new byte[64]));
        Assert.Equal(0ul, parent.Slot.Read(0, 0xc0, 8));
    }

    [Fact]
    public void QueuesAreCounted()
    {
        Assert.Equal((2, 16), (_parent.Dedicated.Available, _parent.Shared.Available));
        using (new DsaPartBench(_parent, HiddenOne, isShared: false))
        {
            Assert.Equal((1, 8), (_parent.Dedicated.Available, _parent.Shared.Available));
            using (new DsaPartBench(_parent, HiddenTwo, isShared: true))
            {
                Assert.Equal((0, 7), (_parent.Dedicated.Available, _parent.Shared.Available));
                Assert.Equal(MdevStatus.NoneLeft, _parent.Dedicated.Create(Guid.Empty, out _));
            }
        }

        Assert.Equal((2, 16), (_parent.Dedicated.Available, _parent.Shared.Available));
        var parts = new List<Ioasis.Devices.Mdev>();
        for (int i = 0; i < 16; i++)
        {
            Assert.Equal(MdevStatus.Ok, _parent.Shared.Create(Guid.Empty, out Ioasis.Devices.Mdev? part));
            parts.Add(part!);
        }

        Assert.Equal(MdevStatus.NoneLeft, _parent.Shared.Create(Guid.Empty, out _));
        Assert.Equal((0, 0), (_parent.Dedicated.Available, _parent.Shared.Available));
        foreach (Ioasis.Devices.Mdev part in parts) part.Remove();
        Assert.Equal((2, 16), (_parent.Dedicated.Available, _parent.Shared.Available));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ItsConfigurationIsFixed(bool isShared)
    {
        using var part = new DsaPartBench(_parent, HiddenOne, isShared);
        PciFunction function = part.Slots.Slot.Function;
        Assert.Equal((0x8086, 0x0b25, isShared ? 20 : 0, 2),
            (function.VendorId, function.DeviceId, function.PasidBits, function.Msix!.Vectors));
        ulong capabilities = Read(0x10, 8), queues = Read(0x20, 8);
        Assert.Equal(0ul, capabilities >> 31); // not configurable, and no IMS
        Assert.Equal((16ul, 1ul, isShared ? 1ul : 2ul),
            (queues & 0xffff, (queues >> 16) & 0xff, (queues >> 48) & 3));
        Assert.Equal((1ul, 1ul, 0x7ffeul), (Read(0x30, 1), Read(0x38, 1), Read(0xb0, 4)));
        Assert.Equal((1ul, 1ul), (Read(0x400, 8), Read(0x420, 8)));
        Assert.Equal((16ul, isShared ? 0x12ul : 0x11ul), (Read(0x500, 4), Read(0x508, 4)));
        for (uint at = 0x400; at < 0x540; at += 4)
            if (at != 0x508) AssertFixed(at);
        if (!isShared) AssertFixed(0x508);
        part.Slots.Slot.Write(0, 0x508, 4, uint.MaxValue);
        Assert.Equal(isShared ? 0x3fffff12ul : 0x11ul, Read(0x508, 4)); // PASID and privilege alone

        if (!isShared) return;
        part.Slots.Slot.Write(0, 0x508, 4, 0);
        part.Started();
        part.Slots.Slot.Write(0, 0x508, 4, 1u << 28);
        Assert.Equal(0x12ul, Read(0x508, 4)); // not while it is enabled
        Assert.Equal(0u, part.Do(DsaCommand.ResetWq, 1));
        part.Slots.Slot.Write(0, 0x508, 4, 1u << 28);
        Assert.Equal((1ul << 28) | 0x12, Read(0x508, 4));
        part.Slots.Slot.Reset();
        Assert.Equal(0x12ul, Read(0x508, 4));

        ulong Read(uint offset, int width) => part.Slots.Slot.Read(0, offset, width);

        void AssertFixed(uint at)
        {
            ulong before = Read(at, 4);
            part.Slots.Slot.Write(0, at, 4, ~before);
            Assert.Equal((at, before), (at, Read(at, 4)));
        }
    }

    [Fact]
    public void ADedicatedQueuesDescriptorsCarryTheHiddenPasidWhateverTheyName()
    {
        using var one = new DsaPartBench(_parent, HiddenOne, isShared: false, fill: 0x11);
        using var two = new DsaPartBench(_parent, HiddenTwo, isShared: false, fill: 0x22);
        one.Started();
        two.Started();
        foreach (uint pasid in (uint[])[0, HiddenOne, HiddenTwo, 77])
        {
            one.Memory.CopyFrom(0x1000, new byte[64]);
            one.Memory.CopyFrom(0x3000, new byte[0x1000]);
            Assert.Equal(DsaStatus.Success, one.Run(DsaPartBench.Move(pasid)));
            Assert.All(DsaPartBench.Bytes(one.Memory, 0x1000), value => Assert.Equal(0x11, value));
        }

        Assert.All(DsaPartBench.Bytes(two.Memory, 0x1000), value => Assert.Equal(0x22, value));
        Assert.All(DsaPartBench.Bytes(two.Memory, 0x3000), value => Assert.Equal(0x22, value));
    }

    [Fact]
    public void ASharedQueuesDescriptorsReachWhatTheirProgramAttached()
    {
        using var one = new DsaPartBench(_parent, HiddenOne, isShared: true);
        using var two = new DsaPartBench(_parent, HiddenTwo, isShared: true);
        HostBlock mine = one.Attach(5, 100), others = two.Attach(5, 101), sva = two.Attach(HiddenOne, 102);
        one.Started(withPasids: true);
        two.Started(withPasids: true);
        mine.CopyFrom(0, [.. Enumerable.Repeat((byte)0x11, 64)]);
        others.CopyFrom(0, [.. Enumerable.Repeat((byte)0x22, 64)]);
        sva.CopyFrom(0, [.. Enumerable.Repeat((byte)0x33, 64)]);
        Assert.Equal((DsaStatus.Success, DsaStatus.Success),
            (one.Run(DsaPartBench.Move(5), mine), two.Run(DsaPartBench.Move(5), others)));
        Assert.Equal(DsaStatus.Success, two.Run(DsaPartBench.Move(HiddenOne), sva)); // a number as any other
        Assert.Equal((0x11, 0x22, 0x33),
            (mine.Read<byte>(0x1000), others.Read<byte>(0x1000), sva.Read<byte>(0x1000)));

        // the PASIDs of the host, hidden ones and neighbours' included, lead nowhere
        foreach (uint pasid in (uint[])[0, HiddenOne, HiddenTwo, 6, 100, 101, 102, Pasid.MaxValue])
            Assert.Equal(DsaStatus.CraXlat, one.Fail(DsaPartBench.Move(pasid)));
        foreach (DsaPartBench part in (DsaPartBench[])[one, two])
            Assert.All(DsaPartBench.Bytes(part.Memory, 0x1000), value => Assert.Equal(0, value));

        Assert.True(one.Slots.Endpoint.Detach(one.Attachments[5]));
        Assert.Equal(DsaStatus.CraXlat, one.Fail(DsaPartBench.Move(5)));
        Assert.Equal(DsaStatus.Success, two.Run(DsaPartBench.Move(5), others));
    }

    [Fact]
    public void ASharedQueueWithoutPasidsUsesTheHiddenOne()
    {
        using var part = new DsaPartBench(_parent, HiddenOne, isShared: true, fill: 0x11).Started();
        part.Memory.CopyFrom(0x3000, new byte[0x1000]);
        Assert.Equal(DsaStatus.Success, part.Run(DsaPartBench.Move(77)));
    }

    /// <summary>Every part has an entry for itself, however many of the queue another has filled.</summary>
    [Fact]
    public void AFullSharedQueueTellsTheSubmitterAndKeepsNoNeighbourOut()
    {
        using var one = new DsaPartBench(_parent, HiddenOne, isShared: true);
        using var two = new DsaPartBench(_parent, HiddenTwo, isShared: true);
        HostBlock mine = one.Attach(5, 100), others = two.Attach(5, 101);
        one.Started(withPasids: true).Hold(5);
        two.Started(withPasids: true).Hold(5);
        for (int i = 0; i < DsaSharedQueue.Threshold; i++) Assert.True(one.Submit(DsaPartBench.Move(5)));
        Assert.False(one.Submit(DsaPartBench.Move(5)));
        Assert.False(one.Submit(DsaPartBench.Move(5), limited: true));
        Assert.Equal((uint)DsaSharedQueue.Threshold, one.QueueState & 0xffff);
        Assert.True(two.Submit(DsaPartBench.Move(5)));
        Assert.False(two.Submit(DsaPartBench.Move(5))); // the common entries are taken
        Assert.Equal(0ul, (one.SoftwareError | two.SoftwareError) & 1);

        Assert.Equal(0u, one.Do(DsaCommand.AbortAll));
        for (int i = 1; i < DsaSharedQueue.Threshold; i++) Assert.True(two.Submit(DsaPartBench.Move(5)));
        Assert.False(two.Submit(DsaPartBench.Move(5)));
        Assert.Equal(DsaStatus.Success, one.Run(DsaPartBench.Move(5), mine));
        two.Slots.Slot.Reset();
        Assert.Equal(DsaStatus.Success, one.Run(DsaPartBench.Move(5), mine));
        Assert.NotNull(others);
    }

    [Theory]
    [InlineData(DsaCommand.AbortAll)]
    [InlineData(DsaCommand.ResetWq)]
    [InlineData(DsaCommand.AbortPasid)]
    [InlineData((DsaCommand)0)] // a reset of the function
    internal void WhatOneIsToldLeavesTheOthersWork(DsaCommand command)
    {
        using var one = new DsaPartBench(_parent, HiddenOne, isShared: true);
        using var two = new DsaPartBench(_parent, HiddenTwo, isShared: true);
        HostBlock mine = one.Attach(5, 100), others = two.Attach(5, 101);
        one.Started(withPasids: true).Hold(5);
        two.Started(withPasids: true).Hold(5);
        Assert.True(two.Submit(DsaPartBench.Move(5, record: 1)));
        if (command == 0) one.Slots.Slot.Reset();
        else Assert.Equal(0u, one.Do(command, command == DsaCommand.ResetWq ? 1u : 5));
        Assert.Equal(2, two.Slots.Endpoint.OutstandingPageRequests + (command == 0 ? 1 : 0)); // only a reset answers
        Assert.Equal((1, 1u), (two.Asked, two.QueueState & 0xffff)); // it still waits
        two.Detached(null!); // the page does not come
        Assert.Equal((byte)DsaStatus.PageFaultIr | DsaCompletionRecord.StatusWrite, two.Wait(others, 9).Status);
        Assert.Equal((byte)DsaStatus.Success, two.Wait(others, 1).Status);
        Assert.NotNull(mine);
    }

    [Fact]
    public void HandlesAreThePartsOwn()
    {
        using var one = new DsaPartBench(_parent, HiddenOne, isShared: false);
        using var two = new DsaPartBench(_parent, HiddenTwo, isShared: false);
        one.Started();
        two.Started();
        foreach (uint index in (uint[])[0, 2, 9, 0xffff, 0x10001, 0xfffff])
            Assert.Equal((uint)DsaCommandError.InvalIntIdx, one.Do(DsaCommand.RequestIntHandle, index));
        uint mine = one.Do(DsaCommand.RequestIntHandle, 1) >> 8, others = two.Do(DsaCommand.RequestIntHandle, 1) >> 8;
        Assert.NotEqual(mine, others);
        Assert.Equal(mine, one.Do(DsaCommand.RequestIntHandle, 1) >> 8); // once more is the same
        foreach (uint handle in (uint[])[0, others, 255, 0xffff])
            Assert.Equal(DsaStatus.IntHandleInval, one.Run(Noop(handle)));
        Assert.Equal((0, 0), (one.Slots.Messages, two.Slots.Messages));
        Assert.Equal(DsaStatus.Success, one.Run(Noop(mine)));
        SlotBench.Until(() => one.Slots.Messages == 1);
        Assert.Equal((1, 0), (one.Slots.LastVector, two.Slots.Messages));
        Assert.Equal((uint)DsaCommandError.InvalIntIdx, one.Do(DsaCommand.ReleaseIntHandle, others));
        Assert.Equal(0u, one.Do(DsaCommand.ReleaseIntHandle, mine));
        Assert.Equal(DsaStatus.IntHandleInval, one.Run(Noop(mine)));
        Assert.Equal(DsaStatus.Success, two.Run(Noop(others)));

        one.Do(DsaCommand.RequestIntHandle, 1);
        one.Slots.Slot.Reset();
        one.Started();
        Assert.Equal(DsaStatus.IntHandleInval, one.Run(Noop(mine)));
        Assert.Equal(mine, one.Do(DsaCommand.RequestIntHandle, 1) >> 8); // the reset released it

        static DsaDescriptor Noop(uint handle) =>
            DsaPartBench.New(DsaOpcode.Noop, flags: DsaFlags.RequestInterrupt) with { IntHandle = (ushort)handle };
    }

    [Fact]
    public void NothingStartsWithoutBusMastering()
    {
        using var one = new DsaPartBench(_parent, HiddenOne, isShared: false);
        using var two = new DsaPartBench(_parent, HiddenTwo, isShared: false);
        two.Started();
        one.Slots.Part!.Block = SendBlock.BusMasterDisabled;
        Assert.Equal((uint)DsaCommandError.BusMasterEn, one.Do(DsaCommand.EnableDevice));
        Assert.Equal(DsaStatus.Success, two.Run(DsaPartBench.New(DsaOpcode.Noop)));
        one.Slots.Part.Block = null;
        one.Started();
        _parent.Slots.Endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal((DsaStatus.CraXlat, DsaStatus.CraXlat),
            (one.Fail(DsaPartBench.Move()), two.Fail(DsaPartBench.Move())));
        _parent.Slots.Endpoint.Block = null;
        Assert.Equal(DsaStatus.Success, one.Run(DsaPartBench.New(DsaOpcode.Noop)));
    }

    /// <summary>Descriptors that mean harm have a status, and the next one is executed.</summary>
    [Fact]
    public void HostileDescriptorsHaveAStatus()
    {
        using var part = new DsaPartBench(_parent, HiddenOne, isShared: false).Started();
        DsaDescriptor batch = DsaPartBench.New(DsaOpcode.Batch);
        Assert.Equal(DsaStatus.DescCntErange, part.Run(batch with { DescListAddr = DsaPartBench.Base }));
        Assert.Equal(DsaStatus.DescCntErange, part.Run(
            batch with { DescListAddr = DsaPartBench.Base, DescCount = uint.MaxValue }));
        Assert.Equal(DsaStatus.DesclistAlign, part.Run(
            batch with { DescListAddr = DsaPartBench.Base + 8, DescCount = 2 }));
        foreach (ulong list in (ulong[])[DsaPartBench.Hole, ulong.MaxValue - 63, 1ul << 63, 0])
            Assert.Equal(DsaStatus.BatchPageFault, part.Run(batch with { DescListAddr = list, DescCount = 1024 }));
        // the batch itself, in a batch
        part.Memory.CopyFrom(0, MemoryMarshal.AsBytes<DsaDescriptor>(
            [DsaPartBench.New(DsaOpcode.Batch, 1) with { DescListAddr = DsaPartBench.Base, DescCount = 2 },
                DsaPartBench.New(DsaOpcode.Drain, 1)]));
        Assert.True(part.Submit(DsaPartBench.New(DsaOpcode.Batch, 2) with
        {
            DescListAddr = DsaPartBench.Base,
            DescCount = 2,
        }));
        Assert.Equal((byte)DsaStatus.BatchFail, part.Wait(part.Memory, 2).Status);
        // one that goes around the end of the addresses
        Assert.Equal(DsaStatus.PageFaultNobof, part.Run(DsaPartBench.Move() with { SrcAddr = ulong.MaxValue - 7 }));
        Assert.Equal(DsaStatus.Success, part.Run(DsaPartBench.New(DsaOpcode.Noop)));
        Assert.Equal(0, part.Slots.Failures);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NoWriteToItsRegistersHarmsIt(bool isShared)
    {
        using var neighbour = new DsaPartBench(_parent, HiddenTwo, isShared: true).Started();
        using var part = new DsaPartBench(_parent, HiddenOne, isShared);
        var random = new Random(20261129);
        byte[] descriptor = new byte[64];
        for (int i = 0; i < 20_000; i++)
        {
            if (random.Next(4) == 0)
            {
                random.NextBytes(descriptor);
                if (random.Next(2) == 0) descriptor[7] = (byte)random.Next(0x12); // an operation that there is
                part.Slots.Slot.Submit(2, (ulong)random.Next(128) * 64, descriptor);
                continue;
            }

            int width = 1 << random.Next(4);
            ulong offset = random.Next(3) == 0 ? 0xa0 : (ulong)random.Next(0x600 / width) * (uint)width;
            if (offset == 0xa0) width = 4;
            ulong value = offset == 0xa0 ? (uint)random.Next(17) << 20 | 1 : (ulong)random.NextInt64();
            part.Slots.Slot.Write(0, offset, width, value);
            part.Slots.Slot.Read(0, offset, width);
        }

        Assert.Equal(0, part.Slots.Failures);
        part.Slots.Slot.Reset();
        part.Started();
        part.Memory.CopyFrom(0x3000, new byte[0x1000]);
        Assert.Equal(DsaStatus.Success, part.Run(DsaPartBench.New(DsaOpcode.Noop)));
        Assert.Equal(DsaStatus.Success, neighbour.Run(DsaPartBench.New(DsaOpcode.Noop)));
    }
}
