using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>
/// A domain whose addresses are those of a memory itself (Linux: IOMMU_DOMAIN_IDENTITY). Devices behind any unit take
/// it, with or without a PASID.
/// </summary>
/// <remarks>
/// What stands for physical memory here is an address space that the host gives to its drivers. Of an
/// <see cref="OwnAddressSpace"/> a device reaches the blocks that were allocated in it, and nothing else of our
/// process. An access where no memory is fails with <see cref="Faults.FaultReason.MemoryGone"/>.
/// </remarks>
public sealed class IdentityDomain : IommuDomain
{
    private const ulong PageSize = 4096;

    /// <summary>Makes one.</summary>
    /// <param name="owner">The unit of the first device that uses it.</param>
    /// <param name="memory">The memory.</param>
    public IdentityDomain(IommuUnit owner, AddressSpace memory) : this(owner, memory, new MappingTable(PageSize))
    {
    }

    private IdentityDomain(IommuUnit owner, AddressSpace memory, MappingTable mappings)
        : base(owner, mappings, new TranslationRoute(mappings, WholeMemory.Addresses.Last))
    {
        Memory = memory;
        Mappings.Map(WholeMemory.Addresses, new WholeMemory(memory), 0, MapAccess.ReadWrite);
    }

    /// <inheritdoc/>
    public override bool IsOfAnyUnit => true;

    /// <summary>The memory.</summary>
    public AddressSpace Memory { get; }
}
