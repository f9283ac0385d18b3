using System.Buffers.Binary;

namespace Ioasis.Devices.Virtio.Blk;

/// <summary>The configuration of a block device (virtio 1.3, 5.2.4).</summary>
/// <param name="sectors">Number of sectors.</param>
/// <param name="queues">Number of queues.</param>
/// <param name="queueSize">Number of entries of each.</param>
internal readonly struct BlkConfig(ulong sectors, int queues, int queueSize)
{
    internal const int Size = 96;
    internal const int SectorShift = 9, SectorSize = 1 << SectorShift;

    /// <summary>The most sectors of a range that is discarded or zeroed: 32 MiB.</summary>
    internal const uint MostRangeSectors = 0xffff;

    /// <summary>The most ranges of a request.</summary>
    internal const int MostRanges = 32;

    /// <summary>The most bytes of one segment.</summary>
    internal const uint LongestSegment = 1 << 20;

    private const int HeaderAndStatus = 2;

    internal void CopyTo(int offset, Span<byte> destination)
    {
        Span<byte> all = stackalloc byte[Size];
        all.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(all, sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(all[8..], LongestSegment);
        BinaryPrimitives.WriteUInt32LittleEndian(all[12..], (uint)(queueSize - HeaderAndStatus));
        BinaryPrimitives.WriteUInt32LittleEndian(all[20..], SectorSize);
        BinaryPrimitives.WriteUInt16LittleEndian(all[26..], 1); // min_io_size, in blocks
        all[32] = 1; // writeback
        BinaryPrimitives.WriteUInt16LittleEndian(all[34..], (ushort)queues);
        BinaryPrimitives.WriteUInt32LittleEndian(all[36..], MostRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(all[40..], MostRanges);
        BinaryPrimitives.WriteUInt32LittleEndian(all[44..], 1); // discard_sector_alignment
        BinaryPrimitives.WriteUInt32LittleEndian(all[48..], MostRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(all[52..], MostRanges);
        all[56] = 1; // write_zeroes_may_unmap
        all.Slice(offset, destination.Length).CopyTo(destination);
    }
}
