using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vdpa.Spaces;

/// <summary>
/// One address space of an open vhost file, as its messages fill it (Linux: struct vhost_vdpa_as). It knows the
/// entries; the memory, the pins and the device's translations are the business of <see cref="IotlbTable"/>.
/// </summary>
/// <remarks>
/// While the device runs, a batch changes a copy of the table. The end of the batch moves the device to the copy in one
/// step, so the device sees all changes of a batch or none.
/// </remarks>
internal sealed class IotlbSpace : VdpaSpace
{
    private const ulong PageSize = IoPageTable.HostPageSize;
    private const int MaxEntries = 2048; // Linux: max_iotlb_entries of the simulator

    private readonly VdpaDevice _device;
    private readonly IommufdContext _context;
    private readonly IommufdDevice _bound;
    private readonly RangeMap<MapAccess> _entries = new();
    private IotlbTable _table; // what the device translates by
    private IotlbTable? _next; // what it will translate by after the batch

    private IotlbSpace(VdpaDevice device, IommufdContext context, IommufdDevice bound, IotlbTable table)
    {
        _device = device;
        _context = context;
        _bound = bound;
        _table = table;
    }

    /// <summary>Makes an address space without entries and attaches the device's requests of it.</summary>
    /// <returns>ENOMEM; EBUSY if the address space has another owner; the unit's error.</returns>
    internal static Errno TryCreate(VdpaDevice device, int asid, IommufdContext context, out VdpaSpace? space)
    {
        space = null;
        Errno errno = IotlbTable.TryCreate(context.Objects, device.Endpoint, out IotlbTable? table);
        if (errno != Errno.None) return errno;
        errno = IommufdDevice.Bind(context, device.HandleOf(asid), out IommufdDevice? bound);
        if (errno == Errno.None)
        {
            uint id = table!.HwptId;
            errno = bound!.Attach(null, ref id);
            if (errno == Errno.None)
            {
                space = new IotlbSpace(device, context, bound, table);
                return Errno.None;
            }

            bound.Unbind();
        }

        table!.Dispose();
        return errno;
    }

    private IotlbTable Current => _next ?? _table;

    internal override bool IsEmpty => _entries.Count == 0 && _next is null;

    /// <summary>Maps memory of the owner.</summary>
    /// <returns>EEXIST, EINVAL, ENOMEM; the errno of memory that cannot be mapped.</returns>
    internal override Errno Update(in VhostIotlbMsg message, VdpaOwner owner, bool inBatch)
    {
        IovaRange aperture = _device.Endpoint.Unit.Aperture;
        if (!new Iova(message.Iova).TryLast(message.Size, out Iova last)
            || message.Iova < aperture.First || last.Value > aperture.Last)
            return Errno.EINVAL.Because(
                $"IOVA 0x{message.Iova:x} + size 0x{message.Size:x} is not within "
                    + $"0x{aperture.First:x}-0x{aperture.Last:x}");
        if (_entries.Overlaps(message.Iova, last.Value))
            return Errno.EEXIST.Because($"something in 0x{message.Iova:x}-0x{last.Value:x} is mapped already");

        // As on Linux, an entry has whole pages, wherever in a page the addresses are.
        var range = new IovaRange(message.Iova & ~(PageSize - 1), last.Value | (PageSize - 1));
        ulong address = message.Uaddr & ~(PageSize - 1);
        MapAccess access = ((message.Perm & VhostH.VHOST_ACCESS_RO) != 0 ? MapAccess.Read : 0)
            | ((message.Perm & VhostH.VHOST_ACCESS_WO) != 0 ? MapAccess.Write : 0);
        Errno errno = inBatch ? Prepare() : Errno.None;
        if (errno != Errno.None) return errno;
        return _device.UsesVirtualAddresses
            ? MapShared(owner.Memory, range, address, access, owner.Uncounted)
            : MapPinned(owner, range, address, access);
    }

    /// <summary>
    /// Takes out each entry that overlaps a range, as a whole. A size of 0 ends the range before its begin; from
    /// address 0 it is then everything.
    /// </summary>
    internal override Errno Invalidate(in VhostIotlbMsg message, VdpaOwner owner, bool inBatch)
    {
        ulong iova = message.Iova, last = unchecked(iova + message.Size - 1);
        if (!_entries.TryFindFirst(iova, Math.Max(iova, last), out RangeMap<MapAccess>.Entry entry)
            || entry.First > last) return Errno.None;
        if (inBatch && Prepare() is var errno and not Errno.None) return errno;
        ulong first = entry.First, end = entry.Last;
        ulong pages = 0;
        do
        {
            end = entry.Last;
            pages += (end - entry.First + 1) / PageSize;
            _entries.Remove(entry.First);
        }
        while (end < last && _entries.TryFindFirst(end + 1, last, out entry));

        Current.Unmap(new IovaRange(first, end));
        if (!_device.UsesVirtualAddresses) owner.Counted.Uncharge(pages);
        return Errno.None;
    }

    internal override void EndBatch()
    {
        if (_next is null) return;
        uint id = _next.HwptId;
        Errno errno = _bound.Replace(null, ref id);
        if (errno != Errno.None) throw new InvalidOperationException($"The device cannot change tables: {errno}.");
        _table.Dispose();
        (_table, _next) = (_next, null);
    }

    internal override void Close(VdpaOwner? owner)
    {
        ulong pages = 0;
        foreach (RangeMap<MapAccess>.Entry entry in _entries.All())
            pages += ((entry.Last - entry.First) / PageSize) + 1;
        _bound.Detach(null);
        _bound.Unbind();
        _next?.Dispose();
        _table.Dispose();
        if (!_device.UsesVirtualAddresses) owner?.Counted.Uncharge(pages);
    }

    private Errno MapPinned(VdpaOwner owner, IovaRange range, ulong address, MapAccess access)
    {
        if (_entries.Count == MaxEntries)
            return Errno.ENOMEM.Because($"the address space has {MaxEntries} mappings, the most that it can have");
        ulong pages = range.Length / PageSize;
        Errno errno = owner.Counted.Charge(pages);
        if (errno != Errno.None) return errno;
        PinOwner uncounted = owner.Uncounted;
        errno = Current.Map(owner.Memory, range, address, access, in uncounted);
        if (errno == Errno.None) _entries.AddFree(range.First, range.Last, access);
        else owner.Counted.Uncharge(pages);
        return errno;
    }

    /// <summary>
    /// Maps what of the owner's memory is shared, and passes over the rest (Linux: vhost_vdpa_va_map). Each mapping of
    /// the owner's gives an entry of its own. What is missing when the device accesses it gives a fault.
    /// </summary>
    /// <returns>EINVAL, with nothing mapped, where the owner has no mapping at or above an address.</returns>
    private Errno MapShared(AddressSpace memory, IovaRange range, ulong address, MapAccess access, in PinOwner owner)
    {
        Errno errno = Errno.None;
        List<IovaRange> made = [];
        for (ulong done = 0; done < range.Length && errno == Errno.None;)
        {
            ulong at = unchecked(address + done);
            if (!memory.TryFindMapping(new Hva(at), out ProcessMapping mapping))
            {
                errno = Errno.EINVAL.Because($"the owner has no memory at 0x{at:x}");
                break;
            }

            ulong length = range.Length - done, there = mapping.End - at;
            if (there < length) length = (there + PageSize - 1) & ~(PageSize - 1);
            if (mapping.IsShared && _entries.Count == MaxEntries)
                errno = Errno.ENOMEM.Because($"the address space has {MaxEntries} mappings, the most that it can have");
            else if (mapping.IsShared)
            {
                var part = new IovaRange(range.First + done, range.First + done + length - 1);
                bool writable = (access & MapAccess.Write) != 0;
                errno = Current.Map(part, new LiveMemory(memory, new Hva(at), length, writable), access, in owner);
                if (errno == Errno.None)
                {
                    _entries.AddFree(part.First, part.Last, access);
                    made.Add(part);
                }
            }

            done += length;
        }

        if (errno == Errno.None) return Errno.None;
        foreach (IovaRange part in made)
        {
            Current.Unmap(part);
            _entries.Remove(part.First);
        }

        return errno;
    }

    /// <summary>Makes the copy that a batch changes, unless nobody could see a difference.</summary>
    private Errno Prepare()
    {
        if (_next is not null || !_device.IsRunning || _entries.Count == 0) return Errno.None;
        Errno errno = IotlbTable.TryCreate(_context.Objects, _device.Endpoint, out IotlbTable? copy);
        if (errno != Errno.None) return errno;
        foreach (RangeMap<MapAccess>.Entry entry in _entries.All())
        {
            errno = copy!.Copy(_table, new IovaRange(entry.First, entry.Last), entry.Value);
            if (errno == Errno.None) continue;
            copy.Dispose();
            return errno;
        }

        _next = copy;
        return Errno.None;
    }
}
