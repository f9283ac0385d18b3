using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_IOAS_COPY.</summary>
public sealed class CopyTests : UapiTest
{
    private const uint Fixed = IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA;
    private const uint Readable = IommufdH.IOMMU_IOAS_MAP_READABLE;
    private const uint Writable = IommufdH.IOMMU_IOAS_MAP_WRITEABLE;
    private readonly IommuContext _context;
    private readonly Ioas _from;
    private readonly Ioas _to;

    public CopyTests()
    {
        _context = OpenContext();
        _from = _context.AllocateIoas();
        _to = _context.AllocateIoas();
        _from.Map(Pages(2), at: At(0x10000));
        _from.Map(Pages(1), Read, At(0x12000));
    }

    [Fact]
    public void What_is_mapped_is_mapped_in_the_other_too_and_outlives_the_source()
    {
        Assert.Equal(At(0x80000), _to.Copy(_from, At(0x10000), 3 * Page, Read, At(0x80000)));
        Assert.Equal(At(0x90800), _to.Copy(_from, At(0x10800), Page, ReadWrite, At(0x90800))); // any bytes of it
        Assert.NotEqual(At(0), _to.Copy(_from, At(0x11000), Page));
        _from.Destroy();
        Assert.Equal(5 * Page, _to.UnmapAll());
    }

    [Fact]
    public void A_copy_across_mappings_makes_as_many()
    {
        _to.Copy(_from, At(0x11000), 2 * Page, Read, At(0x80000));
        Assert.Equal(Page, _to.Unmap(At(0x80000), Page));
        Assert.Equal(Page, _to.Unmap(At(0x81000), Page));
    }

    [Fact]
    public void An_IOAS_can_be_copied_into_itself()
    {
        _from.Copy(_from, At(0x10000), Page, ReadWrite, At(0x80000));
        Fails(Errno.EEXIST, () => _from.Copy(_from, At(0x10000), Page, ReadWrite, At(0x11000)));
    }

    [Fact]
    public void Bad_requests_are_refused_and_nothing_changed()
    {
        ulong[] pages = [0x80000, 0x81000, 0x82000];
        _to.Map(Pages(1), at: At(0x81000));
        Snapshot before = Snapshot.Of(_to, pages);
        Fails(Errno.ENOENT, Copy(Fixed | Readable, 0x20000, Page, 0x80000)); // nothing is there
        Fails(Errno.ENOENT, Copy(Fixed | Readable, 0xf000, Page * 2, 0x90000)); // not at the start
        Fails(Errno.ENOENT, Copy(Fixed | Readable, 0x12000, Page * 2, 0x90000)); // not to the end
        Fails(Errno.EPERM, Copy(Fixed | Writable, 0x12000, Page, 0x80000));
        Fails(Errno.EPERM, Copy(Fixed | Writable | Readable, 0x11000, 2 * Page, 0x90000)); // the second of two
        Fails(Errno.EEXIST, Copy(Fixed | Readable, 0x10000, 2 * Page, 0x80000));
        Fails(Errno.EINVAL, Copy(Fixed | Readable, 0x10000, 0, 0x80000));
        Fails(Errno.EINVAL, Copy(Fixed, 0x10000, Page, 0x80000));
        Fails(Errno.EOPNOTSUPP, Copy(Fixed | Readable | 8, 0x10000, Page, 0x80000));
        Fails(Errno.EOVERFLOW, Copy(Fixed | Readable, ulong.MaxValue, Page, 0x80000));
        Fails(Errno.EOVERFLOW, Copy(Fixed | Readable, 0x10000, Page, ulong.MaxValue));
        Fails(Errno.EOVERFLOW, Copy(Fixed | Readable, 0x10000, ulong.MaxValue, 0x80000));
        Fails(Errno.EOVERFLOW, Copy(Fixed | Readable, ulong.MaxValue - 1, 16, 0x80000));
        Fails(Errno.EOVERFLOW, Copy(Fixed | Readable, 0x10000, Page, ulong.MaxValue - 1));
        Fails(Errno.ENOENT, Copy(Fixed | Readable, 0x10000, Page, 0x80000, source: NoId));
        Fails(Errno.ENOENT, Copy(Fixed | Readable, 0x10000, Page, 0x80000, destination: NoId));
        Fails(Errno.ENOENT, Copy(Fixed | Readable, 0x20000, Page, 0x80000, destination: NoId));
        Assert.Equal(before, Snapshot.Of(_to, pages));
    }

    [Fact]
    public void With_a_device_the_destination_keeps_to_its_pages_and_reservations()
    {
        OpenBound(EduNode, _context).Attach(_to);
        Fails(Errno.EINVAL, Copy(Fixed | Readable, 0x10000, Page, 0x80001));
        Fails(Errno.EINVAL, Copy(Fixed | Readable, 0x10000, Page / 2, 0x80000));
        Fails(Errno.EINVAL, Copy(Fixed | Readable, 0x10800, Page, 0x80000));
        Fails(Errno.EINVAL, Copy(Fixed | Readable, 0x10000, Page, 0xfee00000));
        Assert.Equal(0ul, _to.UnmapAll());
        Succeeds(Copy(Fixed | Readable, 0x10000, Page, 0x80000));
    }

    [Fact]
    public void With_a_device_no_part_of_a_copy_begins_within_a_page()
    {
        OpenBound(EduNode, _context).Attach(_to);
        Map(Pages(1), 0x339, 0x20000);
        Map(Pages(1), Page, 0x20339); // each at the start of a page of memory
        Fails(Errno.ENXIO, Copy(Fixed | Readable, 0x20000, Page, 0x80000));
        Fails(Errno.ENXIO, Copy(Readable, 0x20000, Page, 0));
        Assert.Equal(0ul, _to.UnmapAll());
        Succeeds(Copy(Fixed | Readable, 0x10000, Page, 0x80000));
    }

    private void Map(UserMemory memory, ulong length, ulong iova)
    {
        var arguments = new IommuIoasMap
        {
            Size = Size<IommuIoasMap>(),
            Flags = Fixed | Readable,
            IoasId = _from.Id,
            UserVa = memory.Address.Value,
            Length = length,
            Iova = iova,
        };
        Succeeds(_context.TryIoctl(IommufdH.IOMMU_IOAS_MAP, ref arguments));
    }

    private SysResult Copy(uint flags, ulong from, ulong length, ulong to, uint? source = null,
        uint? destination = null)
    {
        var arguments = new IommuIoasCopy
        {
            Size = Size<IommuIoasCopy>(),
            Flags = flags,
            DstIoasId = destination ?? _to.Id,
            SrcIoasId = source ?? _from.Id,
            Length = length,
            DstIova = to,
            SrcIova = from,
        };
        return _context.TryIoctl(IommufdH.IOMMU_IOAS_COPY, ref arguments);
    }
}
