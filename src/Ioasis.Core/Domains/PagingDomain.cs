using Ioasis.Core.Units;

namespace Ioasis.Core.Domains;

/// <summary>A page table that is managed from an IOAS: it translates by the mappings there.</summary>
public sealed class PagingDomain : IommuDomain
{
    /// <summary>Makes a domain; a unit does so after it has checked the options against its capabilities.</summary>
    public PagingDomain(IommuUnit owner, MappingTable mappings, PagingDomainOptions options) : base(owner, mappings) => Options = options;

    /// <summary>What it was made to be able to do.</summary>
    public PagingDomainOptions Options { get; }
}
