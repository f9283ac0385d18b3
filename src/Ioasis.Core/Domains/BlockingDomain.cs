using Ioasis.Core.Units;

namespace Ioasis.Core.Domains;

/// <summary>
/// A domain that lets no access through (Linux: IOMMU_DOMAIN_BLOCKED). Devices behind any unit take it.
/// </summary>
/// <param name="owner">The unit of the first device that uses it.</param>
public sealed class BlockingDomain(IommuUnit owner) : IommuDomain(owner, new MappingTable(PageSize), null)
{
    private const ulong PageSize = 4096; // of a table that stays empty

    /// <inheritdoc/>
    public override bool IsOfAnyUnit => true;
}
