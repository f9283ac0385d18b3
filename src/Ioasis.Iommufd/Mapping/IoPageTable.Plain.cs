using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Iovas;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// The fast path for the most frequent mappings. The IOAS need not be held for it: an IOAS that is gone has no domain,
/// and so no plain memory.
/// </summary>
internal sealed partial class IoPageTable
{
    /// <summary>
    /// Maps whole pages of a program's memory that can be held once for many mappings, if there is a domain, without an
    /// object. False, with nothing changed, if these conditions do not hold or it cannot be mapped: then
    /// <see cref="Map"/> maps it or returns the error.
    /// </summary>
    internal bool TryMapPlain(AddressSpace memory, ulong address, ulong length, in PinOwner owner, bool choose,
        MapAccess access, ref ulong iova)
    {
        if (!MayBePlain(address, length, access)) return false;
        IHeldMemory? mapped = Volatile.Read(ref _mappings) is null || !new Hva(address).TryLast(length, out _)
            ? null : memory.TryHoldMapped(new Hva(address), length, (access & MapAccess.Write) != 0);
        if (TryMapPlain(memory, address, length, owner, choose, access, ref mapped, ref iova)) return true;
        mapped?.Release();
        return false;
    }

    /// <summary>As the other one, for whole pages of a file that can be held once; start + length must not overflow.
    /// </summary>
    internal bool TryMapPlain(IMemoryFile file, ulong start, ulong length, in PinOwner owner, bool choose,
        MapAccess access, ref ulong iova)
    {
        if (!MayBePlain(start, length, access) || Volatile.Read(ref _mappings) is null
            || file.TryHold(start, length, (access & MapAccess.Write) != 0) is not { } held) return false;
        IHeldMemory? mapped = held;
        if (TryMapPlain(memory: null, start, length, owner, choose, access, ref mapped, ref iova)) return true;
        mapped?.Release();
        return false;
    }

    private static bool MayBePlain(ulong address, ulong length, MapAccess access) =>
        ((address | length) & (HostPageSize - 1)) == 0 && length != 0 && access != MapAccess.None;

    /// <param name="memory">The program's memory; null for a file.</param>
    /// <param name="address">Its first address, at a page.</param>
    /// <param name="length">Bytes, whole pages, not 0.</param>
    /// <param name="owner">Who is charged.</param>
    /// <param name="choose">Whether to choose an IOVA.</param>
    /// <param name="access">What devices may do.</param>
    /// <param name="mapped">The file, or what the memory is of another process; null for a block, or if nothing can be
    /// held. Becomes null when its hold is taken over.</param>
    /// <param name="iova">The first IOVA.</param>
    private bool TryMapPlain(AddressSpace? memory, ulong address, ulong length, in PinOwner owner, bool choose,
        MapAccess access, ref IHeldMemory? mapped, ref ulong iova)
    {
        IHeldMemory? unheld;
        using (_lock.Enter())
        {
            // No alignment exceeds a page.
            ulong first = iova;
            if (_mappings is null || !_areas.HasPlainNumber) return false;
            if (choose && IovaAllocator.Allocate(address, length, _alignment, _allowed, NextUsed,
                out first) != IommuStatus.Ok) return false;
            if ((first & (HostPageSize - 1)) != 0 || !new Iova(first).TryLast(length, out Iova end)) return false;
            var range = new IovaRange(first, end.Value);
            if (_reserved.Overlaps(range) || !_areas.IsFree(range.First, range.Last, out RangeMap<AreaSlot>.Gap gap))
                return false;
            if ((access & MapAccess.Write) == 0 && _domains.Exists(d => d.IsWritableOnly)) return false;

            HostBlock? held = _areas.HeldBlock, block = null;
            if (mapped is null && !memory!.TryHold(new Hva(address), length, held, out block)) return false;
            if (owner.Charge(length / HostPageSize) != Errno.None)
            {
                if (block != held) block?.Release();
                return false;
            }

            IHeldMemory found = mapped ?? block!;
            if (found.Space is { } space) _mappings.Map(range, space, address, access);
            else _mappings.Map(range, (nint)address + found.Shift, access);
            PlainMemory plain = _areas.PlainOf(found, memory, in owner, access);
            _areas.AddPlain(gap, range, plain, address, isHeld: mapped is not null || block != held);
            mapped = null;
            if (IsCovered(Used))
            {
                TellMap(range, access, plain.From(address));
                iova = first;
                return true;
            }

            TryTakePlain(range, isTold: false, out unheld);
        }

        unheld?.Release();
        return false; // the slow path reports that memory is short
    }

    /// <summary>
    /// Unmaps the area of plain memory with exactly these addresses, like <see cref="Unmap"/> but without a batch.
    /// False, with nothing changed, if there is none.
    /// </summary>
    internal bool TryUnmapPlain(ulong iova, ulong length)
    {
        if (length == 0 || !new Iova(iova).TryLast(length, out Iova end)) return false;
        IHeldMemory? unheld;
        using (_lock.Enter())
        {
            if (!TryTakePlain(new IovaRange(iova, end.Value), isTold: true, out unheld)) return false;
            Settle();
        }

        unheld?.Release();
        return true;
    }

    /// <summary>
    /// Takes out the area of plain memory with exactly these addresses; false, with nothing changed, if there is none.
    /// </summary>
    /// <param name="range">The addresses.</param>
    /// <param name="isTold">Whether observers know the area.</param>
    /// <param name="unheld">The memory that no area holds any more, to be released without locks held; null if an area
    /// still holds it.</param>
    private bool TryTakePlain(IovaRange range, bool isTold, out IHeldMemory? unheld)
    {
        unheld = null;
        RangeMap<AreaSlot>.Run run = _areas.FindRun(range.First, range.Last);
        if (run.Count == 0 || run.First(0) != range.First || run.Last(0) != range.Last
            || _areas.PlainOf(run.Value(0)) is not { } plain) return false;
        if (isTold) TellUnmap(range);
        if (_areas.RemovePlain(run, plain)) unheld = plain.Memory;
        _mappings!.Unmap(range);
        plain.Owner.Uncharge(range.Length / HostPageSize);
        foreach (PagingDomain domain in _domains) domain.Dirty?.Take(range.First, range.Last, clear: true, null);
        return true;
    }
}
