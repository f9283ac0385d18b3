namespace Ioasis.Memory;

/// <summary>Bytes of one block of our own process. Populating takes the block; it then outlives its owner's free, as pinned pages do.</summary>
internal sealed class OwnBacking(OwnAddressSpace space, Hva start, ulong length, bool writable)
    : MemoryBacking(length, writable, start.Value)
{
    private HostBlock? _block;

    public override nint DirectAddress => Volatile.Read(ref _block) is null ? 0 : (nint)start.Value;

    public override bool TryPopulate()
    {
        if (Volatile.Read(ref _block) is not null) return true;
        if (!space.TryHold(start, Length, out HostBlock? block)) return false;
        if (Interlocked.CompareExchange(ref _block, block, null) is not null) block!.Release();
        return true;
    }

    public override bool TryRead(ulong offset, Span<byte> destination) =>
        Within(offset, destination.Length) && space.TryRead(new Hva(start.Value + offset), destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) =>
        Writable && Within(offset, source.Length) && space.TryWrite(new Hva(start.Value + offset), source);

    protected override void Free() => _block?.Release();

    private bool Within(ulong offset, int count) => offset <= Length && (ulong)count <= Length - offset;
}
