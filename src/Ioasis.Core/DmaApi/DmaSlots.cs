using System.Runtime.CompilerServices;

namespace Ioasis.Core.DmaApi;

/// <summary>A streaming mapping of a device.</summary>
internal struct DmaSlot
{
    internal uint Generation; // odd while it is mapped
    internal int Next; // in the list of free ones
    internal DmaDirection Direction;
    internal DmaAttributes Attributes;
    internal ulong Iova; // of the buffer
    internal ulong Length;
    internal DmaRun Run; // of its pages; not with addresses that are the memory's own
    internal DmaHold Hold; // of what the device reaches
    internal DmaHold Source; // of the driver's buffer, if it is bounced
    internal DmaMemory? Bounce;
    internal nint Address; // of the driver's buffer
}

/// <summary>The streaming mappings of a device, by number. None is taken from two threads at a time.</summary>
internal sealed class DmaSlots
{
    private const int ChunkBits = 8, ChunkSize = 1 << ChunkBits;
    private const long Stamp = 1L << 32; // of the list of free slots: another after each change

    private volatile DmaSlot[][] _chunks = [];
    private long _free; // the first free slot plus 1, below a stamp
    private int _count;

    /// <summary>How many there are, free ones included.</summary>
    internal int Count => Volatile.Read(ref _count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref DmaSlot At(int number) => ref _chunks[number >> ChunkBits][number & (ChunkSize - 1)];

    /// <summary>Takes a free slot.</summary>
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

    /// <summary>Gives a slot back.</summary>
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
