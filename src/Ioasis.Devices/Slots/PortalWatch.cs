using System.Buffers.Binary;
using Ioasis.Memory;

namespace Ioasis.Devices.Slots;

/// <summary>A descriptor that was found in a mapped portal.</summary>
/// <param name="Offset">Offset in the BAR.</param>
/// <param name="Bytes">Its 64 bytes.</param>
internal readonly record struct PortalSubmission(ulong Offset, byte[] Bytes);

/// <summary>
/// Finds descriptors that a program stored to a mapped portal. A line of 64 bytes is idle while its first word is 0. A
/// descriptor is taken by setting that word, and nothing else, back to 0.
/// </summary>
/// <remarks>
/// Stores of 64 bytes (MOVDIR64B) are handled exactly. Whoever sees the first word sees all of them. A store that lands
/// between the look and the taking either changes the first word, so that it is not taken, or leaves different other
/// words. A descriptor made of smaller stores may be seen half written: the line is read twice, with a short wait
/// between, and nothing better is possible.
/// </remarks>
/// <param name="size">Bytes of the BAR.</param>
internal sealed class PortalWatch(ulong size)
{
    internal const int LineSize = 64;
    private const int WordSize = sizeof(ulong);
    private const int Attempts = 16;
    private const int ShortWait = 20;

    /// <summary>Takes all descriptors in the portal.</summary>
    internal void Look(SharedBytes bytes, List<PortalSubmission> found)
    {
        for (ulong line = 0; line < size; line += LineSize)
            if (bytes.Read<ulong>(line) != 0) Take(bytes, line, found);
    }

    private static void Take(SharedBytes bytes, ulong line, List<PortalSubmission> found)
    {
        byte[] descriptor = new byte[LineSize], again = new byte[LineSize];
        if (!TryRead(bytes, line, descriptor, again)) return; // a descriptor is being written; the next look finds it
        found.Add(new PortalSubmission(line, descriptor));
        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(descriptor);
        if (!bytes.TryReplace(line, first, 0UL)) return; // the next descriptor is there already

        ReadWords(bytes, line, again);
        if (again.AsSpan(WordSize).SequenceEqual(descriptor.AsSpan(WordSize))) return;
        Thread.SpinWait(ShortWait);
        if (bytes.Read<ulong>(line) != 0) return; // its first word is written last; the next look finds it
        ReadWords(bytes, line, again);
        // The next descriptor had the same first word, which was cleared with the former's.
        BinaryPrimitives.WriteUInt64LittleEndian(again, first);
        found.Add(new PortalSubmission(line, again));
    }

    private static bool TryRead(SharedBytes bytes, ulong line, byte[] descriptor, byte[] again)
    {
        ReadWords(bytes, line, descriptor);
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            Thread.SpinWait(ShortWait);
            ReadWords(bytes, line, again);
            if (again.AsSpan().SequenceEqual(descriptor)) return true;
            again.CopyTo(descriptor, 0);
        }

        return false;
    }

    /// <summary>
    /// Reads word by word in ascending order: a reader of the first word also gets the words that were stored with it,
    /// or later ones.
    /// </summary>
    private static void ReadWords(SharedBytes bytes, ulong line, Span<byte> into)
    {
        for (int at = 0; at < LineSize; at += WordSize)
            BinaryPrimitives.WriteUInt64LittleEndian(into[at..], bytes.Read<ulong>(line + (uint)at));
    }
}
