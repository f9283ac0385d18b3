using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// A domain of the DMA API (Linux: IOMMU_DOMAIN_DMA, IOMMU_DOMAIN_DMA_FQ, IOMMU_DOMAIN_IDENTITY): mostly the default
/// domain of a group, which the drivers of the group's devices share. In a strict one no access is left when an unmap
/// returns. A lazy one collects unmaps, and invalidates for many at once.
/// </summary>
internal sealed class DmaDomain : DmaSpace, IMappingSource
{
    private readonly OwnAddressSpace? _memory; // of an identity domain
    private readonly MappingTable? _mappings; // of the others
    private readonly IommuUnit _unit;
    private readonly LateAccesses _late;
    private volatile FlushQueue? _queue;
    private DmaDevice[] _devices = [];

    private DmaDomain(IommuUnit unit, IovaSpace? iovas, MappingTable? mappings, OwnAddressSpace? memory) : base(iovas)
    {
        (_unit, _mappings, _memory) = (unit, mappings, memory);
        _late = mappings?.Late ?? new LateAccesses();
        Domain = null!;
    }

    /// <summary>What devices and PASIDs are attached to.</summary>
    public IommuDomain Domain { get; private set; }

    /// <summary>Whether unmaps are collected.</summary>
    public bool IsLazy => _queue is not null;

    /// <inheritdoc/>
    public override bool MapsAnyMemory => Iovas is not null;

    /// <inheritdoc/>
    public override long LateAccesses => _late.Seen;

    /// <summary>What is mapped; of a domain that translates.</summary>
    internal MappingTable Mappings => _mappings!;

    /// <summary>What was unmapped and is not yet flushed; null in a strict domain.</summary>
    internal FlushQueue? Queue => _queue;

    /// <summary>The devices that map into the domain.</summary>
    internal DmaDevice[] Devices => Volatile.Read(ref _devices);

    /// <summary>Makes a domain that translates.</summary>
    /// <param name="endpoint">The device that it is made for.</param>
    /// <param name="lazy">Whether unmaps are collected.</param>
    /// <param name="domain">The domain, when the answer is <see cref="IommuStatus.Ok"/>. Addresses that the unit
    /// reserves for the device are not given out.</param>
    public static IommuStatus Create(Endpoint endpoint, bool lazy, out DmaDomain? domain)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        IommuUnit unit = endpoint.Unit;
        ulong page = unit.PageSizes & (~unit.PageSizes + 1);
        var source = new Source();
        var mappings = new MappingTable(page, source) { Late = new LateAccesses() };
        domain = null;
        PagingDomainOptions options =
            endpoint.MaxPasidLog2 > 0 ? PagingDomainOptions.Pasid : PagingDomainOptions.None;
        IommuStatus status = unit.CreatePagingDomain(endpoint, options, null, mappings, out PagingDomain? paging);
        if (status != IommuStatus.Ok) return status;
        var iovas = new IovaSpace(page, paging!.Aperture);
        domain = new DmaDomain(unit, iovas, mappings, null) { Domain = paging };
        source.Domain = domain;
        domain.Reserve(endpoint);
        if (lazy) domain.UseFlushQueue();
        return IommuStatus.Ok;
    }

    /// <summary>Makes a domain whose addresses are those of a memory.</summary>
    /// <param name="unit">The unit of the first device that uses it.</param>
    /// <param name="memory">The memory that the host has for drivers.</param>
    internal static DmaDomain CreateIdentity(IommuUnit unit, OwnAddressSpace memory) =>
        new(unit, null, null, memory) { Domain = new IdentityDomain(unit, memory) };

    /// <summary>Keeps addresses free that the unit reserves for a device, which joins the domain.</summary>
    public void Reserve(Endpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        foreach (ReservedRegion region in endpoint.Unit.ReservedRegions(endpoint))
            if (region.Kind != ReservedKind.SoftwareMsi) Iovas?.Reserve(region.Range);
    }

    /// <summary>
    /// Collects unmaps from now on, also while drivers work. A domain that does not translate does nothing.
    /// </summary>
    public void UseFlushQueue()
    {
        if (_mappings is not null) _queue ??= new FlushQueue(this);
    }

    /// <inheritdoc/>
    public override DmaMemory AllocateMemory(ulong length)
    {
        ulong whole = WholePages(length);
        if (_memory is { } memory)
        {
            HostBlock block = memory.Allocate(whole);
            return new DmaMemory(block, () => memory.Free(block));
        }

        var own = new HostBlock(whole);
        return new DmaMemory(own, own.Dispose);
    }

    /// <inheritdoc/>
    public override void Flush() => _queue?.Flush();

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken token = default) =>
        _queue is { } queue ? Task.Run(queue.Flush, CancellationToken.None).WaitAsync(token) : Task.CompletedTask;

    /// <inheritdoc/>
    protected internal override IommuStatus Map(in DmaRun run)
    {
        if (Watched(EventKinds.Map) is not null) TellMap(in run);
        if (run.OwnsPages)
        {
            _mappings!.Map(run.Range, run.Page, run.Access);
            return IommuStatus.Ok;
        }

        var bounds = new DmaBounds(run.Page, run.Range.Length, run.Buffer.First - run.Range.First,
            run.Buffer.Last - run.Range.First, _late);
        _mappings!.Map(run.Range, bounds, 0, run.Access);
        return IommuStatus.Ok;
    }

    /// <inheritdoc/>
    protected internal override void Unmap(ReadOnlySpan<IovaRange> ranges)
    {
        if (Watched(EventKinds.Unmap) is not null)
            foreach (IovaRange range in ranges) TellUnmap(range);
        _mappings!.Unmap(ranges);
    }

    /// <inheritdoc/>
    internal override void Retire(in DmaRun run, ulong? iova, ulong length, ref DmaHold hold)
    {
        if (_queue is not { } queue || !_mappings!.Retire(run.Range))
        {
            base.Retire(in run, iova, length, ref hold);
            return;
        }

        queue.Add(run.Range, iova, length, ref hold);
    }

    bool IMappingSource.TryShow(ulong address, out IovaRange range, out MemoryLocation? location)
    {
        foreach (DmaDevice device in Volatile.Read(ref _devices))
        {
            if (!device.TryFindRun(address, out DmaRun run)) continue;
            range = run.Range;
            location = new MemoryLocation(this, (ulong)run.Page + (address - range.First));
            return true;
        }

        (range, location) = (default, null);
        return false;
    }

    /// <summary>The observers, if one is told of a kind of event.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Observers? Watched(EventKinds kind) =>
        _unit.Observers is { } observers && observers.Want(kind) ? observers : null;

    internal void TellMap(in DmaRun run) => Watched(EventKinds.Map)?.Tell(new MapEvent(
        _unit.Observers!.Stamp(), this, run.Range, run.Access,
        new MappedMemory(this, (ulong)run.Page, IsFile: false)));

    internal void TellUnmap(IovaRange range) =>
        Watched(EventKinds.Unmap)?.Tell(new UnmapEvent(_unit.Observers!.Stamp(), this, range));

    internal override void Add(DmaDevice device) => Change(devices => [.. devices, device]);

    internal override void Remove(DmaDevice device) => Change(devices => [.. devices.Where(d => d != device)]);

    private void Change(Func<DmaDevice[], DmaDevice[]> change)
    {
        DmaDevice[] before;
        do before = Volatile.Read(ref _devices);
        while (Interlocked.CompareExchange(ref _devices, change(before), before) != before);
    }

    /// <summary>Stands for the domain in its table, which is made first.</summary>
    private sealed class Source : IMappingSource
    {
        internal IMappingSource? Domain { get; set; }

        object IMappingSource.Space => Domain ?? (object)this;

        public bool TryShow(ulong address, out IovaRange range, out MemoryLocation? location)
        {
            (range, location) = (default, null);
            return Domain?.TryShow(address, out range, out location) == true;
        }
    }
}
