namespace Ioasis.Memory;

/// <summary>
/// Bytes of our own process. Populating holds the block that has them; the block then outlives its owner's free, as
/// pinned pages do.
/// </summary>
internal sealed class OwnBacking(OwnAddressSpace space, Hva start, ulong length, bool writable, HostBlock? held = null)
    : MemoryBacking(length, writable, start.Value)
{
    // The block that has all the bytes. Null if there is none: devices then cannot use the address directly.
    private HostBlock? _block = held;

    private ulong Start => AlignmentHint;

    public override nint DirectAddress => Volatile.Read(ref _block) is null ? 0 : (nint)Start;

    public override bool TryPopulate(ulong offset, ulong length)
    {
        if (Volatile.Read(ref _block) is { } held) return IsIn(held, offset, length);
        if (!space.TryHold(new Hva(Start) + offset, length, null, out HostBlock? block)) return false;
        if (Interlocked.CompareExchange(ref _block, block, null) is not { } other) return true;
        block.Release();
        return IsIn(other, offset, length);
    }

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (!Has(offset, destination.Length)) return false;
        if (Volatile.Read(ref _block) is not { } block) return space.TryRead(new Hva(Start + offset), destination);
        if (!IsIn(block, offset, (ulong)destination.Length)) return false;
        block.CopyTo(Start + offset - (ulong)block.Address, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Writable || !Has(offset, source.Length)) return false;
        if (Volatile.Read(ref _block) is not { } block) return space.TryWrite(new Hva(Start + offset), source);
        if (!IsIn(block, offset, (ulong)source.Length)) return false;
        block.CopyFrom(Start + offset - (ulong)block.Address, source);
        return true;
    }

    public override bool TryReadNow(ulong offset, Span<byte> destination) =>
        Has(offset, destination.Length) && space.TryRead(new Hva(Start + offset), destination);

    public override bool TryWriteNow(ulong offset, ReadOnlySpan<byte> source) =>
        Writable && Has(offset, source.Length) && space.TryWrite(new Hva(Start + offset), source);

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = default;
        if (offset >= Length) return false;
        if (Volatile.Read(ref _block) is not { } block || !IsIn(block, offset, 1))
            return space.TryLocate(new Hva(Start + offset), out location);
        location = new MemoryLocation(block, Start + offset - (ulong)block.Address);
        return true;
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location)
    {
        if (location.Memory is not HostBlock block) yield break;
        ulong address = unchecked((ulong)block.Address + location.Offset), offset = unchecked(address - Start);
        if (offset < Length && TryLocate(offset, out MemoryLocation found) && found == location) yield return offset;
    }

    protected override void Free() => _block?.Release();

    private bool IsIn(HostBlock block, ulong offset, ulong length)
    {
        ulong at = unchecked(Start + offset - (ulong)block.Address);
        return at <= block.Length && length <= block.Length - at;
    }
}
