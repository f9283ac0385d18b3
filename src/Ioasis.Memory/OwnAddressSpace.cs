using System.Diagnostics.CodeAnalysis;
using Ioasis.Memory.Threads;

namespace Ioasis.Memory;

/// <summary>
/// The part of our own process that is open to devices: the blocks that <see cref="Allocate"/> returned. A wrong
/// address can only fail; it cannot crash the process or reach the runtime's own memory.
/// </summary>
internal sealed class OwnAddressSpace : AddressSpace
{
    /// <inheritdoc/>
    public override int? Process => Environment.ProcessId;

    // Serializes changes. No other lock is taken while this one is held.
    private readonly RankedLock _lock = new(LockRank.OwnAddressSpace);

    // Sorted by address. Replaced as a whole, never changed.
    private volatile HostBlock[] _blocks = [];

    /// <summary>Allocates zeroed, page-aligned memory whose addresses devices may use.</summary>
    /// <param name="length">Bytes, not 0.</param>
    public HostBlock Allocate(ulong length)
    {
        var block = new HostBlock(length);
        using (_lock.Enter()) _blocks = [.. _blocks.Append(block).OrderBy(b => (ulong)b.Address)];
        return block;
    }

    /// <summary>
    /// Takes a block back, as munmap does: its addresses can no longer be accessed. Mappings that hold the block keep
    /// the bytes.
    /// </summary>
    public void Free(HostBlock block)
    {
        using (_lock.Enter()) _blocks = [.. _blocks.Where(b => b != block)];
        block.Dispose();
    }

    /// <inheritdoc/>
    public override bool TryRead(Hva source, Span<byte> destination)
    {
        if (destination.IsEmpty) return true;
        if (!TryHold(source, (ulong)destination.Length, null, out HostBlock? block)) return false;
        block.CopyTo(source.Value - (ulong)block.Address, destination);
        block.Release();
        return true;
    }

    /// <inheritdoc/>
    public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty) return true;
        if (!TryHold(destination, (ulong)source.Length, null, out HostBlock? block)) return false;
        block.CopyFrom(destination.Value - (ulong)block.Address, source);
        block.Release();
        return true;
    }

    /// <inheritdoc/>
    public override bool TryLocate(Hva address, out MemoryLocation location)
    {
        location = default;
        if (!TryHold(address, 1, null, out HostBlock? block)) return false;
        location = new MemoryLocation(block, address.Value - (ulong)block.Address);
        block.Release();
        return true;
    }

    /// <summary>A block counts as shared memory: other threads of this process have it, too.</summary>
    internal override bool TryFindMapping(Hva address, out ProcessMapping mapping)
    {
        mapping = default;
        foreach (HostBlock block in _blocks)
        {
            ulong start = (ulong)block.Address, end = start + block.Length;
            if (end <= address.Value) continue;
            mapping = new ProcessMapping(start, end, IsShared: true);
            return true;
        }

        return false;
    }

    /// <inheritdoc/>
    internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
        new OwnBacking(this, start, length, writable);

    /// <inheritdoc/>
    internal override MemoryBacking Reference(Hva start, ulong length, bool writable, IHeldMemory held) =>
        new OwnBacking(this, start, length, writable, (HostBlock)held);

    /// <summary>
    /// Finds the block that contains all of these bytes and takes a hold, unless it is <paramref name="held"/>. The
    /// caller releases it.
    /// </summary>
    internal override bool TryHold(Hva start, ulong length, HostBlock? held, [NotNullWhen(true)] out HostBlock? block)
    {
        block = null;
        HostBlock[] blocks = _blocks;
        int low = 0, high = blocks.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if ((ulong)blocks[middle].Address <= start.Value) low = middle + 1; else high = middle;
        }

        if (low == 0) return false;
        HostBlock candidate = blocks[low - 1];
        ulong offset = start.Value - (ulong)candidate.Address;
        if (offset > candidate.Length || length > candidate.Length - offset
            || (candidate != held && !candidate.TryAddReference())) return false;
        block = candidate;
        return true;
    }
}
