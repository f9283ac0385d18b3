using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>The short way of what is mapped most.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>
    /// Maps memory of a program that stands in our own process, by whole pages and where there is a domain, without any object for it. False,
    /// with nothing changed, where it is not that, or cannot be mapped at all: <see cref="Map"/> maps it, or says why not.
    /// </summary>
    internal bool TryMapPlain(AddressSpace memory, ulong address, ulong length, PinOwner owner, bool choose, MapAccess access, ref ulong iova)
    {
        if (((address | length) & (HostPageSize - 1)) != 0 || access == MapAccess.None) return false;
        lock (_lock)
        {
            // No alignment exceeds a page.
            ulong first = iova;
            if (_mappings is null) return false;
            if (choose && IovaAllocator.Allocate(address, length, _alignment, _allowed, NextUsed, out first) != Errno.None) return false;
            if ((first & (HostPageSize - 1)) != 0 || !new Iova(first).TryLast(length, out Iova end)) return false;
            var range = new IovaRange(first, end.Value);
            if (_reserved.Overlaps(range) || !_areas.IsFree(range.First, range.Last, out RangeMap<AreaSlot>.Gap gap)) return false;
            if ((access & MapAccess.Write) == 0 && _domains.Exists(d => d.IsWritableOnly)) return false;

            if (!memory.TryHold(new Hva(address), length, out HostBlock? block)) return false;
            if (owner.Charge(length / HostPageSize) != Errno.None)
            {
                block.Release();
                return false;
            }

            _mappings.Map(range, (nint)address, access);
            _areas.AddPlain(gap, range, new PlainMemory.Key(block, memory, owner, access), address);
            iova = first;
            return true;
        }
    }
}
