using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>Memory that driver and device see at once: whole pages, and blocks of a pool.</summary>
public sealed class CoherentTests : DmaRuleTest
{
    [Theory]
    [MemberData(nameof(Homes))]
    public void Coherent_memory_begins_as_zeros_and_is_seen_by_both_without_syncs(string name)
    {
        using DmaHome home = Open(name);
        for (int round = 0; round < 3; round++) // the same memory again, perhaps
        {
            Assert.Equal(IommuStatus.Ok, home.Dma.AllocateCoherent(10000, out DmaBuffer? buffer));
            Assert.Equal(10000UL, buffer!.Length);
            Assert.Equal(0UL, buffer.Address.Value & (Page - 1));
            Iova end = buffer.Address + 9984;
            Assert.Equal(new byte[16], home.Read(end, 16));
            buffer.Bytes.Write(9984, 0x0123456789abcdefUL);
            Assert.Equal(0x0123456789abcdefUL, BitConverter.ToUInt64(home.Read(end, 8)!));
            Assert.True(home.Write(end + 8, 1, 2, 3));
            Assert.Equal(0x030201u, buffer.Bytes.Read<uint>(9992));
            buffer.Dispose();
            IsGone(home, end);
            Assert.Throws<ObjectDisposedException>(() => buffer.Bytes);
            buffer.Dispose(); // once more does nothing
        }

        Assert.Equal(0, home.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void No_bytes_are_a_mistake(string name)
    {
        using DmaHome home = Open(name);
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.AllocateCoherent(0, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.CreatePool(0, 8));
        Assert.Equal(0, home.Dma.Live);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_pool_keeps_alignment_and_boundary_and_its_blocks_never_overlap(string name)
    {
        using DmaHome home = Open(name);
        DmaPool pool = home.Dma.CreatePool(96, 32, 256);
        Assert.Equal(96u, pool.Size);
        List<DmaPoolBlock> blocks = [];
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(IommuStatus.Ok, pool.AllocateZeroed(out DmaPoolBlock block));
            ulong at = block.Address.Value;
            Assert.Equal(0UL, at % 32);
            Assert.Equal(at / 256, (at + 95) / 256);
            block.Write(88, (ulong)i + 1);
            blocks.Add(block);
        }

        for (int i = 0; i < blocks.Count; i++)
        {
            byte[] expected = [.. new byte[88], .. BitConverter.GetBytes((ulong)i + 1)];
            Assert.Equal(expected, home.Read(blocks[i].Address, 96));
        }

        Assert.True(home.Write(blocks[7].Address, 1, 2));
        Assert.Equal(0x0201, blocks[7].Read<ushort>(0));
        Assert.Equal(50, pool.Live);
        blocks.ForEach(pool.Free);
        Assert.Equal(0, pool.Live);
        Assert.Equal(IommuStatus.Ok, pool.AllocateZeroed(out DmaPoolBlock zeroed)); // was used
        Assert.Equal(new byte[96], home.Read(zeroed.Address, 96));
        pool.Free(zeroed);
        Iova gone = blocks[0].Address;
        pool.Dispose();
        IsGone(home, gone);
    }

    [Theory]
    [MemberData(nameof(Homes))]
    public void A_pool_finds_a_drivers_mistakes(string name)
    {
        using DmaHome home = Open(name);
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.CreatePool((uint)Page + 1, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.CreatePool(8, 24));
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.CreatePool(8, (uint)Page * 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.CreatePool(64, 8, 32));
        Assert.Throws<ArgumentOutOfRangeException>(() => home.Dma.CreatePool(64, 8, 96));
        DmaPool pool = home.Dma.CreatePool(64, 64), other = home.Dma.CreatePool(64, 64);
        Assert.Equal(IommuStatus.Ok, pool.Allocate(out DmaPoolBlock block));
        Assert.Throws<ArgumentOutOfRangeException>(() => block.Read<ulong>(57));
        Assert.Throws<ArgumentOutOfRangeException>(() => block.Write(64, (byte)1));
        Assert.Throws<InvalidOperationException>(() => other.Free(block)); // another pool's
        Assert.Throws<InvalidOperationException>(pool.Dispose); // in use
        Assert.NotNull(home.Read(block.Address, 64)); // and still there
        pool.Free(block);
        Assert.Throws<InvalidOperationException>(() => pool.Free(block)); // twice
        pool.Dispose();
        pool.Dispose(); // once more does nothing
        other.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Allocate(out _));
        Assert.Equal(0, home.Dma.Live);
    }
}
