using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>What the default domains of a machine's groups have in common.</summary>
internal sealed class DefaultDomains
{
    /// <summary>
    /// The memory that the host gives to its drivers. Its addresses stand for physical ones: a device behind an
    /// identity domain uses them, and direct regions are at them.
    /// </summary>
    internal OwnAddressSpace Memory { get; } = new();

    /// <summary>
    /// The type that a group begins with, unless a member forces another (Linux: iommu.passthrough, iommu.strict).
    /// </summary>
    public DomainType BootType { get; init; } = DomainType.Dma;

    /// <summary>The windows of BARs: no I/O address of a DMA domain lies in them.</summary>
    public IovaRange[] Windows { get; init; } = [];
}
