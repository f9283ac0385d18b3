using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Conformance.Iommufd;

/// <summary>/dev/iommu as a VFIO container: which IOAS it means, what it says of itself.</summary>
public sealed class CompatTests : UapiTest
{
    private readonly IommuContext _context;

    public CompatTests() => _context = OpenContext();

    [Fact]
    public void The_IOAS_of_the_container_is_chosen_told_and_forgotten()
    {
        Fails(Errno.ENODEV, Compat(IOMMU_VFIO_IOAS_GET, 0, out _));
        Succeeds(Compat(IOMMU_VFIO_IOAS_CLEAR, NoId, out _));
        Ioas first = _context.AllocateIoas(), second = _context.AllocateIoas();
        Succeeds(Compat(IOMMU_VFIO_IOAS_SET, first.Id, out _));
        Succeeds(Compat(IOMMU_VFIO_IOAS_GET, NoId, out uint id));
        Assert.Equal(first.Id, id);
        Succeeds(Compat(IOMMU_VFIO_IOAS_SET, second.Id, out _));
        Succeeds(Compat(IOMMU_VFIO_IOAS_GET, 0, out id));
        Assert.Equal(second.Id, id);
        Succeeds(Compat(IOMMU_VFIO_IOAS_CLEAR, 0, out _));
        Fails(Errno.ENODEV, Compat(IOMMU_VFIO_IOAS_GET, 0, out _));
    }

    [Fact]
    public void An_IOAS_that_is_destroyed_is_the_container_s_no_more_and_another_s_end_changes_nothing()
    {
        Ioas ioas = _context.AllocateIoas(), other = _context.AllocateIoas();
        Succeeds(Compat(IOMMU_VFIO_IOAS_SET, ioas.Id, out _));
        other.Destroy();
        Succeeds(Compat(IOMMU_VFIO_IOAS_GET, 0, out uint id));
        Assert.Equal(ioas.Id, id);
        ioas.Destroy();
        Fails(Errno.ENODEV, Compat(IOMMU_VFIO_IOAS_GET, 0, out _));
        Assert.Equal(id, _context.AllocateIoas().Id); // the same number, not the same IOAS
        Fails(Errno.ENODEV, Compat(IOMMU_VFIO_IOAS_GET, 0, out _));
        Fails(Errno.ENODEV, SetIommu(VFIO_TYPE1_IOMMU));
    }

    [Fact]
    public void Bad_requests_for_the_IOAS_are_refused_and_nothing_changed()
    {
        Ioas ioas = _context.AllocateIoas();
        VfioDevice device = OpenBound(EduNode, _context);
        Succeeds(Compat(IOMMU_VFIO_IOAS_SET, ioas.Id, out _));
        Snapshot before = Snapshot.Of(ioas);
        Fails(Errno.ENOENT, Compat(IOMMU_VFIO_IOAS_SET, NoId, out _));
        Fails(Errno.ENOENT, Compat(IOMMU_VFIO_IOAS_SET, 0, out _));
        Fails(Errno.ENOENT, Compat(IOMMU_VFIO_IOAS_SET, device.Id, out _));
        Fails(Errno.EOPNOTSUPP, Compat(3, ioas.Id, out _));
        Fails(Errno.EOPNOTSUPP, Compat(ushort.MaxValue, NoId, out _));
        foreach (ushort operation in (ushort[])[IOMMU_VFIO_IOAS_GET, IOMMU_VFIO_IOAS_SET, IOMMU_VFIO_IOAS_CLEAR])
            Fails(Errno.EOPNOTSUPP, Compat(operation, NoId, out _, reserved: 1));
        Succeeds(Compat(IOMMU_VFIO_IOAS_GET, 0, out uint id));
        Assert.Equal(ioas.Id, id);
        Assert.Equal(before, Snapshot.Of(ioas));
    }

    [Fact]
    public void What_a_container_is_and_can_do_takes_no_IOAS_to_tell()
    {
        Assert.Equal(SysResult.Ok(VFIO_API_VERSION), _context.Handle.Ioctl(VFIO_GET_API_VERSION, Nowhere));
        foreach (uint there in (uint[])[VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_UNMAP_ALL])
            Assert.Equal(SysResult.Ok(1), Check(there));
        foreach (ulong not in (ulong[])[0, 2, 5, 6, 7, VFIO_NOIOMMU_IOMMU, VFIO_UPDATE_VADDR, 11, 100,
            VFIO_TYPE1_IOMMU | (1ul << 32), ulong.MaxValue])
            Assert.Equal(SysResult.Ok(), Check(not));
    }

    [Fact]
    public void Coherent_DMA_is_promised_unless_a_unit_that_cannot_enforce_it_has_a_page_table()
    {
        Fails(Errno.ENODEV, Check(VFIO_DMA_CC_IOMMU));
        Ioas ioas = Container();
        Assert.Equal(SysResult.Ok(1), Check(VFIO_DMA_CC_IOMMU));
        VfioDevice device = OpenBound(EduNode, _context);
        device.Attach(ioas);
        // VT-d specification, 11.4.3: SC
        bool snoops = (_context.DescribeHardware(device).Vtd!.Value.EcapReg & (1 << 7)) != 0;
        Assert.Equal(SysResult.Ok(snoops ? 1 : 0), Check(VFIO_DMA_CC_IOMMU));
    }

    [Fact]
    public void A_kind_of_IOMMU_is_chosen_as_often_as_one_likes()
    {
        foreach (ulong type in (ulong[])[VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU]) Fails(Errno.ENODEV, SetIommu(type));
        foreach (ulong type in (ulong[])[0, 2, VFIO_NOIOMMU_IOMMU, 6, VFIO_TYPE1_IOMMU | (1ul << 32)])
            Fails(Errno.EINVAL, SetIommu(type));
        Ioas ioas = Container();
        foreach (ulong type in (ulong[])[0, 2, VFIO_NOIOMMU_IOMMU, 6, VFIO_TYPE1_IOMMU | (1ul << 32)])
            Fails(Errno.EINVAL, SetIommu(type));
        Succeeds(SetIommu(VFIO_TYPE1v2_IOMMU));
        Assert.True(ioas.GetHugePages());
        Assert.Equal(1ul, ioas.GetIovaAlignment());
        Succeeds(SetIommu(VFIO_TYPE1_IOMMU));
        Succeeds(SetIommu(VFIO_TYPE1_IOMMU));
        Assert.False(ioas.GetHugePages());
        Assert.Equal(Page, ioas.GetIovaAlignment());
        Succeeds(SetIommu(VFIO_TYPE1v2_IOMMU));
        Assert.False(ioas.GetHugePages()); // what was mapped since stays without
    }

    [Fact]
    public void Type_1_comes_before_mappings_of_a_device_or_of_less_than_a_page()
    {
        Ioas ioas = Container();
        ioas.Map(Pages(1).Address, 16, ReadWrite, At(0x10000));
        Fails(Errno.EADDRINUSE, SetIommu(VFIO_TYPE1_IOMMU));
        Assert.True(ioas.GetHugePages());
        ioas.UnmapAll();
        OpenBound(EduNode, _context).Attach(ioas);
        ioas.Map(Pages(1), at: At(0x10000));
        Fails(Errno.EINVAL, SetIommu(VFIO_TYPE1_IOMMU));
        Assert.True(ioas.GetHugePages());
        ioas.UnmapAll();
        Succeeds(SetIommu(VFIO_TYPE1_IOMMU));
        ioas.Map(Pages(1), at: At(0x10000));
        Succeeds(SetIommu(VFIO_TYPE1_IOMMU));
    }

    [Fact]
    public void Without_a_device_all_page_sizes_and_the_whole_space_are_there()
    {
        Ioas ioas = Container();
        VfioIommuType1Info info = Info(out byte[] bytes);
        Assert.Equal(~0xffful, info.IovaPgsizes);
        CheckCapabilities(bytes, info, ioas);
    }

    [Fact]
    public void With_a_device_its_unit_s_page_sizes_and_ranges_are_there()
    {
        Ioas ioas = Container();
        OpenBound(EduNode, _context).Attach(ioas);
        VfioIommuType1Info info = Info(out byte[] bytes);
        Assert.Equal(Page, info.IovaPgsizes & (~info.IovaPgsizes + 1));
        Assert.Equal(0x40201000ul, info.IovaPgsizes | 0x40200000);
        Assert.True(ioas.GetIovaRanges().Count > 1);
        CheckCapabilities(bytes, info, ioas);
    }

    [Fact]
    public void What_there_is_no_room_for_is_not_written_and_argsz_tells_how_much_is_needed()
    {
        Ioas ioas = Container();
        OpenBound(EduNode, _context).Attach(ioas);
        VfioIommuType1Info full = Info(out byte[] whole);
        int ranges = ioas.GetIovaRanges().Count, end = 24 + 16 + 16 + (16 * ranges);
        Assert.Equal((uint)end, full.Argsz);
        foreach (int room in (int[])[16, 17, 20, 24, 25, 35, 36, 39, 40, 41, 55, 56, 72, 73, end - 1, end,
            end + 1, 4096])
        {
            // All that comes is as in the whole answer, except that the way to the first capability is told only with
            // the last one there.
            byte[] expected = Blank(room);
            whole.AsSpan(0, Math.Min(room, 24)).CopyTo(expected);
            expected.AsSpan(16, 4)[..Math.Clamp(room - 16, 0, 4)].Clear();
            if (room >= end) expected[16] = 24;
            if (room >= 36) whole.AsSpan(24, 12).CopyTo(expected.AsSpan(24));
            if (room is >= 36 and < 40) expected.AsSpan(28, 4).Clear();
            for (int i = 0; i < ranges; i++)
                if (room >= 72 + (16 * i)) whole.AsSpan(56 + (16 * i), 16).CopyTo(expected.AsSpan(56 + (16 * i)));
            if (room >= end) whole.AsSpan(40, 16).CopyTo(expected.AsSpan(40));

            byte[] came = Blank(room);
            Succeeds(_context.TryIoctl(VFIO_IOMMU_GET_INFO, came));
            Assert.True(expected.AsSpan().SequenceEqual(came),
                $"room {room}: {Convert.ToHexString(came)} instead of {Convert.ToHexString(expected)}");
        }

        static byte[] Blank(int room)
        {
            var bytes = new byte[Math.Max(room, 8192)];
            bytes.AsSpan().Fill(0xee);
            BinaryPrimitives.WriteInt32LittleEndian(bytes, room);
            return bytes;
        }
    }

    [Fact]
    public void Bad_requests_for_information_are_refused()
    {
        var arguments = new VfioIommuType1Info { Argsz = 24 };
        Fails(Errno.ENODEV, _context.TryIoctl(VFIO_IOMMU_GET_INFO, ref arguments));
        Fails(Errno.EFAULT, _context.Handle.Ioctl(VFIO_IOMMU_GET_INFO, Nowhere));
        foreach (uint size in (uint[])[0, 4, 15])
        {
            arguments = new VfioIommuType1Info { Argsz = size };
            Fails(Errno.EINVAL, _context.TryIoctl(VFIO_IOMMU_GET_INFO, ref arguments));
        }

        Container();
        UserMemory page = Pages(1);
        foreach ((ulong there, uint room, SysResult expected) in ((ulong, uint, SysResult)[])
        [
            (15, 24, Errno.EFAULT), (16, 16, SysResult.Ok()), (16, 17, Errno.EFAULT), (16, 24, Errno.EFAULT),
            (24, 35, SysResult.Ok()),
            (24, 36, Errno.EFAULT), (36, 4096, Errno.EFAULT), (40, 56, SysResult.Ok()), (56, 72, Errno.EFAULT),
                (72, 4096, SysResult.Ok()),
        ])
        {
            ulong start = Page - there;
            page.Write(start, room);
            Assert.Equal(expected, _context.Handle.Ioctl(VFIO_IOMMU_GET_INFO, page.Address.Value + start));
        }
    }

    [Theory]
    [InlineData(VFIO_IOMMU_DIRTY_PAGES)]
    [InlineData((VFIO_TYPE << 8) | (VFIO_BASE + 3))]
    [InlineData((VFIO_TYPE << 8) | (VFIO_BASE + 7))]
    [InlineData((VFIO_TYPE << 8) | (VFIO_BASE + 15))]
    [InlineData((VFIO_TYPE << 8) | (VFIO_BASE + 16))]
    [InlineData(VFIO_IOMMU_MAP_DMA | (32 << 16))]
    [InlineData(VFIO_IOMMU_MAP_DMA | (1u << 30))]
    public void Other_ioctls_of_a_container_are_ENOTTY(uint command)
    {
        Container();
        Fails(Errno.ENOTTY, _context.Handle.Ioctl(command, Nowhere));
        Fails(Errno.ENOTTY, _context.TryIoctl(command, new byte[64]));
    }

    private Ioas Container()
    {
        Ioas ioas = _context.AllocateIoas();
        Succeeds(Compat(IOMMU_VFIO_IOAS_SET, ioas.Id, out _));
        return ioas;
    }

    private SysResult Compat(ushort operation, uint ioas, out uint id, ushort reserved = 0)
    {
        var arguments = new IommuVfioIoas
        {
            Size = Size<IommuVfioIoas>(),
            IoasId = ioas,
            Op = operation,
            Reserved = reserved
        };
        SysResult result = _context.TryIoctl(IOMMU_VFIO_IOAS, ref arguments);
        id = arguments.IoasId;
        return result;
    }

    private SysResult Check(ulong extension) => _context.Handle.Ioctl(VFIO_CHECK_EXTENSION, extension);

    private SysResult SetIommu(ulong type) => _context.Handle.Ioctl(VFIO_SET_IOMMU, type);

    /// <summary>Asks as programs do: for the length first, then for all.</summary>
    private VfioIommuType1Info Info(out byte[] bytes)
    {
        var arguments = new VfioIommuType1Info { Argsz = Size<VfioIommuType1Info>() };
        Succeeds(_context.TryIoctl(VFIO_IOMMU_GET_INFO, ref arguments));
        Assert.Equal(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, arguments.Flags);
        Assert.Equal(0u, arguments.CapOffset);
        bytes = new byte[arguments.Argsz];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, arguments.Argsz);
        Succeeds(_context.TryIoctl(VFIO_IOMMU_GET_INFO, bytes));
        var info = MemoryMarshal.Read<VfioIommuType1Info>(bytes);
        Assert.Equal(arguments.Argsz, info.Argsz);
        Assert.Equal(arguments.IovaPgsizes, info.IovaPgsizes);
        return info;
    }

    private static void CheckCapabilities(byte[] bytes, VfioIommuType1Info info, Ioas ioas)
    {
        Assert.Equal(24u, info.CapOffset);
        var avail = MemoryMarshal.Read<VfioIommuType1InfoDmaAvail>(bytes.AsSpan(24));
        Assert.Equal((VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, (ushort)1, 40u),
            (avail.Header.Id, avail.Header.Version, avail.Header.Next));
        Assert.Equal(uint.MaxValue, avail.Avail);
        var capability = MemoryMarshal.Read<VfioIommuType1InfoCapIovaRange>(bytes.AsSpan(40));
        Assert.Equal(
            (VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, (ushort)1, 0u),
            (capability.Header.Id, capability.Header.Version, capability.Header.Next));
        ReadOnlySpan<VfioIovaRange> ranges = MemoryMarshal.Cast<byte, VfioIovaRange>(bytes.AsSpan(56));
        Assert.Equal(ranges.Length, (int)capability.NrIovas);
        Assert.Equal(ioas.GetIovaRanges(), ranges.ToArray().Select(r => new IovaRange(r.Start, r.End)));
    }
}
