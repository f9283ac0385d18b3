using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Conformance.Iommufd;

/// <summary>
/// IOMMU_HWPT_INVALIDATE: what is refused in which order, and that the program is always told how many entries were
/// done.
/// </summary>
public sealed class InvalidateTests : UapiTest
{
    private const uint Length = 24;
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly Hwpt _parent;
    private readonly NestedHwpt _nested;
    private readonly UserMemory _entries;

    public InvalidateTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        VfioDevice device = OpenBound(EduNode, _context);
        Assert.SkipUnless(Nesting.IsOf(_context, device), "The unit has no nested translation.");
        _parent = _context.AllocateHwpt(device, _ioas, HwptOptions.NestParent);
        _nested = _context.AllocateNestedHwpt(device, _parent, new IommuHwptVtdS1 { AddrWidth = 48 });
        _entries = Pages(2);
    }

    [Fact]
    public void Ranges_leaves_and_everything_are_taken()
    {
        Set(0, 0x1000, 1);
        Set(1, 0, ulong.MaxValue);
        Set(2, 0x1000, 16, IOMMU_VTD_INV_FLAGS_LEAF);
        Set(3, ulong.MaxValue - 0xfff, 1);
        Assert.Equal((SysResult.Ok(), 4u), Invalidate(4));
        _nested.InvalidateAll();
        _nested.Invalidate(At(0x1000), 1, leafOnly: true);
        Fails(Errno.EINVAL, () => _nested.Invalidate(At(0x1001), 1));
    }

    [Fact]
    public void Those_before_a_bad_one_are_done_and_counted()
    {
        for (int bad = 0; bad < 4; bad++)
        {
            Refused(bad, Errno.EINVAL, 0x1800, 1);
            Refused(bad, Errno.EINVAL, 0x1000, ulong.MaxValue);
            Refused(bad, Errno.EOPNOTSUPP, 0x1000, 1, 2);
            Refused(bad, Errno.EOPNOTSUPP, 0x1001, 1, 0, 1); // the flags come before the address
        }

        void Refused(int bad, Errno errno, ulong address, ulong pages, uint flags = 0, uint reserved = 0)
        {
            for (int i = 0; i < 4; i++) Set(i, 0x1000, 1);
            Set(bad, address, pages, flags, reserved);
            Assert.Equal(((SysResult)errno, (uint)bad), Invalidate(4));
        }
    }

    [Fact]
    public void Entries_that_cannot_be_read_are_EFAULT_after_those_that_could()
    {
        ulong at = _entries.Address.Value + (2 * Page) - (3 * Length); // and then nothing is there
        for (uint i = 0; i < 3; i++)
            _entries.Write((2 * Page) - (3 * Length) + (i * Length), new IommuHwptVtdS1Invalidate { Npages = 1 });
        Assert.Equal(((SysResult)Errno.EFAULT, 3u), Invalidate(4, at: at));
        Assert.Equal(((SysResult)Errno.EFAULT, 0u), Invalidate(4, at: Nowhere));
    }

    [Fact]
    public void No_entry_asks_whether_the_type_is_known()
    {
        Assert.Equal((SysResult.Ok(), 0u), Invalidate(0, length: 0, at: 0));
        Assert.Equal((SysResult.Ok(), 0u), Invalidate(0, length: 5000));
        Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate(0, type: IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3));
        Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate(1, type: 77));
    }

    [Fact]
    public void Lengths_and_counts_have_bounds()
    {
        Set(0, 0x1000, 1);
        // before the object
        foreach (uint length in (uint[])[0, 4097])
            Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate(1, length: length, target: NoId));
        Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate(1, at: 0, target: NoId));
        Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate((1u << 19) + 1, target: NoId));
        foreach (uint length in (uint[])[8, 23, 25, 4096])
            Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate(1, length: length));
        // first of all
        Assert.Equal(((SysResult)Errno.EOPNOTSUPP, 0u), Invalidate(1, length: 0, target: NoId, reserved: 1));
    }

    [Fact]
    public void Only_a_nested_HWPT_can_be_invalidated()
    {
        Set(0, 0x1000, 1);
        Assert.Equal(((SysResult)Errno.ENOENT, 0u), Invalidate(1, target: NoId));
        Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate(1, target: _parent.Id));
        Assert.Equal(((SysResult)Errno.EINVAL, 0u), Invalidate(1, target: _ioas.Id));
    }

    private void Set(int index, ulong address, ulong pages, uint flags = 0, uint reserved = 0) => _entries.Write(
        (ulong)index * Length, new IommuHwptVtdS1Invalidate
        {
            Addr = address,
            Npages = pages,
            Flags = flags,
            Reserved = reserved
        });

    private (SysResult Result, uint Done) Invalidate(
        uint count, uint length = Length, ulong? at = null, uint? target = null,
        uint type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, uint reserved = 0)
    {
        var arguments = new IommuHwptInvalidate
        {
            Size = Size<IommuHwptInvalidate>(),
            HwptId = target ?? _nested.Id,
            DataUptr = at ?? _entries.Address.Value,
            DataType = type,
            EntryLen = length,
            EntryNum = count,
            Reserved = reserved,
        };
        SysResult result = _context.TryIoctl(IOMMU_HWPT_INVALIDATE, ref arguments);
        return (result, arguments.EntryNum);
    }
}
