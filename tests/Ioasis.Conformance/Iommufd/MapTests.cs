using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_IOAS_MAP: fixed and chosen IOVAs, and every way to be refused.</summary>
public sealed class MapTests : UapiTest
{
    private const uint Fixed = IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA;
    private const uint Readable = IommufdH.IOMMU_IOAS_MAP_READABLE;
    private const uint Writable = IommufdH.IOMMU_IOAS_MAP_WRITEABLE;
    private readonly IommuContext _context;
    private readonly Ioas _ioas;

    public MapTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
    }

    [Fact]
    public void A_chosen_IOVA_is_never_0_and_mappings_do_not_overlap()
    {
        UserMemory memory = Pages(3);
        Assert.Equal(At(Page), _ioas.Map(memory.Address, Page, ReadWrite, null));
        ulong[] starts = [.. Enumerable.Range(0, 20).Select(_ => _ioas.Map(memory).Value).Order()];
        Assert.All(starts.Zip(starts.Skip(1)), pair => Assert.True(pair.Second - pair.First >= 3 * Page));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 16)]
    [InlineData(4096, 0)]
    [InlineData(8192, 0)]
    [InlineData(5 * 4096, 0)]
    [InlineData(64, 64)]
    [InlineData(256, 2048)]
    public void A_chosen_IOVA_keeps_the_offset_in_the_page_and_the_alignment_of_the_memory(int length, int offset)
    {
        // Aligned to the length's power of two, the memory's lowest bit or 2 MiB, whichever is least; then the offset's
        // bits are set.
        UserMemory memory = Pages(16);
        ulong address = memory.Address.Value + (ulong)offset;
        for (int i = 0; i < 8; i++)
        {
            ulong iova = _ioas.Map(new(address), (ulong)length, ReadWrite, null).Value;
            Assert.Equal((ulong)offset, iova & (ulong)offset);
            if (i == 0) Assert.Equal((ulong)offset, iova % Page);
            ulong power = System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)length);
            ulong alignment = Math.Min(Math.Min(power, address & (~address + 1)), 2ul << 20);
            Assert.Equal(0ul, iova % alignment);
        }
    }

    [Fact]
    public void Memory_of_2_MiB_gets_an_IOVA_aligned_to_2_MiB()
    {
        const ulong large = 2ul << 20;
        UserMemory memory = Own(Nodes.Allocate(2 * large));
        ulong aligned = (memory.Address.Value + large - 1) & ~(large - 1);
        _ioas.Map(Pages(1));
        Assert.Equal(At(large), _ioas.Map(new(aligned), large, ReadWrite, null));
        Assert.Equal(At(Page * 2), _ioas.Map(new(aligned), Page, ReadWrite, null));
    }

    [Fact]
    public void Without_a_device_every_byte_is_its_own_unit()
    {
        UserMemory memory = Pages(1);
        _ioas.Map(memory.Address, 1, ReadWrite, At(7));
        _ioas.Map(memory.Address, 1, ReadWrite, At(8));
        Fails(Errno.EEXIST, () => _ioas.Map(memory.Address, 2, ReadWrite, At(6)));
        Assert.Equal(1ul, _ioas.Unmap(At(7), 1));
        Assert.Equal(1ul, _ioas.Unmap(At(0), 9));
    }

    [Fact]
    public void The_whole_space_is_usable_up_to_its_last_byte()
    {
        UserMemory memory = Pages(1);
        _ioas.Map(memory, at: At(0));
        _ioas.Map(memory, at: At(ulong.MaxValue - Page + 1));
        Assert.Equal(2 * Page, _ioas.UnmapAll());
    }

    [Fact]
    public void A_fixed_IOVA_that_is_taken_is_EEXIST_and_nothing_changed()
    {
        UserMemory memory = Pages(4);
        _ioas.Map(memory.Address, 2 * Page, Read, At(0x10000));
        ulong[] pages = [0xf000, 0x10000, 0x11000, 0x12000];
        Snapshot before = Snapshot.Of(_ioas, pages);
        foreach ((ulong iova, ulong length) in ((ulong, ulong)[])[(0x10000, 1), (0x11fff, 1), (0xf000, 0x1001),
            (0x8000, 0x10000), (0x11000, 0x2000)])
            Fails(Errno.EEXIST, Map(Fixed | Readable, memory.Address.Value, length, iova));
        Assert.Equal(before, Snapshot.Of(_ioas, pages));
        Succeeds(Map(Fixed | Readable, memory.Address.Value, Page, 0xf000));
        Succeeds(Map(Fixed | Readable, memory.Address.Value, Page, 0x12000));
    }

    [Fact]
    public void Values_that_do_not_fit_are_EOVERFLOW()
    {
        ulong address = Pages(1).Address.Value;
        Snapshot before = Snapshot.Of(_ioas);
        Fails(Errno.EOVERFLOW, Map(Fixed | Readable, address, Page, ulong.MaxValue));
        Fails(Errno.EOVERFLOW, Map(Readable, address, Page, ulong.MaxValue));
        Fails(Errno.EOVERFLOW, Map(Fixed | Readable, address, ulong.MaxValue, 0));
        Fails(Errno.EOVERFLOW, Map(Fixed | Readable, address, Page, ulong.MaxValue - Page + 2));
        Fails(Errno.EOVERFLOW, Map(Fixed | Readable, ulong.MaxValue - Page + 1, Page, 0));
        Fails(Errno.EOVERFLOW, Map(Readable, ulong.MaxValue - 10, 100, 0));
        Assert.Equal(before, Snapshot.Of(_ioas));
    }

    [Fact]
    public void Flags_and_fields_that_are_wrong_are_refused()
    {
        ulong address = Pages(1).Address.Value;
        Snapshot before = Snapshot.Of(_ioas, 0x10000);
        Fails(Errno.EOPNOTSUPP, Map(Fixed | Readable | 8, address, Page, 0x10000));
        Fails(Errno.EOPNOTSUPP, Map(0x80000000 | Readable, address, Page, 0x10000));
        Fails(Errno.EOPNOTSUPP, Map(Fixed | Readable, address, Page, 0x10000, reserved: 1));
        // the first that is wrong decides
        Fails(Errno.EOPNOTSUPP, Map(8, address, ulong.MaxValue, 0x10000, ioas: NoId));
        Fails(Errno.EOVERFLOW, Map(0, address, ulong.MaxValue, 0x10000, ioas: NoId));
        Fails(Errno.EINVAL, Map(Fixed, address, Page, 0x10000, ioas: NoId));
        Fails(Errno.EINVAL, Map(Fixed, address, Page, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, address, 0, 0x10000));
        Fails(Errno.EINVAL, Map(Readable, address, 0, 0));
        Fails(Errno.ENOENT, Map(Fixed | Readable, address, Page, 0x10000, ioas: NoId));
        Fails(Errno.ENOENT, Map(Fixed | Readable, address, Page, 0x10000, ioas: 0));
        Assert.Equal(before, Snapshot.Of(_ioas, 0x10000));
        VfioDevice device = OpenBound(EduNode, _context);
        Fails(Errno.ENOENT, Map(Fixed | Readable, address, Page, 0x10000, ioas: device.Id));
        Fails(Errno.ENOENT, Map(Fixed | Readable, address, Page, 0x10000, ioas: device.Attach(_ioas)));
    }

    [Fact]
    public void With_a_device_IOVA_address_and_length_are_multiples_of_a_page()
    {
        OpenBound(EduNode, _context).Attach(_ioas);
        ulong address = Pages(2).Address.Value;
        Snapshot before = Snapshot.Of(_ioas, 0x10000);
        Fails(Errno.EINVAL, Map(Fixed | Readable, address, Page, 0x10001));
        Fails(Errno.EINVAL, Map(Fixed | Readable, address, Page - 1, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, address + 1, Page, 0x10000));
        Fails(Errno.EINVAL, Map(Readable, address + 2048, Page, 0));
        Fails(Errno.EINVAL, Map(Readable, address, 2048, 0));
        Assert.Equal(before, Snapshot.Of(_ioas, 0x10000));
        Succeeds(Map(Fixed | Readable, address, Page, 0x10000));
    }

    [Fact]
    public void With_a_device_reserved_addresses_cannot_be_mapped()
    {
        OpenBound(EduNode, _context).Attach(_ioas);
        ulong address = Pages(1).Address.Value;
        ulong last = _ioas.GetIovaRanges()[^1].Last;
        Snapshot before = Snapshot.Of(_ioas, 0xfedff000, 0xfee00000, 0xfeeff000, 0xfef00000);
        Fails(Errno.EINVAL, Map(Fixed | Readable, address, Page, 0xfee00000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, address, Page, 0xfeeff000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, address, 2 * Page, 0xfedff000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, address, Page, last + 1));
        Assert.Equal(before, Snapshot.Of(_ioas, 0xfedff000, 0xfee00000, 0xfeeff000, 0xfef00000));
        Succeeds(Map(Fixed | Readable, address, Page, 0xfedff000));
        Succeeds(Map(Fixed | Readable, address, Page, 0xfef00000));
        Succeeds(Map(Fixed | Readable, address, Page, last - Page + 1));
    }

    [Fact]
    public void Memory_that_is_not_there_is_EFAULT_as_soon_as_a_device_could_reach_it()
    {
        VfioDevice device = OpenBound(EduNode, _context);
        device.Attach(_ioas);
        UserMemory memory = Pages(1);
        ulong[] pages = [0x10000, 0x11000];
        Snapshot before = Snapshot.Of(_ioas, pages);
        Fails(Errno.EFAULT, Map(Fixed | Readable, 0x1000, Page, 0x10000));
        Fails(Errno.EFAULT, Map(Fixed | Readable, memory.Address.Value, 2 * Page, 0x10000)); // its second page
        Fails(Errno.EFAULT, Map(Readable | Writable, 0x1000, Page, 0));
        Assert.Equal(before, Snapshot.Of(_ioas, pages));
        Succeeds(Map(Fixed | Readable, memory.Address.Value, Page, 0x10000));
    }

    [Fact]
    public void A_device_is_not_attached_to_memory_that_is_not_there_nor_to_mappings_within_a_page()
    {
        VfioDevice device = OpenBound(EduNode, _context);
        Succeeds(Map(Fixed | Readable, 0x1000, Page, 0x10000));
        Snapshot before = Snapshot.Of(_ioas, 0x10000);
        Fails(Errno.EFAULT, () => device.Attach(_ioas));
        Assert.Equal(before, Snapshot.Of(_ioas, 0x10000));
        _ioas.UnmapAll();

        ulong address = Pages(2).Address.Value;
        foreach ((ulong iova, ulong length, ulong offset) in ((ulong, ulong, ulong)[])[(0x10010, Page, 0),
            (0x10000, 16, 0), (0x10000, Page, 16)])
        {
            Succeeds(Map(Fixed | Readable, address + offset, length, iova));
            Fails(Errno.EADDRINUSE, () => device.Attach(_ioas));
            _ioas.UnmapAll();
        }

        Succeeds(Map(Fixed | Readable, address, Page, 0xfee01000));
        Fails(Errno.EADDRINUSE, () => device.Attach(_ioas)); // the window of interrupt messages
        Assert.Equal(1ul, _ioas.GetIovaAlignment());
        _ioas.UnmapAll();
        device.Attach(_ioas);
    }

    [Fact]
    public void A_full_space_is_ENOSPC()
    {
        UserMemory memory = Pages(2);
        _ioas.AllowIovas(new Memory.IovaRange(0x1000, 0x2fff));
        Fails(Errno.ENOSPC, Map(Readable, memory.Address.Value, 2 * Page + 1, 0));
        Succeeds(Map(Readable, memory.Address.Value, Page, 0));
        Fails(Errno.ENOSPC, Map(Readable, memory.Address.Value, 2 * Page, 0));
        Fails(Errno.EOVERFLOW, Map(Readable, 0, ulong.MaxValue / 2, 0));
    }

    [Theory]
    [InlineData(MapAccess.Read)]
    [InlineData(MapAccess.Write)]
    [InlineData(MapAccess.ReadWrite)]
    public void Each_access_can_be_mapped(MapAccess access)
    {
        OpenBound(EduNode, _context).Attach(_ioas);
        UserMemory memory = Pages(1);
        _ioas.Map(memory, access, At(0x10000));
        Assert.Equal(Page, _ioas.UnmapAll());
    }

    private SysResult Map(uint flags, ulong address, ulong length, ulong iova, uint? ioas = null, uint reserved = 0)
    {
        var arguments = new IommuIoasMap
        {
            Size = Size<IommuIoasMap>(),
            Flags = flags,
            IoasId = ioas ?? _ioas.Id,
            Reserved = reserved,
            UserVa = address,
            Length = length,
            Iova = iova,
        };
        return _context.TryIoctl(IommufdH.IOMMU_IOAS_MAP, ref arguments);
    }
}
