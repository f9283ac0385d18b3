using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_IOAS_UNMAP: mappings go whole or not at all.</summary>
public sealed class UnmapTests : UapiTest
{
    private static readonly ulong[] s_looked = [0xf000, 0x10000, 0x11000, 0x12000, 0x13000];
    private readonly IommuContext _context;
    private readonly Ioas _ioas;

    public UnmapTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _ioas.Map(Pages(2), at: At(0x10000));
        _ioas.Map(Pages(1), at: At(0x12000));
    }

    [Fact]
    public void Whole_mappings_go_and_their_bytes_are_counted()
    {
        Assert.Equal(2 * Page, _ioas.Unmap(At(0x10000), 2 * Page));
        Fails(Errno.ENOENT, () => _ioas.Unmap(At(0x10000), 2 * Page));
        Assert.Equal(Page, _ioas.Unmap(At(0), 0x100000));
    }

    [Fact]
    public void A_range_may_be_larger_than_what_is_in_it()
    {
        Assert.Equal(3 * Page, _ioas.Unmap(At(0x8000), 0x10000));
        _ioas.Map(Pages(2), at: At(0x10000));
    }

    [Fact]
    public void All_go_with_0_and_the_largest_length_and_none_is_not_an_error_there()
    {
        Assert.Equal(3 * Page, _ioas.UnmapAll());
        Assert.Equal(0ul, _ioas.UnmapAll());
        Fails(Errno.ENOENT, () => _ioas.Unmap(At(0), ulong.MaxValue - 1));
    }

    [Theory]
    [InlineData(0x10000, 0x1000)]
    [InlineData(0x11000, 0x1000)]
    [InlineData(0x11000, 0x2000)]
    [InlineData(0x10000, 0x1fff)]
    [InlineData(0x10001, 0x1fff)]
    [InlineData(0xf000, 0x2000)]
    [InlineData(0x10800, 1)]
    public void A_mapping_across_an_end_of_the_range_is_ENOENT_and_nothing_changed(ulong iova, ulong length)
    {
        Snapshot before = Snapshot.Of(_ioas, s_looked);
        Fails(Errno.ENOENT, () => _ioas.Unmap(At(iova), length));
        Assert.Equal(before, Snapshot.Of(_ioas, s_looked));
    }

    [Fact]
    public void Bad_requests_are_refused_and_nothing_changed()
    {
        Snapshot before = Snapshot.Of(_ioas, s_looked);
        Fails(Errno.ENOENT, Unmap(0x20000, Page));
        Fails(Errno.EINVAL, Unmap(0x10000, 0));
        Fails(Errno.EINVAL, Unmap(0, 0));
        Fails(Errno.EOVERFLOW, Unmap(0x10000, ulong.MaxValue));
        Fails(Errno.EOVERFLOW, Unmap(ulong.MaxValue, 1));
        Fails(Errno.EOVERFLOW, Unmap(0x10000, ulong.MaxValue - 0x1000));
        Fails(Errno.ENOENT, Unmap(0x10000, Page, ioas: NoId));
        Fails(Errno.ENOENT, Unmap(0, ulong.MaxValue, ioas: NoId));
        Fails(Errno.ENOENT, Unmap(0x10000, Page, ioas: OpenBound(EduNode, _context).Id));
        // the device took an ID, as it should
        Assert.Equal(before.NextId + 1, Snapshot.Of(_ioas, s_looked).NextId);
        Assert.Equal(before with { NextId = 0 }, Snapshot.Of(_ioas, s_looked) with { NextId = 0 });
    }

    [Fact]
    public void A_refused_unmap_leaves_the_length_as_it_was()
    {
        var arguments = new IommuIoasUnmap
        {
            Size = Size<IommuIoasUnmap>(),
            IoasId = _ioas.Id,
            Iova = 0x10000,
            Length = Page
        };
        Fails(Errno.ENOENT, _context.TryIoctl(IommufdH.IOMMU_IOAS_UNMAP, ref arguments));
        Assert.Equal(Page, arguments.Length);
    }

    private SysResult Unmap(ulong iova, ulong length, uint? ioas = null)
    {
        var arguments = new IommuIoasUnmap
        {
            Size = Size<IommuIoasUnmap>(),
            IoasId = ioas ?? _ioas.Id,
            Iova = iova,
            Length = length
        };
        return _context.TryIoctl(IommufdH.IOMMU_IOAS_UNMAP, ref arguments);
    }
}
