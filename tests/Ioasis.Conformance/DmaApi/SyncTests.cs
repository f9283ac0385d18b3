using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>
/// Whose turn it is: what the driver wrote is the device's after a sync, and the reverse. Where buffers are bounced a
/// missing sync shows.
/// </summary>
public sealed class SyncTests : DmaRuleTest
{
    private const int Length = 64;

    [Theory]
    [MemberData(nameof(Homes))]
    public void With_the_right_syncs_both_see_the_others_bytes(string name)
    {
        using DmaHome home = Open(name);
        byte[] bytes = Pattern(Length, 1), first = [.. bytes], second = Pattern(Length, 2), third = Pattern(Length, 3);
        DmaMapping mapping = Map(home, bytes, DmaDirection.Bidirectional);
        Assert.Equal(first, home.Read(mapping.Address, Length));
        mapping.SyncForCpu();
        second.CopyTo(bytes.AsSpan());
        mapping.SyncForDevice();
        Assert.Equal(second, home.Read(mapping.Address, Length));
        Assert.True(home.Write(mapping.Address, third));
        mapping.SyncForCpu();
        Assert.Equal(third, bytes);
        mapping.SyncForDevice();
        Assert.True(home.Write(mapping.Address, first));
        mapping.Dispose(); // as a sync
        Assert.Equal(first, bytes);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_missing_sync_shows_where_syncs_are_needed(string name)
    {
        using DmaHome home = Open(name);
        Assert.Equal(home.BouncesArrays, home.Dma.NeedsSync);
        bool shows = home.Dma.NeedsSync;
        byte[] bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        DmaMapping mapping = Map(home, bytes, DmaDirection.Bidirectional);
        bytes[0] = 9;
        Assert.Equal([(byte)(shows ? 1 : 9), 2], home.Read(mapping.Address, 2)!);
        mapping.SyncForDevice(0, 1); // a part
        Assert.Equal([9, 2], home.Read(mapping.Address, 2)!);
        Assert.True(home.Write(mapping.Address + 4, 55, 66));
        Assert.Equal([(byte)(shows ? 5 : 55), (byte)(shows ? 6 : 66)], bytes[4..6]);
        mapping.SyncForCpu(5, 1);
        Assert.Equal([(byte)(shows ? 5 : 55), 66], bytes[4..6]);
        mapping.Dispose();
        Assert.Equal([9, 2, 3, 4, 55, 66, 7, 8], bytes);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Bytes_that_the_device_does_not_write_survive(string name)
    {
        using DmaHome home = Open(name);
        byte[] bytes = Pattern(Length, 4), expected = [.. bytes];
        DmaMapping mapping = Map(home, bytes, DmaDirection.FromDevice);
        Assert.True(home.Write(mapping.Address + 8, 1, 2, 3));
        mapping.Dispose();
        (expected[8], expected[9], expected[10]) = (1, 2, 3);
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_sync_is_for_a_part_of_the_mapping(string name)
    {
        using DmaHome home = Open(name);
        DmaMapping mapping = Map(home, new byte[Length], DmaDirection.Bidirectional);
        mapping.SyncForCpu(0, Length);
        mapping.SyncForDevice(Length, 0);
        foreach ((ulong offset, ulong length) in
            ((ulong, ulong)[])[(0, Length + 1), (Length, 1), (Length + 1, 0), (1, ulong.MaxValue)])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => mapping.SyncForCpu(offset, length));
            Assert.Throws<ArgumentOutOfRangeException>(() => mapping.SyncForDevice(offset, length));
        }

        mapping.Dispose();
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void Without_the_copies_of_map_and_unmap_the_driver_synchronizes(string name)
    {
        using DmaHome home = Open(name);
        byte[] bytes = [1, 2, 3, 4];
        Assert.Equal(IommuStatus.Ok, home.Dma.Map(
            bytes.AsMemory(), DmaDirection.Bidirectional, out DmaMapping mapping, DmaAttributes.SkipCpuSync));
        Assert.Equal(home.BouncesArrays ? new byte[4] : bytes, home.Read(mapping.Address, 4));
        mapping.SyncForDevice();
        Assert.Equal([1, 2, 3, 4], home.Read(mapping.Address, 4)!);
        Assert.True(home.Write(mapping.Address, 5));
        mapping.SyncForCpu();
        Assert.True(home.Write(mapping.Address + 1, 6));
        mapping.Dispose();
        Assert.Equal([5, (byte)(home.BouncesArrays ? 2 : 6), 3, 4], bytes);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_buffer_that_has_to_be_coherent_is_refused_where_it_would_be_bounced(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, Page);
        IommuStatus native = home.Dma.Map(
            memory, 0, Page, DmaDirection.ToDevice, out DmaMapping mapping, DmaAttributes.RequireCoherent);
        Assert.Equal(home.Bounces ? IommuStatus.NotSupported : IommuStatus.Ok, native);
        if (native == IommuStatus.Ok) mapping.Dispose();
        IommuStatus array = home.Dma.Map(
            new byte[8].AsMemory(), DmaDirection.ToDevice, out mapping, DmaAttributes.RequireCoherent);
        Assert.Equal(home.BouncesArrays ? IommuStatus.NotSupported : IommuStatus.Ok, array);
        if (array == IommuStatus.Ok) mapping.Dispose();
        Assert.Equal(0, home.Dma.Live);
    }

    /// <summary>Beside a buffer on its page lie other objects of the process.</summary>
    [Theory]
    [MemberData(nameof(ByBytes))]
    public void A_write_beside_an_array_reaches_no_byte_of_the_process(string name)
    {
        using DmaHome home = Open(name);
        Assert.True(home.BouncesArrays || home.IsBoundByBytes);
        byte[] bytes = Pattern(Length, 5), expected = [.. bytes];
        DmaMapping mapping = Map(home, bytes.AsMemory(16, 16), DmaDirection.Bidirectional);
        bool wrote = home.Write(mapping.Address + 16, 0xee);
        Assert.Equal(!home.IsBoundByBytes, wrote);
        if (home.IsBoundByBytes) Assert.Null(home.Read(mapping.Address, 17)); // no read either
        mapping.Dispose();
        Assert.Equal(expected, bytes);
        Assert.Equal(wrote ? 1 : 0, home.Dma.OutsideWrites);
    }
}
