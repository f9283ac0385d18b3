using System.Buffers.Binary;

namespace Ioasis.Devices.Virtio.Net;

/// <summary>The header before each frame in a queue (virtio 1.3, 5.1.6).</summary>
internal static class NetHeader
{
    /// <summary>Bytes of the header; of the legacy one without mergeable buffers.</summary>
    internal const int Size = 12, LegacySize = 10;

    private const byte NeedsChecksumFlag = 1;
    private const int KindOffset = 1, StartOffset = 6, ChecksumOffset = 8, BuffersOffset = 10;

    /// <summary>Whether a checksum is to be completed (VIRTIO_NET_HDR_F_NEEDS_CSUM).</summary>
    internal static bool NeedsChecksum(ReadOnlySpan<byte> header) => (header[0] & NeedsChecksumFlag) != 0;

    /// <summary>Whether the frame is to be cut into segments, which the card does not offer.</summary>
    internal static bool NeedsSegments(ReadOnlySpan<byte> header) => header[KindOffset] != 0;

    internal static int ChecksumStart(ReadOnlySpan<byte> header) =>
        BinaryPrimitives.ReadUInt16LittleEndian(header[StartOffset..]);

    internal static int ChecksumField(ReadOnlySpan<byte> header) =>
        BinaryPrimitives.ReadUInt16LittleEndian(header[ChecksumOffset..]);

    /// <summary>Makes the header that of a frame with all checksums.</summary>
    internal static void Clear(Span<byte> header) => header.Clear();

    /// <summary>Makes the header say nothing but which checksum is to be completed.</summary>
    internal static void KeepChecksum(Span<byte> header)
    {
        header[0] = NeedsChecksumFlag;
        header[KindOffset..StartOffset].Clear();
    }

    /// <summary>Sets the number of buffers that the frame takes, in a header of full size.</summary>
    internal static void SetBuffers(Span<byte> header, int buffers) =>
        BinaryPrimitives.WriteUInt16LittleEndian(header[BuffersOffset..], (ushort)buffers);
}
