using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Devices.Blocks;
using Ioasis.Devices.Nvme;

namespace Ioasis.Tests.Devices.Blocks;

/// <summary>Blocks in memory, and the loan of them that saves a copy.</summary>
public sealed class MemoryBlockStoreTests : IDisposable
{
    private const int Chunk = 1 << 18, Page = 4096;
    private readonly MemoryBlockStore _store = new(4 * Chunk);

    public void Dispose() => _store.Dispose();

    [Fact]
    public void BlocksBeginAtAPage()
    {
        for (long at = 0; at < _store.Size; at += Chunk / 2)
        {
            _store.Write(at, [1]);
            Assert.Equal(0UL, AddressOf(_store.Lend(at, Page)) % Page);
        }
    }

    [Fact]
    public void WhatIsLentIsWhatWasWritten()
    {
        var written = new byte[3 * Page];
        new Random(1).NextBytes(written);
        _store.Write(Chunk - Page, written); // ends in the next chunk
        Assert.Equal(written.AsSpan(0, Page), _store.Lend(Chunk - Page, Page));
        Assert.Equal(written.AsSpan(Page), _store.Lend(Chunk, 2 * Page));
        Assert.True(_store.Lend(Chunk - Page, 2 * Page).IsEmpty); // not in one piece
        Assert.True(_store.Lend(3 * Chunk, Page).IsEmpty); // never written
    }

    [Fact]
    public void ASliceLendsItsOwnBlocksAlone()
    {
        _store.Write(Chunk, [7]);
        var slice = new NvmeSlice(_store, Chunk, Page);
        Assert.Equal(7, slice.Lend(0, Page)[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Lend(0, Page + 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Lend(-1, 1).Length);
    }

    // It may be asked for because the bytes do not move.
    private static ulong AddressOf(Span<byte> bytes)
    {
        Assert.Equal(Page, bytes.Length);
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        return (ulong)Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref first);
    }
}
