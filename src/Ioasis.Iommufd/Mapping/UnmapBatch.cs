using System.Runtime.InteropServices;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Areas that are taken from the domains together, at the cost of one invalidation, and of one change of the pin count
/// per <see cref="PlainMemory"/>. One thread uses it at a time.
/// </summary>
internal sealed class UnmapBatch
{
    /// <summary>
    /// Number of areas at which a batch is full: one invalidation then costs little per area, and the batch is still
    /// small.
    /// </summary>
    private const int Enough = 4096;

    private const int Small = 64;

    private readonly List<IovaRange> _ranges = []; // without those of dma-bufs
    private readonly List<Area> _areas = [];
    private readonly List<(PlainMemory Memory, ulong Pages)> _plain = [];
    private readonly List<IHeldMemory> _holds = [];

    /// <summary>Bytes that the areas map.</summary>
    internal ulong Bytes { get; private set; }

    /// <summary>Whether the areas should be taken out before more are added.</summary>
    internal bool IsFull => _ranges.Count >= Enough || _areas.Count >= Enough;

    /// <summary>Whether it is worth keeping once it is empty.</summary>
    internal bool IsSmall => _ranges.Capacity <= Small && _areas.Capacity <= Small;

    internal void Add(Area area)
    {
        Bytes += area.Range.Length;
        _areas.Add(area);
        if (!area.Pages.IsDmaBuf) _ranges.Add(area.Range);
    }

    /// <summary>Adds an area of plain memory.</summary>
    internal void Add(PlainMemory memory, IovaRange range)
    {
        Bytes += range.Length;
        _ranges.Add(range);
        Span<(PlainMemory Memory, ulong Pages)> plain = CollectionsMarshal.AsSpan(_plain);
        ulong pages = range.Length / IoPageTable.HostPageSize;
        if (plain.IsEmpty || plain[^1].Memory != memory) _plain.Add((memory, pages));
        else plain[^1].Pages += pages;
    }

    /// <summary>Adds a hold of the areas' memory, which is released with them.</summary>
    internal void AddHold(IHeldMemory memory) => _holds.Add(memory);

    /// <summary>Takes the areas from the domains, if any, and unpins them once no access uses them.</summary>
    internal void TakeFrom(MappingTable? mappings)
    {
        if (mappings is null) return;
        foreach (Area area in _areas)
            if (area.Pages is DmaBufPages pages) pages.Leave(area);
        if (_ranges.Count > 0) mappings.Unmap(CollectionsMarshal.AsSpan(_ranges));
        foreach (Area area in _areas)
        {
            area.IsEntered = false;
            area.Pages.Unpin(area);
        }

        foreach ((PlainMemory memory, ulong pages) in _plain) memory.Owner.Uncharge(pages);
    }

    /// <summary>Forgets recorded writes to the areas.</summary>
    internal void Forget(DirtyBitmap dirty)
    {
        foreach (IovaRange range in _ranges) dirty.Take(range.First, range.Last, clear: true, null);
        foreach (Area area in _areas)
            if (area.Pages.IsDmaBuf) dirty.Take(area.Range.First, area.Range.Last, clear: true, null);
    }

    /// <summary>Releases the areas' memory. The batch is empty then.</summary>
    internal void Release()
    {
        foreach (Area area in _areas) area.Pages.Release();
        foreach (IHeldMemory memory in _holds) memory.Release();
        _ranges.Clear();
        _areas.Clear();
        _plain.Clear();
        _holds.Clear();
        Bytes = 0;
    }
}
