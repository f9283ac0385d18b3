using Ioasis.Core.Domains;
using Ioasis.Memory;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Unit;

/// <summary>
/// A table of the mock's (Linux: struct mock_iommu_domain): of pages of 2 KiB in a narrow aperture, or, where huge
/// pages were asked for, of 1 MiB where memory allows it.
/// </summary>
internal sealed class MockPagingDomain(MockUnit owner, MappingTable mappings, PagingDomainOptions options, bool isHuge)
    : PagingDomain(owner, mappings, options)
{
    private const ulong HostPageSize = 4096;

    public override ulong PageSizes => isHuge ? MOCK_HUGE_PAGE_SIZE | HostPageSize : base.PageSizes;

    public override IovaRange Aperture =>
        isHuge ? base.Aperture : new IovaRange(MOCK_APERTURE_START, MOCK_APERTURE_LAST);

    /// <summary>
    /// A device writes through the entry that translates an address; where there is none, nothing happens.
    /// </summary>
    internal void SetDirty(ulong iova)
    {
        ulong entry = isHuge && IsOneEntry(iova & ~(MOCK_HUGE_PAGE_SIZE - 1), MOCK_HUGE_PAGE_SIZE)
            ? MOCK_HUGE_PAGE_SIZE
            : isHuge ? HostPageSize : MOCK_PAGE_SIZE;
        ulong first = iova & ~(entry - 1);
        if (TryLocate(new Iova(iova), out _)) MarkDirty(new IovaRange(first, first + entry - 1));
    }

    /// <summary>Whether one memory lies behind a block, without a gap, and so one entry can stand for it.</summary>
    private bool IsOneEntry(ulong first, ulong size) =>
        TryLocate(new Iova(first), out MemoryLocation start)
        && TryLocate(new Iova(first + size - 1), out MemoryLocation end)
        && end.Memory.Equals(start.Memory) && end.Offset - start.Offset == size - 1;
}
