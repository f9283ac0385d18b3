using System.Runtime.InteropServices;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// What one thread has read and written since power-on. Only that thread counts, without atomic instructions: these
/// would wait until its copies are in memory.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 128)] // no other thread's counts share its cache lines
internal struct NvmeCounts
{
    /// <summary>Blocks.</summary>
    internal long BlocksRead, BlocksWritten;

    /// <summary>Commands.</summary>
    internal long Reads, Writes;

    internal void AddRead(uint blocks)
    {
        Volatile.Write(ref BlocksRead, BlocksRead + blocks);
        Volatile.Write(ref Reads, Reads + 1);
    }

    internal void AddWrite(uint blocks)
    {
        Volatile.Write(ref BlocksWritten, BlocksWritten + blocks);
        Volatile.Write(ref Writes, Writes + 1);
    }

    /// <summary>Adds those of another thread, which may be counting.</summary>
    internal void Add(ref NvmeCounts other)
    {
        BlocksRead += Volatile.Read(ref other.BlocksRead);
        BlocksWritten += Volatile.Read(ref other.BlocksWritten);
        Reads += Volatile.Read(ref other.Reads);
        Writes += Volatile.Read(ref other.Writes);
    }
}
