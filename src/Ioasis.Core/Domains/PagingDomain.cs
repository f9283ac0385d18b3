using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>A page table that is managed from an IOAS: it translates by the mappings there.</summary>
public class PagingDomain : IommuDomain
{
    /// <summary>Makes a domain; a unit does so after it has checked the options against its capabilities.</summary>
    public PagingDomain(IommuUnit owner, MappingTable mappings, PagingDomainOptions options)
        : base(owner, mappings, new TranslationRoute(mappings, owner.Aperture.Last))
    {
        Options = options;
        mappings.Told = owner;
    }

    /// <summary>What it was made to be able to do.</summary>
    public PagingDomainOptions Options { get; }

    /// <summary>
    /// The page sizes that it has, a bit for each; those of the unit unless the table is of a special kind.
    /// </summary>
    public virtual ulong PageSizes => Owner.PageSizes;

    /// <summary>
    /// The addresses that it translates; those that the unit does unless the table is of a special kind.
    /// </summary>
    public virtual IovaRange Aperture => Owner.Aperture;

    /// <summary>Whether it takes no mapping that devices may not write.</summary>
    public bool IsWritableOnly { get; init; }

    /// <summary>Whether it records which pages are written.</summary>
    public bool IsTrackingDirty => Dirty is not null;

    /// <summary>
    /// Records that a device wrote a range: for units whose devices write by other ways than a port, whose writes are
    /// recorded by themselves. Nothing happens while it is not recorded.
    /// </summary>
    public void MarkDirty(IovaRange range) => Dirty?.Mark(range.First, range.Last);

    /// <summary>What memory an address leads to (Linux: iommu_iova_to_phys); false when to none.</summary>
    public bool TryLocate(Iova iova, out MemoryLocation location)
    {
        bool isThere = Mappings.Show(iova.Value, out _, out MemoryLocation? found) && found is not null;
        location = found ?? default;
        return isThere;
    }

    /// <summary>The pages that devices wrote through this domain; null while that is not recorded.</summary>
    internal DirtyBitmap? Dirty => Route!.Dirty;

    /// <summary>
    /// Begins to record which pages are written, all of them clean, or ends it. When this returns, every access does as
    /// was asked, one in flight included. The caller sees to it that two of these calls do not meet.
    /// </summary>
    internal void SetDirtyTracking(bool enable)
    {
        Route!.Dirty = enable ? new DirtyBitmap(Mappings.PageSize) : null;
        Mappings.Flush();
    }
}
