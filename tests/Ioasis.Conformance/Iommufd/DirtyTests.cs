using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Core.Domains;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Conformance.Iommufd;

/// <summary>SET_DIRTY_TRACKING and GET_DIRTY_BITMAP.</summary>
public sealed class DirtyTests : UapiTest
{
    private const ulong First = 0x40_0000;
    private const int Pages_ = 96;
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly VfioDevice _device;

    public DirtyTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _device = OpenBound(DmatestNode, _context);
        _device.Reset();
    }

    [Fact]
    public void Pages_that_a_device_wrote_are_told_once()
    {
        Hwpt hwpt = Tracked(out DmatestEngine engine);
        Store(engine, 1, 3, 64, 95);
        Assert.Empty(Dirty(hwpt)); // not recorded yet
        SetTracking(hwpt, true);
        Store(engine, 1, 3, 64, 95);
        Assert.Equal([1, 3, 64, 95], Dirty(hwpt, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
        Assert.Equal([1, 3, 64, 95], Dirty(hwpt));
        Assert.Empty(Dirty(hwpt));
        Store(engine, 2);
        SetTracking(hwpt, true); // begins anew, clean
        Assert.Empty(Dirty(hwpt));
        Store(engine, 2);
        SetTracking(hwpt, false);
        Store(engine, 5);
        SetTracking(hwpt, true);
        Assert.Empty(Dirty(hwpt));
    }

    [Fact]
    public void A_bit_can_stand_for_more_or_less_than_a_page()
    {
        Hwpt hwpt = Tracked(out DmatestEngine engine);
        SetTracking(hwpt, true);
        Store(engine, 1, 17, 40);
        Assert.Equal([0, 1, 2], Dirty(hwpt, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR, pageSize: 16 * Page));
        Assert.Equal([4, 5, 6, 7, 68, 69, 70, 71, 160, 161, 162, 163], Dirty(hwpt, pageSize: Page / 4));
    }

    [Fact]
    public void Bits_that_are_set_already_stay_and_pages_outside_the_range_keep_theirs()
    {
        Hwpt hwpt = Tracked(out DmatestEngine engine);
        SetTracking(hwpt, true);
        Store(engine, 8, 9, 10);
        UserMemory bitmap = Pages(1);
        bitmap.Write(0, 0x8000_0000_0000_0001UL);
        Succeeds(Get(hwpt, 0, First + (9 * Page), Page, Page, bitmap.Address.Value));
        Assert.Equal(0x8000_0000_0000_0001UL, bitmap.Read<ulong>());
        Assert.Equal([8, 10], Dirty(hwpt));
    }

    [Fact]
    public void What_is_unmapped_is_no_longer_dirty()
    {
        Hwpt hwpt = Tracked(out DmatestEngine engine);
        SetTracking(hwpt, true);
        Store(engine, 3);
        _ioas.UnmapAll();
        _ioas.Map(Pages(Pages_), MapAccess.ReadWrite, At(First));
        Assert.Empty(Dirty(hwpt));
    }

    [Fact]
    public void Wrong_values_are_told()
    {
        Hwpt plain = _context.AllocateHwpt(_device, _ioas);
        Hwpt hwpt = Tracked(out _);
        UserMemory bitmap = Pages(1);
        ulong data = bitmap.Address.Value;
        Fails(Errno.EOPNOTSUPP, Set(hwpt.Id, 2));
        Fails(Errno.ENOENT, Set(_ioas.Id, 0));
        Fails(Errno.EOPNOTSUPP, Set(plain.Id, IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
        Fails(Errno.EOPNOTSUPP, Get(plain, 0, First, Page, Page, data));
        Fails(Errno.EOPNOTSUPP, Get(hwpt, 2, First, Page, Page, data));
        Fails(Errno.EINVAL, Get(hwpt, 0, First + 1, Page, Page, data));
        Fails(Errno.EINVAL, Get(hwpt, 0, First, Page - 1, Page, data));
        Fails(Errno.EINVAL, Get(hwpt, 0, First, Page, 0, data));
        Fails(Errno.EINVAL, Get(hwpt, 0, First, Page, 2 * Page, data));
        Fails(Errno.EOVERFLOW, Get(hwpt, 0, First, ulong.MaxValue - Page, Page, data));
        Succeeds(Get(hwpt, 0, First, Page, Page, 0)); // no bitmap there, and not mapped: no errors, as on Linux
        Succeeds(Get(hwpt, 0, First + (1UL << 32), Page, Page, data));
    }

    private Hwpt Tracked(out DmatestEngine engine)
    {
        _ioas.Map(Pages(Pages_), MapAccess.ReadWrite, At(First));
        Hwpt hwpt = _context.AllocateHwpt(_device, _ioas, HwptOptions.DirtyTracking);
        _device.Attach(hwpt);
        engine = new DmatestEngine(_device);
        return hwpt;
    }

    private static void Store(DmatestEngine engine, params int[] pages)
    {
        foreach (int page in pages)
            Assert.Equal(DmatestEngine.Done, engine.Run(At(First + ((ulong)page * Page) + 100), 64, 0));
    }

    private void SetTracking(Hwpt hwpt, bool enable) =>
        Succeeds(Set(hwpt.Id, enable ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0));

    private SysResult Set(uint hwpt, uint flags)
    {
        var args = new IommuHwptSetDirtyTracking { Size = 16, Flags = flags, HwptId = hwpt };
        return _context.TryIoctl(IOMMU_HWPT_SET_DIRTY_TRACKING, ref args);
    }

    private SysResult Get(Hwpt hwpt, uint flags, ulong iova, ulong length, ulong pageSize, ulong data)
    {
        var args = new IommuHwptGetDirtyBitmap
        {
            Size = 48,
            HwptId = hwpt.Id,
            Flags = flags,
            Iova = iova,
            Length = length,
            PageSize = pageSize,
            Data = data,
        };
        return _context.TryIoctl(IOMMU_HWPT_GET_DIRTY_BITMAP, ref args);
    }

    private List<int> Dirty(Hwpt hwpt, uint flags = 0, ulong pageSize = 0)
    {
        if (pageSize == 0) pageSize = Page;
        using UserMemory bitmap = Pages(1);
        Succeeds(Get(hwpt, flags, First, Pages_ * Page, pageSize, bitmap.Address.Value));
        byte[] bytes = bitmap.ToArray(0, 4096);
        return [.. Enumerable.Range(0, 4096 * 8).Where(bit => (bytes[bit / 8] >> (bit % 8) & 1) != 0)];
    }
}
