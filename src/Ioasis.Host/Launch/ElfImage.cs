using System.Buffers.Binary;

namespace Ioasis.Host.Launch;

/// <summary>
/// A program of our own machine code, as an ELF file: its code and, if it has any, its data. It starts without a loader
/// or a library.
/// </summary>
internal static class ElfImage
{
    /// <summary>Where the data lie in the program's memory.</summary>
    public const ulong DataAt = 0x600000;

    private const ulong LoadedAt = 0x400000;
    private const int HeaderSize = 64, SegmentSize = 56, CodeAt = HeaderSize + 2 * SegmentSize, PageSize = 0x1000;
    private const int Readable = 4, Writable = 2, Executable = 1;

    /// <summary>The file.</summary>
    /// <param name="code">Begins with the first instruction, and is at most some thousand bytes.</param>
    /// <param name="data">Writable for the program.</param>
    public static byte[] Make(ReadOnlySpan<byte> code, ReadOnlySpan<byte> data)
    {
        byte[] file = new byte[data.IsEmpty ? CodeAt + code.Length : PageSize + data.Length];
        // Elf64_Ehdr: 64-bit, little-endian, version 1, System V; ET_EXEC, EM_X86_64.
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(file);
        Span<byte> header = file;
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], LoadedAt + CodeAt); // e_entry
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderSize);        // e_phoff
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderSize);        // e_ehsize
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SegmentSize);       // e_phentsize
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], (ushort)(data.IsEmpty ? 1 : 2)); // e_phnum
        WriteSegment(header[HeaderSize..], Readable | Executable, 0, LoadedAt, CodeAt + code.Length);
        if (!data.IsEmpty)
            WriteSegment(header[(HeaderSize + SegmentSize)..], Readable | Writable, PageSize, DataAt, data.Length);
        code.CopyTo(header[CodeAt..]);
        if (!data.IsEmpty) data.CopyTo(header[PageSize..]);
        return file;
    }

    // Elf64_Phdr of a PT_LOAD.
    private static void WriteSegment(Span<byte> segment, uint flags, ulong offset, ulong address, int size)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 1);
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], (ulong)size);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], (ulong)size);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], PageSize);
    }
}
