using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using static Ioasis.Abi.IommufdH;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Conformance.Iommufd;

/// <summary>VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA on /dev/iommu.</summary>
public sealed class CompatMapTests : UapiTest
{
    private const uint Readable = VFIO_DMA_MAP_FLAG_READ;
    private const uint Writable = VFIO_DMA_MAP_FLAG_WRITE;
    private static readonly ulong[] s_looked = [0xf000, 0x10000, 0x11000, 0x12000, 0x13000, 0x14000];
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly UserMemory _memory;

    public CompatMapTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _memory = Pages(4);
        var arguments = new IommuVfioIoas { Size = Size<IommuVfioIoas>(), IoasId = _ioas.Id, Op = IOMMU_VFIO_IOAS_SET };
        Succeeds(_context.TryIoctl(IOMMU_VFIO_IOAS, ref arguments));
    }

    [Fact]
    public void Mappings_are_those_of_the_IOAS()
    {
        Succeeds(Map(0x10000, 2 * Page));
        Fails(Errno.EEXIST, () => _ioas.Map(_memory, at: At(0x11000)));
        Fails(Errno.EEXIST, Map(0x11000, Page));
        _ioas.Map(_memory, at: At(0x20000));
        Unmaps(0x20000, 4 * Page, 4 * Page);
        Assert.Equal(2 * Page, _ioas.UnmapAll());
    }

    [Fact]
    public void An_IOVA_of_0_is_as_good_as_any_and_so_is_the_last()
    {
        Succeeds(Map(0, Page));
        Succeeds(Map(ulong.MaxValue - Page + 1, Page));
        Unmaps(ulong.MaxValue - Page + 1, Page, Page);
        Unmaps(0, Page, Page);
        Succeeds(Map(ulong.MaxValue, 1));
        Unmaps(ulong.MaxValue, 1, 1);
    }

    [Fact]
    public void Bad_maps_are_refused_in_this_order_and_nothing_changed()
    {
        Succeeds(Map(0x10000, 2 * Page));
        Snapshot before = Snapshot.Of(_ioas, s_looked);
        Fails(Errno.EFAULT, _context.Handle.Ioctl(VFIO_IOMMU_MAP_DMA, Nowhere));
        Fails(Errno.EINVAL, Map(0x12000, Page, size: 31));
        Fails(Errno.EINVAL, Map(0x12000, Page, size: 0));
        Fails(Errno.EINVAL, Map(0x12000, Page, flags: Readable | VFIO_DMA_MAP_FLAG_VADDR));
        Fails(Errno.EINVAL, Map(0x12000, Page, flags: Readable | (1u << 31)));
        Fails(Errno.EINVAL, Map(0x12000, 0));
        Fails(Errno.EOVERFLOW, Map(0x12000, ulong.MaxValue));
        Fails(Errno.EINVAL, Map(0x12000, ulong.MaxValue, address: 0));
        Fails(Errno.EOVERFLOW, Map(ulong.MaxValue - Page + 1, 2 * Page));
        Fails(Errno.EEXIST, Map(0xf000, 2 * Page));
        Assert.Equal(before, Snapshot.Of(_ioas, s_looked));
        Succeeds(Map(0x12000, Page, size: 32));
        Succeeds(Map(0x13000, Page, size: 4096)); // nobody looks beyond
    }

    [Fact]
    public void Bad_unmaps_are_refused_in_this_order_and_nothing_changed()
    {
        Succeeds(Map(0x10000, 2 * Page));
        Snapshot before = Snapshot.Of(_ioas, s_looked);
        Fails(Errno.EFAULT, _context.Handle.Ioctl(VFIO_IOMMU_UNMAP_DMA, Nowhere));
        Refuses(Errno.EINVAL, 0x10000, 2 * Page, size: 23, left: 2 * Page);
        Refuses(Errno.EINVAL, 0x10000, 2 * Page, flags: VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, left: 2 * Page);
        Refuses(Errno.EINVAL, 0x10000, 2 * Page, flags: VFIO_DMA_UNMAP_FLAG_VADDR, left: 2 * Page);
        Refuses(Errno.EINVAL, 0x10000, 0, flags: VFIO_DMA_UNMAP_FLAG_ALL, left: 0);
        Refuses(Errno.EINVAL, 0, 2 * Page, flags: VFIO_DMA_UNMAP_FLAG_ALL, left: 2 * Page);
        Refuses(Errno.EINVAL, 0x10000, 0, left: 0);
        Refuses(Errno.EOVERFLOW, 0x10000, ulong.MaxValue, left: 0);
        Refuses(Errno.EOVERFLOW, ulong.MaxValue, 2, left: 0);
        Assert.Equal(before, Snapshot.Of(_ioas, s_looked));
    }

    [Fact]
    public void Without_an_IOAS_the_device_is_missing_once_the_arguments_are_right()
    {
        var arguments = new IommuVfioIoas { Size = Size<IommuVfioIoas>(), Op = IOMMU_VFIO_IOAS_CLEAR };
        Succeeds(_context.TryIoctl(IOMMU_VFIO_IOAS, ref arguments));
        Fails(Errno.EFAULT, _context.Handle.Ioctl(VFIO_IOMMU_MAP_DMA, Nowhere));
        Fails(Errno.EINVAL, Map(0x10000, Page, size: 31));
        Fails(Errno.EINVAL, Map(0x10000, Page, flags: 4));
        Fails(Errno.ENODEV, Map(0x10000, Page));
        Fails(Errno.ENODEV, Map(0x10000, 0));
        Fails(Errno.EFAULT, _context.Handle.Ioctl(VFIO_IOMMU_UNMAP_DMA, Nowhere));
        Refuses(Errno.EINVAL, 0x10000, Page, size: 23, left: Page);
        Refuses(Errno.EINVAL, 0x10000, Page, flags: 4, left: Page);
        Refuses(Errno.ENODEV, 0x10000, Page, left: Page);
        Refuses(Errno.ENODEV, 0x10000, Page, flags: VFIO_DMA_UNMAP_FLAG_ALL, left: Page);
    }

    [Fact]
    public void Unmapping_nothing_is_no_error_and_all_goes_with_a_flag()
    {
        Unmaps(0x10000, Page, 0);
        UnmapsAll(0);
        Succeeds(Map(0x10000, 2 * Page));
        Succeeds(Map(0x12000, Page));
        Unmaps(0x20000, Page, 0);
        Unmaps(0x8000, 0x10000, 3 * Page);
        Succeeds(Map(0x10000, 2 * Page));
        Succeeds(Map(0, Page));
        UnmapsAll(3 * Page);
    }

    [Fact]
    public void Version_2_takes_whole_mappings_and_tells_what_went_before_it_failed()
    {
        Set(VFIO_TYPE1v2_IOMMU);
        Succeeds(Map(0x10000, Page));
        Succeeds(Map(0x11000, 2 * Page));
        Snapshot before = Snapshot.Of(_ioas, s_looked);
        Refuses(Errno.ENOENT, 0x12000, Page, left: 0);
        Refuses(Errno.ENOENT, 0x11000, Page, left: 0);
        Assert.Equal(before, Snapshot.Of(_ioas, s_looked));
        Refuses(Errno.ENOENT, 0x10000, 2 * Page, left: Page); // the lower mapping is gone, as on Linux
        Unmaps(0x10000, 3 * Page, 2 * Page);
    }

    [Fact]
    public void Version_1_cuts_mappings_at_pages()
    {
        Set(VFIO_TYPE1_IOMMU);
        Succeeds(Map(0x10000, 4 * Page));
        Unmaps(0x11000, Page, Page);
        Unmaps(0x11000, Page, 0);
        Unmaps(0xf000, 2 * Page, Page);
        Unmaps(0x13000, 8 * Page, Page);
        Assert.Equal(Page, _ioas.Unmap(At(0x12000), Page));
        Succeeds(Map(0x10000, 4 * Page));
        Unmaps(0, 0x12000, 2 * Page);
        UnmapsAll(2 * Page);
        Succeeds(Map(0, 4 * Page));
        Unmaps(0, Page, Page); // at 0 there is only one cut to make
        UnmapsAll(3 * Page);
    }

    [Fact]
    public void A_cut_within_a_page_is_refused_and_nothing_changed()
    {
        Set(VFIO_TYPE1_IOMMU);
        Succeeds(Map(0x10000, 4 * Page));
        Snapshot before = Snapshot.Of(_ioas, s_looked);
        Refuses(Errno.EINVAL, 0x11000, 0x800, left: 0x800);
        Refuses(Errno.EINVAL, 0x11800, 0x800, left: 0x800);
        Refuses(Errno.EINVAL, 0x11800, Page, left: Page);
        // a cut after the first byte is none, and then the mapping is not whole
        Refuses(Errno.ENOENT, 0x10001, (4 * Page) - 1, left: 0);
        Refuses(Errno.EINVAL, 0x11800, ulong.MaxValue, left: ulong.MaxValue);
        Refuses(Errno.EINVAL, 0x11001, 0, left: 0);
        Assert.Equal(before, Snapshot.Of(_ioas, s_looked));
        Unmaps(0x10000, (4 * Page) + 0x800, 4 * Page); // beyond a mapping's end there is nothing to cut
    }

    [Fact]
    public void What_is_left_of_a_cut_mapping_is_copied_as_any()
    {
        Set(VFIO_TYPE1_IOMMU);
        Succeeds(Map(0x10000, 4 * Page));
        Ioas other = _context.AllocateIoas();
        other.Copy(_ioas, At(0x10000), 4 * Page);
        Unmaps(0x11000, Page, Page);
        Fails(Errno.ENOENT, () => other.Copy(_ioas, At(0x10000), 4 * Page));
        other.Copy(_ioas, At(0x12000), 2 * Page);
        Assert.Equal(6 * Page, other.UnmapAll());
        Assert.Equal(3 * Page, _ioas.UnmapAll());
    }

    [Fact]
    public void A_mapping_for_neither_reading_nor_writing_is_refused_with_a_device()
    {
        Succeeds(Map(0x10000, Page, flags: 0));
        VfioDevice device = OpenBound(EduNode, _context);
        Fails(Errno.EINVAL, () => device.Attach(_ioas));
        UnmapsAll(Page);
        device.Attach(_ioas);
        Fails(Errno.EINVAL, Map(0x10000, Page, flags: 0));
        Fails(Errno.EFAULT, Map(0x10000, Page, flags: 0, address: Page)); // but the memory is looked at first
        Succeeds(Map(0x10000, Page, flags: Writable));
        Fails(Errno.EINVAL, Map(0x20001, Page));
        Fails(Errno.EINVAL, Map(0x20000, Page, address: _memory.Address.Value + 16));
        Fails(Errno.EINVAL, Map(0x20000, Page - 1));
        Fails(Errno.EINVAL, Map(0xfee00000, Page));
    }

    [Theory]
    [InlineData("edu")]
    [InlineData("dmatest")]
    public void A_device_reaches_what_is_left_and_no_more(string model)
    {
        const int length = 2000; // within a page, and within what QEMU's edu can take
        VfioDevice device = OpenBound(model == "edu" ? EduNode : DmatestNode, _context);
        device.Attach(_ioas);
        DmaEngine engine = model == "edu" ? new EduEngine(device) : new DmatestEngine(device);
        Set(VFIO_TYPE1_IOMMU);
        UserMemory source = Pages(1);
        Succeeds(Map(0x100000, Page, address: source.Address.Value));
        Succeeds(Map(0x10000, 4 * Page));
        byte[] first = Pattern(length, 1), second = Pattern(length, 2);
        StoreAll(first);
        for (ulong page = 0; page < 4; page++) Assert.Equal(first, _memory.ToArray(page * Page, length));

        Unmaps(0x11000, Page, Page);
        StoreAll(second);
        for (ulong page = 0; page < 4; page++)
            Assert.Equal(page == 1 ? first : second, _memory.ToArray(page * Page, length));
        UserMemory other = Pages(1);
        Succeeds(Map(0x11000, Page, address: other.Address.Value));
        StoreAll(first);
        Assert.Equal(first, other.ToArray(0, length));
        Unmaps(0x12000, 2 * Page, 2 * Page);
        StoreAll(second);
        Assert.Equal(second, other.ToArray(0, length));
        Assert.Equal([second, first, first, first],
            ((ulong[])[0, 1, 2, 3]).Select(p => _memory.ToArray(p * Page, length)));
        UnmapsAll(3 * Page);
        engine.Store(At(0x10000), length);
        Assert.Equal(second, _memory.ToArray(0, length));

        void StoreAll(byte[] bytes)
        {
            source.CopyFrom(0, bytes);
            engine.Fetch(At(0x100000), length);
            for (ulong page = 0; page < 4; page++) engine.Store(At(0x10000 + (page * Page)), length);
        }
    }

    private void Set(ulong type) => Succeeds(_context.Handle.Ioctl(VFIO_SET_IOMMU, type));

    private SysResult Map(ulong iova, ulong length, uint flags = Readable | Writable, ulong? address = null,
        uint size = 32)
    {
        var arguments = new VfioIommuType1DmaMap
        {
            Argsz = size,
            Flags = flags,
            Vaddr = address ?? _memory.Address.Value,
            Iova = iova,
            Size = length,
        };
        return _context.TryIoctl(VFIO_IOMMU_MAP_DMA, ref arguments);
    }

    private void Unmaps(ulong iova, ulong length, ulong unmapped)
    {
        Succeeds(Unmap(iova, length, 0, 24, out ulong left));
        Assert.Equal(unmapped, left);
    }

    private void UnmapsAll(ulong unmapped)
    {
        Succeeds(Unmap(0, 0, VFIO_DMA_UNMAP_FLAG_ALL, 24, out ulong left));
        Assert.Equal(unmapped, left);
    }

    private void Refuses(Errno errno, ulong iova, ulong length, ulong left, uint flags = 0, uint size = 24)
    {
        Fails(errno, Unmap(iova, length, flags, size, out ulong found));
        Assert.Equal(left, found);
    }

    private SysResult Unmap(ulong iova, ulong length, uint flags, uint size, out ulong left)
    {
        var arguments = new VfioIommuType1DmaUnmap { Argsz = size, Flags = flags, Iova = iova, Size = length };
        SysResult result = _context.TryIoctl(VFIO_IOMMU_UNMAP_DMA, ref arguments);
        left = arguments.Size;
        return result;
    }
}
