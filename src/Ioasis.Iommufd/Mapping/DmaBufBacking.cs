using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Bytes of an attached dma-buf.</summary>
internal sealed class DmaBufBacking(IDmaBufAttachment attachment, ulong start, ulong length, bool writable)
    : MemoryBacking(length, writable, start)
{
    private ulong Start => AlignmentHint;

    public override nint DirectAddress => attachment.Address == 0 ? 0 : attachment.Address + (nint)Start;

    public override bool TryPopulate(ulong offset, ulong length) => true;

    public override bool TryRead(ulong offset, Span<byte> destination) =>
        Has(offset, destination.Length) && attachment.TryRead(Start + offset, destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) =>
        Writable && Has(offset, source.Length) && attachment.TryWrite(Start + offset, source);

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = offset < Length ? attachment.Locate(Start + offset) : default;
        return offset < Length;
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location)
    {
        MemoryLocation first = attachment.Locate(Start);
        return OffsetsWithin(first.Memory, first.Offset, location);
    }

    protected override void Free() => attachment.Dispose();
}
