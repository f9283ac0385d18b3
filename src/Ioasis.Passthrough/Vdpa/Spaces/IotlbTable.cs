using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vdpa.Spaces;

/// <summary>
/// The mappings of one address space: an IOAS and its HWPT, in the private context of an open vhost file. The HWPT is
/// there from the start, so each mapping is checked and held at once, with a device attached or without.
/// </summary>
internal sealed class IotlbTable : IDisposable
{
    private readonly ObjectTable _objects;
    private readonly IommufdIoas _ioas;
    private readonly HwptPaging _hwpt;

    private IotlbTable(ObjectTable objects, IommufdIoas ioas, HwptPaging hwpt)
    {
        _objects = objects;
        _ioas = ioas;
        _hwpt = hwpt;
    }

    /// <summary>What a device is attached to.</summary>
    internal uint HwptId => _hwpt.Id;

    /// <summary>Makes an empty one for a device.</summary>
    /// <returns>ENOMEM if the program may not hold more of our memory; the unit's error.</returns>
    internal static Errno TryCreate(ObjectTable objects, Endpoint endpoint, out IotlbTable? table)
    {
        table = null;
        Errno errno = objects.TryReserve(new IommufdIoas(objects), out ObjectTable.Pending<IommufdIoas>? reserved);
        if (errno != Errno.None) return errno;
        using ObjectTable.Pending<IommufdIoas> ioas = reserved!;
        using (ioas.Value.HwptLock.Enter())
        {
            errno = HwptPaging.Prepare(
                objects, ioas.Value, endpoint, 0, null, out ObjectTable.Pending<HwptPaging>? prepared);
            if (errno != Errno.None) return errno;
            using ObjectTable.Pending<HwptPaging> hwpt = prepared!;
            if ((errno = hwpt.Value.Fill()) != Errno.None) return errno;
            table = new IotlbTable(objects, ioas.Value, hwpt.Value);
            hwpt.Commit();
        }

        ioas.Commit();
        return Errno.None;
    }

    /// <summary>Maps memory, which is checked and held from here on.</summary>
    internal Errno Map(AddressSpace memory, IovaRange range, ulong address, MapAccess access, in PinOwner owner)
    {
        ulong iova = range.First;
        if (_ioas.Table.TryMapPlain(memory, address, range.Length, in owner, choose: false, access, ref iova))
            return Errno.None;
        if (unchecked(address + range.Length) < address)
            return Errno.EOVERFLOW.Because($"address 0x{address:x} + length 0x{range.Length:x} exceeds 64 bits");
        bool writable = (access & MapAccess.Write) != 0;
        return Map(range, memory.Reference(new Hva(address), range.Length, writable), access, in owner);
    }

    /// <summary>Maps memory and takes over its reference.</summary>
    internal Errno Map(IovaRange range, MemoryBacking backing, MapAccess access, in PinOwner owner)
    {
        ulong iova = range.First;
        var pages = new Pages(backing, owner) { AllowsNoAccess = true };
        Errno errno = _ioas.Table.Map(
            [new PagesSlice(pages, 0, range.Length)], range.Length, choose: false, access, ref iova);
        if (errno != Errno.None) pages.Release();
        return errno;
    }

    /// <summary>
    /// Maps what another table maps in a range, which is one mapping there. Both share the memory and its pins.
    /// </summary>
    internal Errno Copy(IotlbTable from, IovaRange range, MapAccess access)
    {
        Errno errno = from._ioas.Table.GetSlices(range.First, range.Length, out List<PagesSlice> slices);
        if (errno != Errno.None) return errno;
        ulong iova = range.First;
        errno = _ioas.Table.Map([.. slices], range.Length, choose: false, access, ref iova);
        if (errno == Errno.None) return Errno.None;
        foreach (PagesSlice slice in slices) slice.Pages.Release();
        return errno;
    }

    /// <summary>Takes out the mappings that lie within a range. After it returns no access uses them.</summary>
    internal void Unmap(IovaRange range)
    {
        Errno errno = _ioas.Table.Unmap(range, out _);
        if (errno != Errno.None) throw new InvalidOperationException($"Mappings cannot be taken out: {errno}.");
    }

    /// <summary>Gives everything back. No device is attached any more.</summary>
    public void Dispose()
    {
        Remove(_hwpt.Id);
        Remove(_ioas.Id);
    }

    private void Remove(uint id)
    {
        Errno errno = _objects.Remove(id);
        if (errno != Errno.None) throw new InvalidOperationException($"An object of the IOTLB stays: {errno}.");
    }
}
