using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;

namespace Ioasis.Host.Callers;

/// <summary>
/// Distinguishes the program that a process runs from the one before an exec. Each program gets 16 random bytes
/// (getauxval(3), AT_RANDOM), and its auxiliary vector has their address. We read them through the known memory and
/// through the process's present memory at the same time. The same memory has the same bytes, whatever the program did
/// to them. Another memory has other bytes, even if its layout is the same.
/// </summary>
internal sealed class ProgramImage
{
    private const int MostBytes = 1024, RandomBytes = 16;
    private const ulong AT_NULL = 0, AT_RANDOM = 25;

    private readonly byte[] _vector;
    private readonly ulong _random;

    private ProgramImage(byte[] vector) => (_vector, _random) = (vector, Find(vector, AT_RANDOM));

    /// <summary>Reads the image. An unreadable one equals none.</summary>
    /// <param name="thread">The directory /proc/TID/fd.</param>
    public static ProgramImage Read(FileDescriptor thread)
    {
        Span<byte> bytes = stackalloc byte[MostBytes];
        return new ProgramImage(bytes[..ReadVector(thread, bytes)].ToArray());
    }

    /// <summary>Whether the process of a thread still runs the program.</summary>
    /// <param name="thread">The directory /proc/TID/fd.</param>
    /// <param name="memory">The program's memory.</param>
    public bool IsStillThatOf(FileDescriptor thread, ProcessMemory memory)
    {
        Span<byte> vector = stackalloc byte[MostBytes], known = stackalloc byte[RandomBytes],
            now = stackalloc byte[RandomBytes];
        if (_random == 0 || memory.IsGone || !vector[..ReadVector(thread, vector)].SequenceEqual(_vector)) return false;
        return memory.TryReadPinned(_random, known) && TryReadMemory(thread, _random, now) && known.SequenceEqual(now);
    }

    private static int ReadVector(FileDescriptor thread, Span<byte> vector)
    {
        if (!TryOpen(thread, "../auxv", out FileDescriptor? file)) return 0;
        using (file) return (int)Math.Max(0, SysFiles.Read(file!, vector).Value);
    }

    private static bool TryReadMemory(FileDescriptor thread, ulong address, Span<byte> bytes)
    {
        if (!TryOpen(thread, "../mem", out FileDescriptor? file)) return false;
        using (file) return SysFiles.ReadAt(file!, bytes, address).Value == bytes.Length;
    }

    private static bool TryOpen(FileDescriptor thread, string path, out FileDescriptor? file)
    {
        Errno errno = SysFiles.OpenAt(thread, path, FcntlH.O_RDONLY, out file);
        // If we cannot look, the program may still be the same.
        if (errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM)
            throw new IOException($"cannot look which program calls ({errno})");
        return errno == Errno.None;
    }

    private static ulong Find(ReadOnlySpan<byte> vector, ulong wanted)
    {
        for (; vector.Length >= 16; vector = vector[16..])
        {
            ulong type = BinaryPrimitives.ReadUInt64LittleEndian(vector);
            if (type == wanted) return BinaryPrimitives.ReadUInt64LittleEndian(vector[8..]);
            if (type == AT_NULL) break;
        }

        return 0;
    }
}
