using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Bytes of our own process that share their pages with bytes of others: a device reaches no byte beside them. It also
/// serves what was unmapped and not yet flushed, and counts those accesses.
/// </summary>
internal sealed class DmaBounds(nint page, ulong length, ulong first, ulong last, LateAccesses late)
    : MemoryBacking(length, writable: true, alignmentHint: (ulong)page)
{
    /// <summary>Whether the mapping was taken out already.</summary>
    internal bool IsLate { get; set; }

    public override bool TryPopulate(ulong offset, ulong length) => true;

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (!Holds(offset, destination.Length)) return false;
        HostMemory.Read(page + (nint)offset, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Holds(offset, source.Length)) return false;
        HostMemory.Write(page + (nint)offset, source);
        return true;
    }

    private bool Holds(ulong offset, int count)
    {
        if (offset < first || offset > last || (ulong)count > last - offset + 1) return false;
        if (IsLate) late.Count();
        return true;
    }
}
