using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>The rules and errors of the DMA API.</summary>
public sealed class DmaDeviceTests
{
    private const ulong Page = 4096;

    [Fact]
    public void ADeviceUsesABufferAsTheDirectionSaysUntilItIsUnmapped()
    {
        using var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        foreach (DmaDirection direction in Enum.GetValues<DmaDirection>())
        {
            Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, 0x100, 16, direction, out DmaMapping mapping));
            Iova at = mapping.Address;
            Assert.Equal(0x100u, at.Value & 0xfff);
            Assert.Equal((16u, direction), (mapping.Length, mapping.Direction));
            bool reads = direction is DmaDirection.Bidirectional or DmaDirection.ToDevice;
            bool writes = direction is DmaDirection.Bidirectional or DmaDirection.FromDevice;
            Assert.Equal(reads, bench.Read(at, 4) is not null);
            Assert.Equal(writes, bench.Write(at, 1, 2, 3, 4));
            mapping.Dispose();
            Assert.False(bench.Write(at, 9));
            Assert.Null(bench.Read(at, 1));
        }

        Assert.Equal(0x04030201u, memory.Bytes.Read<uint>(0x100));
    }

    [Fact]
    public void ManagedMemoryIsReachedByTheByte()
    {
        using var bench = new DmaDeviceBench();
        var array = new byte[100];
        Assert.Equal(IommuStatus.Ok,
            bench.Device.Map(array.AsMemory(10, 50), DmaDirection.Bidirectional, out DmaMapping mapping));
        Assert.True(bench.Write(mapping.Address, 1));
        Assert.True(bench.Write(mapping.Address + 49, 2));
        Assert.False(bench.Write(mapping.Address + 50, 3));
        Assert.False(bench.Write(new Iova(mapping.Address.Value - 1), 4));
        Assert.Null(bench.Read(mapping.Address, 51));
        mapping.Dispose();
        Assert.Equal((1, 2, 0, 0), (array[10], array[59], array[60], array[9]));
    }

    [Fact]
    public void AMappingIsUnmappedOnceAndNotUsedAfterwards()
    {
        using var bench = new DmaDeviceBench();
        Assert.Equal(IommuStatus.Ok,
            bench.Device.Map(new byte[8].AsMemory(), DmaDirection.ToDevice, out DmaMapping mapping));
        DmaMapping copy = mapping;
        mapping.Dispose();
        Assert.Throws<InvalidOperationException>(() => copy.Dispose());
        Assert.Throws<InvalidOperationException>(() => copy.Address);
        Assert.Throws<InvalidOperationException>(() => copy.SyncForCpu());
        Assert.Equal(IommuStatus.Ok,
            bench.Device.Map(new byte[8].AsMemory(), DmaDirection.ToDevice, out DmaMapping next)); // in its slot
        Assert.Throws<InvalidOperationException>(() => mapping.Dispose());
        next.Dispose();
    }

    [Fact]
    public void AStatusThatNobodyLookedAtGivesNoAddress()
    {
        using var bench = new DmaDeviceBench();
        Assert.Equal(IommuStatus.Ok, bench.Device.SetMask(12)); // page 0 is never given out
        Assert.Equal(IommuStatus.NoSpace,
            bench.Device.Map(new byte[8].AsMemory(), DmaDirection.ToDevice, out DmaMapping mapping));
        Assert.Throws<InvalidOperationException>(() => mapping.Address);
        Assert.Throws<InvalidOperationException>(() => mapping.Dispose());
        Assert.Equal(0, bench.Device.Live);
    }

    [Fact]
    public void AddressesStayBelow4GiBWhileThereIsRoom()
    {
        var bench = new DmaDeviceBench();
        bench.Domain.Iovas!.Reserve(new IovaRange(0, 0xffffbfff)); // 4 pages are left
        Assert.Equal(IommuStatus.Ok, bench.Device.SetMaskAndCoherent(64));
        List<DmaBuffer> buffers = [];
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(IommuStatus.Ok, bench.Device.AllocateCoherent(1, out DmaBuffer? buffer));
            buffers.Add(buffer!);
        }

        Assert.Equal(4, buffers.Count(b => b.Address.Value <= uint.MaxValue));
        buffers[0].Dispose(); // what was freed last is given first, wherever it is
        Assert.Equal(IommuStatus.Ok, bench.Device.AllocateCoherent(1, out DmaBuffer? late));
        Assert.Equal(buffers[0].Address, late!.Address);
        foreach (DmaBuffer buffer in buffers[1..].Append(late)) buffer.Dispose();
        bench.Dispose();
    }

    [Fact]
    public void AForgottenMappingIsToldAndGivenBack()
    {
        var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, DmaDirection.ToDevice, out DmaMapping mapping));
        Assert.Equal(IommuStatus.Ok, bench.Device.AllocateCoherent(Page, out DmaBuffer? buffer));
        Iova at = mapping.Address, coherent = buffer!.Address;
        Assert.Equal(2, bench.Device.Live);
        string told = Assert.Throws<InvalidOperationException>(bench.Device.Dispose).Message;
        Assert.Contains("left 2 mappings", told, StringComparison.Ordinal);
        Assert.Contains($"0x{at.Value:x}", told, StringComparison.Ordinal);
        Assert.Null(bench.Read(at, 1));
        Assert.Null(bench.Read(coherent, 1));
        bench.Port.Dispose();
    }

    [Fact]
    public void MemoryThatIsFreedWhileItIsMappedStaysUntilItIsUnmapped()
    {
        using var bench = new DmaDeviceBench();
        DmaMemory memory = bench.Domain.AllocateMemory(Page);
        memory.Bytes.Write(0, 7);
        Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, DmaDirection.ToDevice, out DmaMapping mapping));
        memory.Dispose();
        Assert.Equal([7], bench.Read(mapping.Address, 1)!);
        mapping.Dispose();
        Assert.Throws<ObjectDisposedException>(
            () => bench.Device.Map(memory, DmaDirection.ToDevice, out DmaMapping _));
    }

    [Fact]
    public void CoherentMemoryIsZeroedAndSeenByBoth()
    {
        using var bench = new DmaDeviceBench();
        Assert.Equal(IommuStatus.Ok, bench.Device.AllocateCoherent(3 * Page, out DmaBuffer? buffer));
        Assert.Equal(0u, buffer!.Address.Value & ((4 * Page) - 1));
        Assert.Equal(new byte[16], bench.Read(buffer.Address + (3 * Page - 16), 16)!);
        Assert.Null(bench.Read(buffer.Address + 3 * Page, 1));
        buffer.Bytes.Write(0x20, 0x1234);
        Assert.Equal([0x34, 0x12], bench.Read(buffer.Address + 0x20, 2)!);
        Assert.True(bench.Write(buffer.Address + 0x20, 0xff));
        Assert.Equal(0x12ff, buffer.Bytes.Read<int>(0x20));
        buffer.Dispose();
        Assert.Null(bench.Read(buffer.Address, 1));
        Assert.Throws<ObjectDisposedException>(() => buffer.Bytes);
    }

    [Fact]
    public void APoolGivesBlocksThatKeepAlignmentAndBoundary()
    {
        using var bench = new DmaDeviceBench();
        DmaPool pool = bench.Device.CreatePool(96, 32, 256);
        List<DmaPoolBlock> blocks = [];
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(IommuStatus.Ok, pool.AllocateZeroed(out DmaPoolBlock block));
            ulong at = block.Address.Value;
            Assert.Equal(0u, at % 32);
            Assert.Equal(at / 256, (at + 95) / 256);
            block.Write(92, i);
            Assert.Equal(i, BitConverter.ToInt32(bench.Read(block.Address + 92, 4)!));
            blocks.Add(block);
        }

        Assert.Equal(100, blocks.Select(b => b.Address.Value).Distinct().Count());
        Assert.Throws<InvalidOperationException>(pool.Dispose);
        Assert.Throws<ArgumentOutOfRangeException>(() => blocks[0].Read<int>(93));
        foreach (DmaPoolBlock block in blocks) pool.Free(block);
        Assert.Throws<InvalidOperationException>(() => pool.Free(blocks[3]));
        pool.Dispose();
        Assert.Equal(0, bench.Device.Live);
    }

    [Fact]
    public void PiecesThatMeetAtPagesBecomeOneSegment()
    {
        using var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(64 * Page);
        for (ulong i = 0; i < 64; i++) memory.Bytes.Write(i * Page, (byte)i);
        bench.Device.MaxSegmentSize = (uint)(4 * Page);
        DmaPiece[] pieces =
        [
            new(memory, 0x800, Page - 0x800), new(memory, 10 * Page, Page), new(memory, 3 * Page, 2 * Page),
            new(memory, 20 * Page, Page), new(memory, 30 * Page + 4, 8), new(memory, 40 * Page, 8),
        ];
        Assert.Equal(IommuStatus.Ok,
            bench.Device.MapScatter(pieces, DmaDirection.ToDevice, out DmaScatterMapping? list));
        Assert.Equal([3 * Page + 0x800, Page, 8, 8], list!.Segments.Select(s => s.Length));
        ulong first = list.Segments[0].Address.Value;
        Assert.Equal([10, 3], new[] { first + 0x800, first + 0x800 + Page }
            .Select(at => (int)bench.Read(new Iova(at), 1)![0]));
        Assert.Equal([40], bench.Read(list.Segments[3].Address, 1)!);
        list.Dispose();
        Assert.Null(bench.Read(new Iova(first), 1));
        Assert.Throws<InvalidOperationException>(list.Dispose);
        Assert.Equal(IommuStatus.Invalid, bench.Device.MapScatter(
            [new(memory, 0, 5 * Page)], DmaDirection.ToDevice, out _));
    }

    [Fact]
    public void ASegmentCrossesNoBoundary()
    {
        using var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(16 * Page);
        bench.Device.SegmentBoundary = (4 * Page) - 1;
        DmaPiece[] pieces =
            [new(memory, 0, 3 * Page), new(memory, 4 * Page, 2 * Page), new(memory, 8 * Page, 2 * Page)];
        Assert.Equal(IommuStatus.Ok,
            bench.Device.MapScatter(pieces, DmaDirection.ToDevice, out DmaScatterMapping? list));
        Assert.All(list!.Segments, s => Assert.Equal(
            s.Address.Value / (4 * Page), (s.Address.Value + s.Length - 1) / (4 * Page)));
        Assert.Equal([3 * Page, 4 * Page], list.Segments.Select(s => s.Length));
        list.Dispose();
    }

    [Fact]
    public void AddressesAreAllocatedOnceAndLinkedManyTimes()
    {
        using var bench = new DmaDeviceBench();
        using DmaMemory memory = bench.Domain.AllocateMemory(8 * Page);
        memory.Bytes.Write(0x804, 5);
        memory.Bytes.Write(6 * Page, 6);
        Assert.Equal(IommuStatus.Ok, bench.Device.AllocateIova(3 * Page, out DmaIovaRange? range));
        Assert.Equal(IommuStatus.Ok, range!.Link(0, memory, 0x800, Page - 0x800, DmaDirection.ToDevice));
        Assert.Equal(IommuStatus.Ok, range.Link(Page, memory, 6 * Page, 2 * Page, DmaDirection.ToDevice));
        Assert.Equal(IommuStatus.Exists, range.Link(2 * Page, memory, 0, 1, DmaDirection.ToDevice));
        Assert.Equal(IommuStatus.Invalid, range.Link(3 * Page, memory, 0, 1, DmaDirection.ToDevice));
        Assert.Equal(IommuStatus.Invalid, range.Link(Page, memory, 4, 1, DmaDirection.ToDevice));
        Assert.Equal([5], bench.Read(range.Address + 0x804, 1)!);
        Assert.Equal([6], bench.Read(range.Address + Page, 1)!);
        range.Unlink();
        Assert.Null(bench.Read(range.Address + Page, 1));
        Assert.Equal(IommuStatus.Ok, range.Link(Page, memory, 0, Page, DmaDirection.FromDevice));
        Assert.True(bench.Write(range.Address + Page, 9));
        range.Dispose();
        Assert.False(bench.Write(range.Address + Page, 9));
    }

    [Fact]
    public void ABouncedBufferIsSeenAfterASync()
    {
        using var bench = new DmaDeviceBench(options: new DmaDeviceOptions { BouncesAlways = true });
        var array = new byte[32];
        Array.Fill(array, (byte)7);
        Assert.True(bench.Device.NeedsSync);
        Assert.Equal(IommuStatus.Ok,
            bench.Device.Map(array.AsMemory(8, 16), DmaDirection.Bidirectional, out DmaMapping mapping));
        Assert.Equal([7, 7], bench.Read(mapping.Address, 2)!);
        array[8] = 1;
        Assert.Equal([7, 7], bench.Read(mapping.Address, 2)!);
        mapping.SyncForDevice(0, 1);
        Assert.Equal([1, 7], bench.Read(mapping.Address, 2)!);
        Assert.True(bench.Write(mapping.Address + 4, 9));
        Assert.Equal(7, array[12]);
        mapping.SyncForCpu();
        Assert.Equal(9, array[12]);
        Assert.Throws<ArgumentOutOfRangeException>(() => mapping.SyncForCpu(8, 9));
        Assert.False(bench.Write(mapping.Address + 16, 1)); // beside it
        Assert.True(bench.Write(mapping.Address + 5, 8));
        mapping.Dispose();
        Assert.Equal((8, 7), (array[13], array[24]));
        Assert.Equal(IommuStatus.NoSpace, bench.Device.Map(
            new byte[DmaDevice.MaxBounce + 1].AsMemory(), DmaDirection.ToDevice, out _));
        Assert.Equal(IommuStatus.NotSupported, bench.Device.Map(
            array.AsMemory(), DmaDirection.ToDevice, out _, DmaAttributes.RequireCoherent));
    }

    [Fact]
    public void ALazyDomainLetsLateAccessesThroughAndCountsThem()
    {
        using var bench = new DmaDeviceBench(lazy: true);
        using DmaMemory memory = bench.Domain.AllocateMemory(2 * Page);
        Assert.Equal(IommuStatus.Ok,
            bench.Device.Map(memory, 0, Page, DmaDirection.Bidirectional, out DmaMapping used));
        Assert.Equal(IommuStatus.Ok,
            bench.Device.Map(memory, Page, Page, DmaDirection.ToDevice, out DmaMapping unused));
        Iova at = used.Address, never = unused.Address;
        Assert.True(bench.Write(at, 1));
        unused.Dispose();
        Assert.Null(bench.Read(never, 1)); // no device knows it
        used.Dispose();
        Assert.Equal(0, bench.Domain.LateAccesses);
        bench.Domain.Iovas!.TryAllocate(Page, uint.MaxValue, out ulong other);
        bool wrote = bench.Write(at, 2);
        Assert.True(!wrote || at.Value != other); // given out again only if the flush's timer was faster
        Assert.Equal(wrote ? 1 : 0, bench.Domain.LateAccesses);
        bench.Domain.Flush();
        Assert.False(bench.Write(at, 3));
        Assert.Equal(wrote ? 2 : 1, memory.Bytes.Read<byte>(0));
    }

    [Fact]
    public void WhereAddressesAreTheMemorysOwnArraysAreBounced()
    {
        using var bench = new DmaDeviceBench(identity: true);
        Assert.Equal(IommuStatus.DeviceError, bench.Device.SetMask(32));
        Assert.Equal(IommuStatus.Ok, bench.Device.SetMaskAndCoherent(64));
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, DmaDirection.Bidirectional, out DmaMapping mapping));
        Assert.Equal((ulong)memory.Bytes.Address, mapping.Address.Value);
        Assert.True(bench.Write(mapping.Address, 4));
        Assert.Equal(4, memory.Bytes.Read<byte>(0));
        mapping.Dispose();
        byte[] array = [1, 2, 3];
        Assert.Equal(IommuStatus.Ok, bench.Device.Map(array.AsMemory(), DmaDirection.Bidirectional, out mapping));
        Assert.Equal([1, 2, 3], bench.Read(mapping.Address, 3)!);
        Assert.True(bench.Write(mapping.Address, 9));
        mapping.Dispose();
        Assert.Equal(9, array[0]);
        Assert.Equal(IommuStatus.NotSupported, bench.Device.AllocateIova(Page, out _));
    }
}
