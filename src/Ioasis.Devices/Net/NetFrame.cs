using System.Buffers.Binary;

namespace Ioasis.Devices.Net;

/// <summary>An Ethernet frame, from its destination address on.</summary>
internal static class NetFrame
{
    internal const int HeaderSize = 14, AddressSize = 6;

    /// <summary>The longest frame that is carried.</summary>
    internal const int MostBytes = (1 << 16) + 64;

    private const ushort VlanType = 0x8100;

    /// <summary>The destination address, the first byte highest.</summary>
    internal static ulong Destination(ReadOnlySpan<byte> frame) => Address(frame);

    /// <summary>An address, the first byte highest.</summary>
    internal static ulong Address(ReadOnlySpan<byte> bytes) =>
        ((ulong)BinaryPrimitives.ReadUInt32BigEndian(bytes) << 16) | BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]);

    /// <summary>Writes an address.</summary>
    internal static void WriteAddress(Span<byte> bytes, ulong address)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)(address >> 16));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[4..], (ushort)address);
    }

    /// <summary>Number of the VLAN that the frame is tagged with; null for none.</summary>
    internal static int? Vlan(ReadOnlySpan<byte> frame) =>
        frame.Length >= HeaderSize + 2 && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == VlanType
            ? BinaryPrimitives.ReadUInt16BigEndian(frame[14..]) & 0xfff
            : null;

    /// <summary>
    /// Completes a checksum: the sum of the bytes from <paramref name="start"/> on, in which the field's place has the
    /// sum of the pseudo header.
    /// </summary>
    /// <param name="frame">The frame.</param>
    /// <param name="start">The first byte of the sum.</param>
    /// <param name="offset">Offset of the field from there.</param>
    /// <returns>False if the field does not lie within the frame.</returns>
    internal static bool TryCompleteChecksum(Span<byte> frame, int start, int offset)
    {
        if (start + offset + 2 > frame.Length) return false;
        ReadOnlySpan<byte> bytes = frame[start..];
        ulong sum = 0;
        for (; bytes.Length >= 2; bytes = bytes[2..]) sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        if (bytes.Length > 0) sum += (uint)bytes[0] << 8;
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        ushort value = (ushort)~sum;
        // 0 would mean that there is none
        BinaryPrimitives.WriteUInt16BigEndian(frame[(start + offset)..], value == 0 ? (ushort)0xffff : value);
        return true;
    }
}
