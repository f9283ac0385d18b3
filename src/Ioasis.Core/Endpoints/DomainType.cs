namespace Ioasis.Core.Endpoints;

/// <summary>The type of a group's default domain (Linux: IOMMU_DOMAIN_BLOCKED and its kin).</summary>
public enum DomainType
{
    /// <summary>No access goes through.</summary>
    Blocked,

    /// <summary>Addresses are those of the host's memory for drivers.</summary>
    Identity,

    /// <summary>
    /// The DMA API maps memory for drivers in the host. An unmap returns when no access uses the mapping (strict).
    /// </summary>
    Dma,

    /// <summary>
    /// As <see cref="Dma"/>, but an unmap only queues its invalidation. One flush ends many mappings (lazy).
    /// </summary>
    DmaFlushQueue,
}

/// <summary>The words for domain types below <c>/sys/kernel/iommu_groups</c>.</summary>
internal static class DomainTypes
{
    /// <summary>The word for a type.</summary>
    /// <param name="type">The type; null for a group without a default domain.</param>
    public static string NameOf(DomainType? type) => type switch
    {
        DomainType.Blocked => "blocked",
        DomainType.Identity => "identity",
        DomainType.Dma => "DMA",
        DomainType.DmaFlushQueue => "DMA-FQ",
        _ => "unknown",
    };

    /// <summary>Reads a word that can be written to <c>type</c>.</summary>
    /// <param name="word">Without the newline.</param>
    /// <param name="type">The type; null for <c>auto</c>, the type of the machine's description.</param>
    /// <returns>False if Linux knows no such word.</returns>
    public static bool TryParse(string word, out DomainType? type)
    {
        type = word switch
        {
            "identity" => DomainType.Identity,
            "DMA" => DomainType.Dma,
            "DMA-FQ" => DomainType.DmaFlushQueue,
            _ => null,
        };
        return type is not null || word == "auto";
    }
}
