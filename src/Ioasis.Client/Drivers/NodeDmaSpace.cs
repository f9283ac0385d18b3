using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Client.Drivers;

/// <summary>
/// I/O addresses that a program maps through a device node. The DMA API chooses them here, within what the node
/// permits; each mapping is a call. It is strict: after an unmap no device reaches the memory.
/// </summary>
public abstract class NodeDmaSpace : DmaSpace
{
    private const ulong SmallestPage = 4096;
    private readonly NodeTransport _nodes;

    private protected NodeDmaSpace(NodeTransport nodes, ulong alignment, IReadOnlyList<IovaRange> ranges)
        : base(IovasOf(nodes, alignment, ranges)) => _nodes = nodes;

    /// <summary>
    /// Whether devices can reach any memory of the process. If not, only memory that the transport allocated is mapped,
    /// and the DMA API copies other memory to and from it.
    /// </summary>
    public override bool MapsAnyMemory => _nodes.MapsAnyMemory;

    /// <inheritdoc/>
    public override DmaMemory AllocateMemory(ulong length)
    {
        UserMemory memory = _nodes.Allocate(length);
        return new DmaMemory(memory.Bytes, memory.Dispose);
    }

    /// <inheritdoc/>
    protected internal override void Unmap(ReadOnlySpan<IovaRange> ranges)
    {
        for (int i = 0; i < ranges.Length;)
        {
            ulong first = ranges[i].First, last = ranges[i].Last;
            // One call unmaps whole mappings that lie side by side.
            for (i++; i < ranges.Length && last != ulong.MaxValue && ranges[i].First == last + 1; i++)
                last = ranges[i].Last;
            UnmapRange(new Iova(first), last - first + 1);
        }
    }

    /// <summary>Unmaps whole mappings, by one call.</summary>
    private protected abstract void UnmapRange(Iova first, ulong length);

    /// <summary>All addresses of ascending ranges, except those that are addresses of BARs.</summary>
    private static IovaSpace IovasOf(NodeTransport nodes, ulong alignment, IReadOnlyList<IovaRange> ranges)
    {
        var iovas = new IovaSpace(
            Math.Max(SmallestPage, alignment), new IovaRange(ranges[0].First, ranges[^1].Last));
        for (int i = 1; i < ranges.Count; i++)
            iovas.Reserve(new IovaRange(ranges[i - 1].Last + 1, ranges[i].First - 1));
        foreach (IovaRange window in PciWindows.Of(nodes))
            if (window.First <= iovas.Last) iovas.Reserve(window);
        return iovas;
    }
}
