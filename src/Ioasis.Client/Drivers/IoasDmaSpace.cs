using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Client.Drivers;

/// <summary>
/// The addresses of an IOAS as the DMA API's. It chooses IOVAs itself, among those that IOMMU_IOAS_IOVA_RANGES names,
/// and maps and unmaps them there (IOMMU_IOAS_MAP, IOMMU_IOAS_UNMAP).
/// </summary>
public sealed class IoasDmaSpace : NodeDmaSpace
{
    private IoasDmaSpace(Ioas ioas, IReadOnlyList<IovaRange> ranges)
        : base(ioas.Context.Nodes, ioas.GetIovaAlignment(), ranges) => Ioas = ioas;

    /// <summary>The IOAS.</summary>
    public Ioas Ioas { get; }

    /// <summary>
    /// Takes the addresses of an IOAS, except those that are addresses of BARs. Nobody else may map there at addresses
    /// of their own choice. Devices with other reserved IOVAs must be attached before.
    /// </summary>
    /// <param name="ioas">The IOAS.</param>
    /// <exception cref="IommuException">Its ranges cannot be read, or it has none.</exception>
    public static IoasDmaSpace Of(Ioas ioas)
    {
        ArgumentNullException.ThrowIfNull(ioas);
        IReadOnlyList<IovaRange> ranges = ioas.GetIovaRanges();
        return ranges.Count > 0
            ? new IoasDmaSpace(ioas, ranges)
            : throw new IommuException(Errno.ENOSPC, $"use of IOAS {ioas.Id}, which has no IOVAs,");
    }

    /// <inheritdoc/>
    protected internal override IommuStatus Map(in DmaRun run) => Statuses.Of(Ioas.TryMap(
        new Hva((ulong)run.Page), run.Range.Length, run.Access, new Iova(run.Range.First), out _));

    /// <inheritdoc/>
    private protected override void UnmapRange(Iova first, ulong length) => Ioas.Unmap(first, length);
}
