using Ioasis.Core.Units;

namespace Ioasis.Core.Domains;

/// <summary>A page table that is managed from an IOAS: it translates by the mappings there.</summary>
public sealed class PagingDomain : IommuDomain
{
    /// <summary>Makes a domain; a unit does so after it has checked the options against its capabilities.</summary>
    public PagingDomain(IommuUnit owner, MappingTable mappings, PagingDomainOptions options) : base(owner, mappings) => Options = options;

    /// <summary>What it was made to be able to do.</summary>
    public PagingDomainOptions Options { get; }

    /// <summary>The pages that devices wrote through this domain; null while that is not recorded.</summary>
    internal DirtyBitmap? Dirty => Route.Dirty;

    /// <summary>
    /// Begins to record which pages are written, all of them clean, or ends it. When this returns, every access does as was asked, one in flight
    /// included. The caller sees to it that two of these calls do not meet.
    /// </summary>
    internal void SetDirtyTracking(bool enable)
    {
        Route.Dirty = enable ? new DirtyBitmap(Mappings.PageSize) : null;
        Mappings.Flush();
    }
}
