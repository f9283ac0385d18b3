using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>Addresses that are allocated once, and buffers that are linked to them.</summary>
public sealed class IovaRangeTests : DmaRuleTest
{
    /// <summary>A driver then maps each buffer by itself.</summary>
    [Theory]
    [MemberData(nameof(Homes))]
    public void Addresses_alone_are_there_where_they_are_translated_and_nothing_is_bounced(string name)
    {
        using DmaHome home = Open(name);
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.AllocateIova(0, out _));
        IommuStatus status = home.Dma.AllocateIova(Page + 1, out DmaIovaRange? range);
        Assert.Equal(home.Translates && !home.Bounces ? IommuStatus.Ok : IommuStatus.NotSupported, status);
        if (range is null) return;
        Assert.Equal(2 * Page, range.Length);
        Assert.Equal(0UL, range.Address.Value & ((2 * Page) - 1));
        Assert.Null(home.Read(range.Address, 1)); // nothing is linked
        Assert.Equal(1, home.Dma.Live);
        range.Dispose();
        range.Dispose(); // once more does nothing
        Assert.Equal(0, home.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Linking))]
    public void Buffers_are_linked_and_unlinked_many_times(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, 8 * Page);
        memory.Bytes.Write(0x804, (byte)5);
        memory.Bytes.Write(6 * Page, (byte)6);
        Assert.Equal(IommuStatus.Ok, home.Dma.AllocateIova(3 * Page, out DmaIovaRange? range));
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(IommuStatus.Ok, range!.Link(0, memory, 0x800, Page - 0x800, DmaDirection.ToDevice));
            Assert.Equal(IommuStatus.Ok, range.Link(Page, memory, 6 * Page, 2 * Page, DmaDirection.ToDevice));
            Assert.Equal([5], home.Read(range.Address + 0x804, 1)!);
            Assert.Equal([6], home.Read(range.Address + Page, 1)!);
            Assert.False(home.Write(range.Address + Page, 1)); // to the device only
            range.Unlink();
            Assert.Null(home.Read(range.Address + 0x804, 1));
            Assert.Null(home.Read(range.Address + Page, 1));
            range.Unlink(); // nothing is linked
        }

        Assert.Equal(IommuStatus.Ok, range!.Link(Page, memory, 0, Page, DmaDirection.FromDevice));
        Assert.True(home.Write(range.Address + Page, 9));
        Assert.Null(home.Read(range.Address + Page, 1));
        Iova at = range.Address + Page;
        range.Dispose();
        Assert.False(home.Write(at, 8));
        Assert.Equal(9, memory.Bytes.Read<byte>(0));
        Assert.Throws<ObjectDisposedException>(() => range.Link(0, memory, 0, 1, DmaDirection.ToDevice));
        Assert.Throws<ObjectDisposedException>(range.Unlink);
    }

    [Theory]
    [MemberData(nameof(Linking))]
    public void A_buffer_begins_at_a_page_lies_within_the_range_and_beside_the_others(string name)
    {
        using DmaHome home = Open(name);
        using DmaMemory memory = Allocate(home, 4 * Page);
        Assert.Equal(IommuStatus.Ok, home.Dma.AllocateIova(3 * Page, out DmaIovaRange? range));
        Assert.Equal(IommuStatus.Ok, range!.Link(Page, memory, 0, 8, DmaDirection.ToDevice));
        foreach ((ulong offset, ulong from, ulong length, IommuStatus status) in
            ((ulong, ulong, ulong, IommuStatus)[])
            [
                (Page, 0, 1, IommuStatus.Exists), (0, 0, Page + 1, IommuStatus.Exists), (8, 0, 8, IommuStatus.Invalid),
                (2 * Page, 8, 8, IommuStatus.Invalid), (2 * Page, 0, Page + 1, IommuStatus.Invalid),
                (3 * Page, 0, 1, IommuStatus.Invalid), (ulong.MaxValue & ~(Page - 1), 0, 1, IommuStatus.Invalid),
                (0, 0, 4 * Page, IommuStatus.Invalid),
            ])
            Assert.Equal(status, range.Link(offset, memory, from, length, DmaDirection.ToDevice));
        Assert.Throws<ArgumentOutOfRangeException>(() => range.Link(0, memory, 0, 0, DmaDirection.ToDevice));
        Assert.Throws<ArgumentOutOfRangeException>(() => range.Link(0, memory, 1, 4 * Page, DmaDirection.ToDevice));
        Assert.Throws<ArgumentNullException>(() => range.Link(0, null!, 0, 1, DmaDirection.ToDevice));
        Assert.Null(home.Read(range.Address, 1)); // none of them is there
        Assert.Null(home.Read(range.Address + (2 * Page), 1));
        Assert.NotNull(home.Read(range.Address + Page, 8));
        range.Dispose();
    }
}
