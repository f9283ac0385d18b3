using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Domains;

/// <summary>
/// An address space of a process as a device's page table: its addresses are the process's own pointers (Linux:
/// IOMMU_DOMAIN_SVA). Nothing is pinned and nothing is kept: each page is accessed as the process itself would access
/// it at that moment.
/// </summary>
/// <remarks>
/// What the process unmaps, moves or protects is out of reach for every access that begins after that; one that had
/// begun finishes on its page. Where the process is seen doing it (<see cref="AddressSpace.Changes"/>), none is under
/// way meanwhile. A page that is not present is made present by the access, or, for a device that asks for pages, by
/// its page request.
/// </remarks>
public sealed class ProcessDomain : IommuDomain, IMmuNotifier
{
    private const ulong PageSize = 1 << PageShift;
    private const int PageShift = 12;

    // Guards the count together with what follows from it: attaching and detaching meet on several endpoints. Taken
    // after an endpoint's lock.
    private readonly RankedLock _lock = new(LockRank.ProcessDomain);
    private int _attachments;

    /// <summary>Makes one.</summary>
    /// <param name="owner">The unit of the first device that uses it; those of all others can be attached too.</param>
    /// <param name="memory">The process's memory.</param>
    public ProcessDomain(IommuUnit owner, AddressSpace memory) : this(owner, memory, new MappingTable(PageSize))
    {
    }

    private ProcessDomain(IommuUnit owner, AddressSpace memory, MappingTable mappings)
        : base(owner, mappings, new TranslationRoute(mappings, WholeMemory.Addresses.Last, PageShift, memory))
    {
        Memory = memory;
        Mappings.Map(WholeMemory.Addresses, new WholeMemory(memory), 0, MapAccess.ReadWrite);
        PageRequests = new Handler(memory);
    }

    /// <summary>Whether the unit knows PASIDs is all that counts.</summary>
    public override bool IsOfAnyUnit => true;

    /// <summary>The process's memory.</summary>
    public AddressSpace Memory { get; }

    /// <summary>Waits for the accesses of all devices that are attached.</summary>
    void IMmuNotifier.Quiesce() => Mappings.Flush();

    internal override void Attaching()
    {
        using (_lock.Enter())
            if (++_attachments == 1) Memory.Changes.Register(this);
    }

    internal override void Detached()
    {
        using (_lock.Enter())
            if (--_attachments == 0) Memory.Changes.Unregister(this);
    }

    /// <summary>
    /// Answers page requests by whether the process could make that access itself (Linux: iommu_sva_handle_mm). The
    /// page is there by then, or will be made by the access.
    /// </summary>
    private sealed class Handler(AddressSpace memory) : IPageRequestHandler
    {
        public void Handle(PageRequestGroup group)
        {
            ArgumentNullException.ThrowIfNull(group);
            bool all = !group.Attachment.IsGone && group.Requests.All(CanAccess);
            group.Respond(all ? PageResponse.Success : PageResponse.Invalid);
        }

        public void Detached(Attachment attachment)
        {
            // Nothing waits here.
        }

        private bool CanAccess(PageRequest request)
        {
            Span<byte> one = stackalloc byte[1];
            ulong page = request.Address.Value & ~(PageSize - 1);
            if (page > WholeMemory.Addresses.Last
                || (request.Access & (PageRequestAccess.Privileged | PageRequestAccess.Execute)) != 0) return false;
            MemoryBacking backing = memory.Reference(
                new Hva(page), PageSize, (request.Access & PageRequestAccess.Write) != 0);
            try
            {
                return backing.TryPopulate() && memory.TryRead(new Hva(page), one); // which makes it present
            }
            finally
            {
                backing.Release();
            }
        }
    }
}
