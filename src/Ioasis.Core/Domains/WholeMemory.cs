using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>All addresses of an address space, for one mapping of it: each page may come and go by itself.</summary>
internal sealed class WholeMemory(AddressSpace memory)
    : MemoryBacking(Addresses.Length, writable: true, alignmentHint: 0)
{
    /// <summary>What programs have: the lower half of the canonical addresses of 4 levels.</summary>
    internal static IovaRange Addresses { get; } = new(0, (1UL << 47) - 1);

    public override bool TryPopulate(ulong offset, ulong length) => true;

    public override bool TryRead(ulong offset, Span<byte> destination) => memory.TryRead(new Hva(offset), destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => memory.TryWrite(new Hva(offset), source);

    public override bool TryBring(ulong offset, ulong length, bool write, CancellationToken stop) =>
        memory.TryBring(new Hva(offset), length, write, stop);

    public override bool TryLocate(ulong offset, out MemoryLocation location) =>
        memory.TryLocate(new Hva(offset), out location);
}
