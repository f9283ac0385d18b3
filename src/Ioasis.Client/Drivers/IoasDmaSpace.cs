using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Client.Drivers;

/// <summary>
/// The addresses of an IOAS as the DMA API's. It chooses IOVAs itself, among those that IOMMU_IOAS_IOVA_RANGES names,
/// and maps and unmaps them there (IOMMU_IOAS_MAP, IOMMU_IOAS_UNMAP). It is strict: after an unmap no device reaches
/// the memory.
/// </summary>
public sealed class IoasDmaSpace : DmaSpace
{
    private const ulong SmallestPage = 4096;

    private IoasDmaSpace(Ioas ioas, IovaSpace iovas) : base(iovas) => Ioas = ioas;

    /// <summary>The IOAS.</summary>
    public Ioas Ioas { get; }

    /// <summary>
    /// Whether devices can reach any memory of the process. If not, only memory that the transport allocated is mapped,
    /// and the DMA API copies other memory to and from it.
    /// </summary>
    public override bool MapsAnyMemory => Ioas.Context.Nodes.MapsAnyMemory;

    /// <summary>
    /// Takes the addresses of an IOAS, except those that are addresses of BARs. Nobody else may map there at addresses
    /// of their own choice. Devices with other reserved IOVAs must be attached before.
    /// </summary>
    /// <param name="ioas">The IOAS.</param>
    /// <exception cref="IommuException">Its ranges cannot be read, or it has none.</exception>
    public static IoasDmaSpace Of(Ioas ioas)
    {
        ArgumentNullException.ThrowIfNull(ioas);
        IReadOnlyList<IovaRange> ranges = ioas.IovaRanges;
        if (ranges.Count == 0) throw new IommuException(Errno.ENOSPC, $"use of IOAS {ioas.Id}, which has no IOVAs,");
        var iovas = new IovaSpace(
            Math.Max(SmallestPage, ioas.IovaAlignment), new IovaRange(ranges[0].First, ranges[^1].Last));
        for (int i = 1; i < ranges.Count; i++)
            iovas.Reserve(new IovaRange(ranges[i - 1].Last + 1, ranges[i].First - 1));
        foreach (IovaRange window in PciWindows.Of(ioas.Context.Nodes))
            if (window.First <= iovas.Last) iovas.Reserve(window);
        return new IoasDmaSpace(ioas, iovas);
    }

    /// <inheritdoc/>
    public override DmaMemory AllocateMemory(ulong length)
    {
        UserMemory memory = Ioas.Context.Nodes.Allocate(length);
        return new DmaMemory(memory.Bytes, memory.Dispose);
    }

    /// <inheritdoc/>
    protected override IommuStatus Map(in DmaRun run) => Statuses.Of(Ioas.TryMap(
        new Hva((ulong)run.Page), run.Range.Length, run.Access, new Iova(run.Range.First), out _));

    /// <inheritdoc/>
    protected override void Unmap(ReadOnlySpan<IovaRange> ranges)
    {
        for (int i = 0; i < ranges.Length;)
        {
            ulong first = ranges[i].First, last = ranges[i].Last;
            // One call unmaps whole mappings that lie side by side.
            for (i++; i < ranges.Length && last != ulong.MaxValue && ranges[i].First == last + 1; i++)
                last = ranges[i].Last;
            Ioas.Unmap(new Iova(first), last - first + 1);
        }
    }
}
