using System.Runtime.CompilerServices;
using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>
/// The indirect mappings of a table, by number from 1. Changed under the table's lock; looked up without.
/// </summary>
internal sealed class IndirectMappings
{
    private const int ChunkBits = 8;
    private const int ChunkSize = 1 << ChunkBits;

    private readonly Stack<uint> _free = new();
    private IndirectMapping[][] _chunks = [];
    private uint _next = 1;

    /// <summary>The slot of a number that an access found, or with the lock held.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref IndirectMapping At(uint number) =>
        ref Volatile.Read(ref _chunks)[number >> ChunkBits][number & (ChunkSize - 1)];

    internal uint Add(ulong first, MemoryBacking backing, ulong offset)
    {
        if (!_free.TryPop(out uint number)) number = NewSlot();
        At(number) = new IndirectMapping { First = first, Backing = backing, BackingOffset = offset, Parts = 1 };
        return number;
    }

    /// <summary>A part of it is out of the table, and out of use.</summary>
    internal void Release(uint number)
    {
        ref IndirectMapping mapping = ref At(number);
        if (--mapping.Parts != 0) return;
        mapping = default;
        _free.Push(number);
    }

    private uint NewSlot()
    {
        uint number = _next++;
        if (number >> ChunkBits == _chunks.Length)
        {
            IndirectMapping[][] chunks = new IndirectMapping[Math.Max(1, _chunks.Length * 2)][];
            _chunks.CopyTo(chunks, 0);
            Volatile.Write(ref _chunks, chunks);
        }

        _chunks[number >> ChunkBits] ??= new IndirectMapping[ChunkSize];
        return number;
    }
}
