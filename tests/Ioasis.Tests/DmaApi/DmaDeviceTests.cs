using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Tests.DmaApi;

/// <summary>
/// What the DMA API does with the addresses and the table of a domain. The rules and errors that drivers see are tests
/// of the conformance suite, in every home.
/// </summary>
public sealed class DmaDeviceTests
{
    private const ulong Page = 4096;

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
