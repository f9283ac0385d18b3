using Ioasis.Memory;

namespace Ioasis.Passthrough.Vdpa.Spaces;

/// <summary>
/// Memory of a process that is looked up at each access, and pinned by nobody (Linux: use_va of a vDPA device). An
/// access to what the process has unmapped meanwhile fails.
/// </summary>
internal sealed class LiveMemory(AddressSpace memory, Hva start, ulong length, bool writable)
    : MemoryBacking(length, writable, start.Value)
{
    public override bool TryPopulate(ulong offset, ulong length) => true;

    public override bool TryRead(ulong offset, Span<byte> destination) =>
        Has(offset, destination.Length) && memory.TryRead(start + offset, destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) =>
        Writable && Has(offset, source.Length) && memory.TryWrite(start + offset, source);

    public override bool TryBring(ulong offset, ulong length, bool write, CancellationToken stop) =>
        memory.TryBring(start + offset, length, write, stop);

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = default;
        return offset < Length && memory.TryLocate(start + offset, out location);
    }
}
