namespace Ioasis.Core.DmaApi;

/// <summary>
/// How to map (Linux: DMA_ATTR_*, with the same bits). Those that mean nothing to a software IOMMU are taken and
/// ignored.
/// </summary>
[Flags]
public enum DmaAttributes
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>Writes may overtake one another. Ignored.</summary>
    WeakOrdering = 1 << 1,

    /// <summary>Writes may be combined. Ignored.</summary>
    WriteCombine = 1 << 2,

    /// <summary>Mapping and unmapping copy nothing into or out of a bounce buffer: the driver synchronizes.</summary>
    SkipCpuSync = 1 << 5,

    /// <summary>Coherent memory is one run of pages. It always is.</summary>
    ForceContiguous = 1 << 6,

    /// <summary>Failing is no news. Ignored.</summary>
    NoWarn = 1 << 8,

    /// <summary>Only privileged requests may use it. Ignored: requests are not told apart so.</summary>
    Privileged = 1 << 9,

    /// <summary>A buffer that would have to be bounced is refused.</summary>
    RequireCoherent = 1 << 12,
}
