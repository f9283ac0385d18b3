using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>Buffers for one transfer: what the device may do with them, until when, and what a driver may not do.
/// </summary>
public sealed class StreamingTests : DmaRuleTest
{
    private const int Length = 64;

    [Theory]
    [MemberData(nameof(Homes))]
    public void The_direction_says_what_the_device_may_do_until_the_buffer_is_unmapped(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, Page);
        foreach (DmaDirection direction in Enum.GetValues<DmaDirection>())
        {
            byte[] before = Pattern(Length, (int)direction), written = Pattern(Length, 10 + (int)direction);
            memory.Bytes.CopyFrom(0x140, before);
            DmaMapping mapping = Map(home, memory, 0x140, Length, direction);
            Iova at = mapping.Address;
            bool bound = home.Translates;
            bool reads = !bound || direction is DmaDirection.Bidirectional or DmaDirection.ToDevice;
            bool writes = !bound || direction is DmaDirection.Bidirectional or DmaDirection.FromDevice;
            if (!home.Bounces) Assert.Equal(0x140UL, at.Value & (Page - 1));
            Assert.Equal(reads ? before : null, home.Read(at, Length));
            Assert.Equal(writes, home.Write(at, written));
            mapping.Dispose();
            IsGone(home, at);
            Assert.Equal(writes ? written : before, Bytes(memory, 0x140, Length));
        }
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Arrays_go_to_the_device_and_come_back_wherever_they_lie(string name)
    {
        using DmaHome home = Open(name);
        foreach ((int offset, int length) in ((int, int)[])[(0, 4096), (1, 1), (100, 64), (4095, 2), (5000, 3000)])
        {
            byte[] source = Pattern(12288, length), destination = Pattern(12288, length + 1);
            byte[] expected = [.. destination];
            source.AsSpan(offset, length).CopyTo(expected.AsSpan(offset));
            DmaMapping mapping = Map(home, source.AsMemory(offset, length), DmaDirection.ToDevice);
            byte[]? read = home.Read(mapping.Address, length);
            mapping.Dispose();
            Assert.Equal(source.AsSpan(offset, length).ToArray(), read);
            mapping = Map(home, destination.AsMemory(offset, length), DmaDirection.FromDevice);
            Assert.True(home.Write(mapping.Address, read!));
            mapping.Dispose();
            Assert.Equal(expected, destination);
        }

        Assert.Equal(0, home.Dma.Live);
        Assert.Equal(0, home.Dma.OutsideWrites);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_mapping_knows_its_device_size_and_direction(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, 2 * Page);
        DmaMapping first = Map(home, memory, 8, Page, DmaDirection.FromDevice);
        DmaMapping second = Map(home, memory, 0, 2 * Page, DmaDirection.Bidirectional);
        Assert.Equal((home.Dma, Page, DmaDirection.FromDevice), (first.Device, first.Length, first.Direction));
        Assert.Equal((2 * Page, DmaDirection.Bidirectional), (second.Length, second.Direction));
        Assert.True(first != second && first == (DmaMapping)(object)first);
        Assert.Equal(2, home.Dma.Live);
        first.Dispose();
        Assert.Equal(1, home.Dma.Live);
        second.Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_buffer_is_unmapped_once_and_not_used_afterwards(string name)
    {
        using DmaHome home = Open(name);
        DmaMapping mapping = Map(home, new byte[8], DmaDirection.ToDevice), copy = mapping;
        mapping.Dispose();
        Unusable(copy);
        DmaMapping next = Map(home, new byte[8], DmaDirection.ToDevice); // in its place
        Unusable(mapping);
        next.Dispose();
        Assert.Equal(0, home.Dma.Live);

        static void Unusable(DmaMapping mapping)
        {
            Assert.Throws<InvalidOperationException>(mapping.Dispose);
            Assert.Throws<InvalidOperationException>(() => mapping.Address);
            Assert.Throws<InvalidOperationException>(() => mapping.Length);
            Assert.Throws<InvalidOperationException>(() => mapping.Direction);
            Assert.Throws<InvalidOperationException>(mapping.SyncForCpu);
            Assert.Throws<InvalidOperationException>(mapping.SyncForDevice);
        }
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Nothing_no_direction_and_what_is_no_part_of_the_memory_are_mistakes(string name)
    {
        using DmaHome home = Open(name);
        DmaMemory memory = Allocate(home, Page);
        Assert.Throws<ArgumentException>(() => home.Dma.Map(Memory<byte>.Empty, DmaDirection.ToDevice, out _));
        Assert.Throws<ArgumentNullException>(() => home.Dma.Map(null!, 0, 1, DmaDirection.ToDevice, out _));
        foreach ((ulong offset, ulong length) in
            ((ulong, ulong)[])[(0, 0), (0, Page + 1), (1, Page), (Page, 1), (Page + 1, 0), (1, ulong.MaxValue)])
            Assert.Throws<ArgumentOutOfRangeException>(
                () => home.Dma.Map(memory, offset, length, DmaDirection.ToDevice, out _));
        foreach (int direction in (int[])[-1, 4])
        {
            Assert.Throws<ArgumentOutOfRangeException>(
                () => home.Dma.Map(memory, (DmaDirection)direction, out _));
            Assert.Throws<ArgumentOutOfRangeException>(
                () => home.Dma.Map(new byte[8].AsMemory(), (DmaDirection)direction, out _));
        }

        Assert.Equal(0, home.Dma.Live);
        memory.Dispose(); // nothing holds it
        Assert.Throws<ObjectDisposedException>(() => home.Dma.Map(memory, DmaDirection.ToDevice, out _));
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Memory_that_is_freed_while_it_is_mapped_stays_until_it_is_unmapped(string name)
    {
        using DmaHome home = Open(name);
        DmaMemory memory = Allocate(home, Page);
        memory.Bytes.Write(0, 7);
        DmaMapping mapping = Map(home, memory, 0, Page, DmaDirection.ToDevice);
        memory.Dispose();
        Assert.Equal([7, 0], home.Read(mapping.Address, 2)!);
        mapping.Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_buffer_may_be_mapped_several_times(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, Page);
        memory.Bytes.Write(0, 5);
        DmaMapping first = Map(home, memory, 0, Page, DmaDirection.ToDevice);
        DmaMapping second = Map(home, memory, 0, Page, DmaDirection.ToDevice);
        Iova at = first.Address;
        Assert.Equal(home.Translates, at != second.Address);
        first.Dispose();
        if (home.Translates) IsGone(home, at);
        Assert.Equal([5], home.Read(second.Address, 1)!);
        second.Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void What_is_left_at_the_end_is_told_and_given_back(string name)
    {
        DmaHome home = Open(name);
        using (DmaMemory memory = Allocate(home, Page))
        {
            DmaMapping mapping = Map(home, memory, 0, 24, DmaDirection.FromDevice);
            Assert.Equal(IommuStatus.Ok, home.Dma.AllocateCoherent(Page, out _));
            Iova at = mapping.Address;
            string told = Assert.Throws<InvalidOperationException>(home.Dispose).Message;
            Assert.Contains("left 2 mappings", told, StringComparison.Ordinal);
            Assert.Contains($"24 bytes at IOVA 0x{at.Value:x} (FromDevice)", told, StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(mapping.Dispose);
        }

        using DmaHome again = Open(name);
        Assert.Equal(0, again.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_device_that_was_given_back_maps_nothing(string name)
    {
        DmaHome home = Open(name);
        DmaPool pool = home.Dma.CreatePool(8, 8);
        DmaMemory memory = Allocate(home, Page);
        DmaDevice dma = home.Dma;
        dma.Dispose();
        Assert.Throws<ObjectDisposedException>(() => dma.Map(memory, DmaDirection.ToDevice, out _));
        Assert.Throws<ObjectDisposedException>(() => dma.Map(new byte[8].AsMemory(), DmaDirection.ToDevice, out _));
        Assert.Throws<ObjectDisposedException>(
            () => dma.MapScatter([new(memory, 0, 8)], DmaDirection.ToDevice, out _));
        Assert.Throws<ObjectDisposedException>(() => dma.AllocateCoherent(8, out _));
        Assert.Throws<ObjectDisposedException>(() => dma.AllocateIova(8, out _));
        Assert.Throws<ObjectDisposedException>(() => pool.Allocate(out _));
        dma.Dispose(); // once more does nothing
        memory.Dispose();
        home.Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_bounced_buffer_has_at_most_256_KiB(string name)
    {
        using DmaHome home = Open(name);
        Assert.Equal(home.BouncesArrays ? DmaDevice.MaxBounce : ulong.MaxValue, home.Dma.MaxMappingSize);
        Assert.Equal(32 * Page, home.Dma.OptimalMappingSize);
        using DmaMemory memory = Allocate(home, DmaDevice.MaxBounce + Page);
        IommuStatus native = home.Dma.Map(memory, DmaDirection.ToDevice, out DmaMapping mapping);
        Assert.Equal(home.Bounces ? IommuStatus.NoSpace : IommuStatus.Ok, native);
        if (native == IommuStatus.Ok) mapping.Dispose();
        IommuStatus array = home.Dma.Map(
            new byte[DmaDevice.MaxBounce + 1].AsMemory(), DmaDirection.ToDevice, out mapping);
        Assert.Equal(home.BouncesArrays ? IommuStatus.NoSpace : IommuStatus.Ok, array);
        if (array == IommuStatus.Ok) mapping.Dispose();
        Map(home, new byte[DmaDevice.MaxBounce], DmaDirection.ToDevice).Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Attributes_without_a_meaning_here_change_nothing(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, Page);
        memory.Bytes.Write(0, 5);
        const DmaAttributes ignored = DmaAttributes.WeakOrdering | DmaAttributes.WriteCombine
            | DmaAttributes.ForceContiguous | DmaAttributes.NoWarn | DmaAttributes.Privileged;
        Assert.Equal(IommuStatus.Ok,
            home.Dma.Map(memory, 0, Page, DmaDirection.ToDevice, out DmaMapping mapping, ignored));
        Assert.Equal([5], home.Read(mapping.Address, 1)!);
        mapping.Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void An_address_keeps_the_low_bits_that_the_device_wants(string name)
    {
        using DmaHome home = Open(name);
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.MinAlignMask = Page);
        Assert.Equal(0UL, home.Dma.MinAlignMask);
        home.Dma.MinAlignMask = Page - 1;
        using DmaMemory memory = Allocate(home, 2 * Page);
        memory.Bytes.Write(Page + 0x123, (byte)9);
        DmaMapping mapping = Map(home, memory, Page + 0x123, 16, DmaDirection.ToDevice);
        Assert.Equal(0x123UL, mapping.Address.Value & (Page - 1));
        Assert.Equal([9, 0], home.Read(mapping.Address, 2)!);
        mapping.Dispose();
    }

    [Theory]
    [MemberData(nameof(Translating))]
    public void In_a_strict_home_no_access_is_late_and_in_a_lazy_one_each_is_counted(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, Page);
        long before = home.Dma.Space.LateAccesses;
        DmaMapping mapping = Map(home, memory, 0, Page, DmaDirection.Bidirectional);
        Iova at = mapping.Address;
        Assert.True(home.Write(at, 1));
        mapping.Dispose();
        bool wrote = home.Write(at, 2); // a lazy home's timer may be faster
        Assert.True(home.IsLazy || !wrote);
        Assert.Equal(wrote ? 1 : 0, home.Dma.Space.LateAccesses - before);
        home.Dma.Space.Flush();
        Assert.False(home.Write(at, 3));
        Assert.Equal(wrote ? 2 : 1, memory.Bytes.Read<byte>(0));
    }
}
