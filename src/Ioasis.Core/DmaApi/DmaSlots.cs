using System.Runtime.CompilerServices;
using Ioasis.PageTables;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// A streaming mapping of a device. There are two kinds. A paged slot has I/O addresses and their entries in the page
/// table for good, whether it is mapped or free: mapping native memory takes no more than writing the entries. Any
/// other mapping has a bare slot and the rest.
/// </summary>
internal struct DmaSlot
{
    internal uint Generation; // odd while it is mapped
    internal int Next; // in the list of free bare slots
    internal ulong Iova; // of the buffer
    internal ulong Length;
    internal IovaNode? Node; // that has the entries of a paged slot; null for a bare one
    internal DmaMemory? Memory; // of a paged slot: held while it is mapped, and known until the next mapping
    internal SlotRest? Rest; // of a bare slot; stays for the next mapping
    internal ulong First; // of a paged slot's addresses
    internal DmaDirection Direction;
    internal byte Order; // log2 of a paged slot's pages
}

/// <summary>What a mapping has that is not of native memory in a domain of the host.</summary>
internal sealed class SlotRest
{
    internal DmaRun Run; // of its pages; not with addresses that are the memory's own
    internal DmaHold Hold; // of what the device reaches
    internal DmaHold Source; // of the driver's buffer, if it is bounced
    internal DmaMemory? Bounce;
    internal nint Address; // of the driver's buffer
    internal DmaAttributes Attributes;
}

/// <summary>The streaming mappings of a device, by number. None is taken from two threads at a time.</summary>
internal sealed class DmaSlots
{
    private const int ChunkBits = 8, ChunkSize = 1 << ChunkBits;
    private const long Stamp = 1L << 32; // of the list of free slots: another after each change

    private volatile DmaSlot[][] _chunks = [];
    private long _free; // the first free bare slot plus 1, below a stamp
    private int _count;

    /// <summary>How many there are, free ones included.</summary>
    internal int Count => Volatile.Read(ref _count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref DmaSlot At(int number) => ref _chunks[number >> ChunkBits][number & (ChunkSize - 1)];

    /// <summary>Takes a free bare slot.</summary>
    internal int Take()
    {
        while (true)
        {
            long head = Volatile.Read(ref _free);
            int first = (int)(uint)head;
            if (first == 0)
            {
                Grow();
                continue;
            }

            long next = ((head & ~(Stamp - 1)) + Stamp) | (uint)Volatile.Read(ref At(first - 1).Next);
            if (Interlocked.CompareExchange(ref _free, next, head) == head) return first - 1;
        }
    }

    /// <summary>Gives a bare slot back.</summary>
    internal void Give(int number)
    {
        long head;
        do
        {
            head = Volatile.Read(ref _free);
            Volatile.Write(ref At(number).Next, (int)(uint)head);
        }
        while (Interlocked.CompareExchange(
            ref _free, ((head & ~(Stamp - 1)) + Stamp) | (uint)(number + 1), head) != head);
    }

    private void Grow()
    {
        DmaSlot[][] before = _chunks;
        var chunk = new DmaSlot[ChunkSize];
        if (Interlocked.CompareExchange(ref _chunks, [.. before, chunk], before) != before) return;
        int first = before.Length << ChunkBits;
        Interlocked.Add(ref _count, ChunkSize);
        for (int i = ChunkSize - 1; i >= 0; i--) Give(first + i);
    }
}
