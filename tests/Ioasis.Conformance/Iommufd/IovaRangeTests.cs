using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_IOAS_IOVA_RANGES and IOMMU_IOAS_ALLOW_IOVAS.</summary>
public sealed class IovaRangeTests : UapiTest
{
    private static readonly IovaRange s_messages = new(0xfee00000, 0xfeefffff);
    private readonly IommuContext _context;
    private readonly Ioas _ioas;

    public IovaRangeTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
    }

    [Fact]
    public void A_new_IOAS_has_all_IOVAs_at_every_byte()
    {
        Assert.Equal([IovaRange.All], _ioas.GetIovaRanges());
        Assert.Equal(1ul, _ioas.GetIovaAlignment());
    }

    [Fact]
    public void An_attached_device_takes_the_window_of_interrupt_messages_and_what_its_IOMMU_cannot_reach()
    {
        VfioDevice device = OpenBound(EduNode, _context);
        device.Attach(_ioas);
        IReadOnlyList<IovaRange> ranges = _ioas.GetIovaRanges();
        Assert.Equal(2, ranges.Count);
        Assert.Equal(new IovaRange(0, s_messages.First - 1), ranges[0]);
        Assert.Equal(s_messages.Last + 1, ranges[1].First);
        Assert.True(ranges[1].Last < ulong.MaxValue && ((ranges[1].Last + 1) & ranges[1].Last) == 0,
            $"{ranges[1]} ends at an address width");
        Assert.Equal(Page, _ioas.GetIovaAlignment());

        device.Detach();
        Assert.Equal([IovaRange.All], _ioas.GetIovaRanges());
        Assert.Equal(1ul, _ioas.GetIovaAlignment());
    }

    [Fact]
    public void A_short_array_is_EMSGSIZE_and_filled_as_far_as_it_goes()
    {
        OpenBound(EduNode, _context).Attach(_ioas);
        UserMemory array = Pages(1);
        Fails(Errno.EMSGSIZE, Ranges(0, Nowhere, out IommuIoasIovaRanges answer));
        Assert.Equal(2u, answer.NumIovas);
        Assert.Equal(Page, answer.OutIovaAlignment);
        array.Write(16, ulong.MaxValue);
        Fails(Errno.EMSGSIZE, Ranges(1, array.Address.Value, out answer));
        Assert.Equal(2u, answer.NumIovas);
        Assert.Equal(s_messages.First - 1, array.Read<ulong>(8));
        Assert.Equal(ulong.MaxValue, array.Read<ulong>(16));
        Succeeds(Ranges(2, array.Address.Value, out answer));
        Assert.Equal(2u, answer.NumIovas);
        Succeeds(Ranges(uint.MaxValue, array.Address.Value, out answer));
        Assert.Equal(2u, answer.NumIovas);
    }

    [Fact]
    public void Bad_requests_for_ranges_are_refused()
    {
        Fails(Errno.EFAULT, Ranges(1, Nowhere, out IommuIoasIovaRanges answer));
        Assert.Equal(1u, answer.NumIovas);
        UserMemory array = Pages(1);
        Fails(Errno.EFAULT, Ranges(1, array.Address.Value + Page - 8, out _));
        Fails(Errno.EOPNOTSUPP, Ranges(1, array.Address.Value, out _, reserved: 1));
        Fails(Errno.ENOENT, Ranges(1, array.Address.Value, out _, ioas: NoId));
        VfioDevice device = OpenBound(EduNode, _context);
        Fails(Errno.ENOENT, Ranges(1, array.Address.Value, out _, ioas: device.Id));
        Fails(Errno.ENOENT, Ranges(1, array.Address.Value, out _, ioas: device.Attach(_ioas)));
    }

    [Fact]
    public void The_choice_of_IOVAs_is_kept_to_what_is_allowed()
    {
        UserMemory page = Pages(1);
        _ioas.AllowIovas(new IovaRange(0x100000, 0x101fff), new IovaRange(0x300000, 0x300fff));
        Iova[] chosen = [.. Enumerable.Range(0, 3).Select(_ => _ioas.Map(page))];
        Assert.Equal([At(0x100000), At(0x101000), At(0x300000)], chosen.Order());
        Fails(Errno.ENOSPC, () => _ioas.Map(page));
        _ioas.Map(page, at: At(0x500000)); // a chosen IOVA is not kept to it
        _ioas.AllowIovas();
        Assert.DoesNotContain(_ioas.Map(page), chosen);
    }

    [Fact]
    public void Allowed_ranges_that_touch_are_one()
    {
        _ioas.AllowIovas(new IovaRange(0x102000, 0x103fff), new IovaRange(0x100000, 0x101fff));
        Assert.Equal(At(0x100000), _ioas.Map(Pages(4)));
        Fails(Errno.ENOSPC, () => _ioas.Map(Pages(1)));
    }

    [Fact]
    public void What_is_allowed_cannot_be_what_a_device_reserves()
    {
        VfioDevice device = OpenBound(EduNode, _context);
        device.Attach(_ioas);
        UserMemory page = Pages(1);
        _ioas.AllowIovas(new IovaRange(0x100000, 0x100fff));
        Fails(Errno.EADDRINUSE, () => _ioas.AllowIovas(new IovaRange(s_messages.First - 1, s_messages.First)));
        Fails(Errno.EADDRINUSE, () =>
            _ioas.AllowIovas(new IovaRange(0x200000, 0x2fffff), new IovaRange(s_messages.Last, s_messages.Last + 1)));
        Fails(Errno.EADDRINUSE, () => _ioas.AllowIovas(IovaRange.All));
        Assert.Equal(At(0x100000), _ioas.Map(page)); // what was allowed before still is
        Fails(Errno.ENOSPC, () => _ioas.Map(page));
    }

    [Fact]
    public void A_device_that_reserves_what_is_allowed_is_not_attached()
    {
        VfioDevice device = OpenBound(EduNode, _context);
        _ioas.AllowIovas(new IovaRange(s_messages.First, s_messages.Last));
        Snapshot before = Snapshot.Of(_ioas);
        Fails(Errno.EADDRINUSE, () => device.Attach(_ioas));
        Assert.Equal(before, Snapshot.Of(_ioas));
        _ioas.AllowIovas(new IovaRange(0x100000, 0x100fff));
        device.Attach(_ioas);
    }

    [Fact]
    public void Bad_lists_of_allowed_ranges_are_refused()
    {
        UserMemory page = Pages(1);
        _ioas.AllowIovas(new IovaRange(0x100000, 0x100fff));
        Fails(Errno.EINVAL, Allow(new IommuIovaRange { Start = 0x2000, Last = 0x1fff }));
        Fails(Errno.EINVAL, Allow(new IommuIovaRange { Start = 0x2000, Last = 0x2000 }));
        Fails(Errno.EINVAL, Allow(new IommuIovaRange { Start = 0x2000, Last = 0x3fff },
                new IommuIovaRange { Start = 0x3fff, Last = 0x4fff }));
        Fails(Errno.EINVAL, Allow(new IommuIovaRange { Start = 0x2000, Last = 0x3fff },
                new IommuIovaRange { Start = 0x2000, Last = 0x3fff }));

        var arguments = new IommuIoasAllowIovas
        {
            Size = Size<IommuIoasAllowIovas>(),
            IoasId = _ioas.Id,
            NumIovas = 1,
            AllowedIovas = Nowhere
        };
        Fails(Errno.EFAULT, _context.TryIoctl(IommufdH.IOMMU_IOAS_ALLOW_IOVAS, ref arguments));
        arguments = arguments with { NumIovas = 0, Reserved = 1 };
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IommufdH.IOMMU_IOAS_ALLOW_IOVAS, ref arguments));
        arguments = arguments with { Reserved = 0, IoasId = NoId };
        Fails(Errno.ENOENT, _context.TryIoctl(IommufdH.IOMMU_IOAS_ALLOW_IOVAS, ref arguments));
        arguments = arguments with { IoasId = OpenBound(EduNode, _context).Id };
        Fails(Errno.ENOENT, _context.TryIoctl(IommufdH.IOMMU_IOAS_ALLOW_IOVAS, ref arguments));

        Assert.Equal(At(0x100000), _ioas.Map(page)); // what was allowed before still is
        Fails(Errno.ENOSPC, () => _ioas.Map(page));
    }

    private SysResult Ranges(
        uint room, ulong array, out IommuIoasIovaRanges arguments, uint? ioas = null, uint reserved = 0)
    {
        arguments = new IommuIoasIovaRanges
        {
            Size = Size<IommuIoasIovaRanges>(),
            IoasId = ioas ?? _ioas.Id,
            NumIovas = room,
            Reserved = reserved,
            AllowedIovas = array,
        };
        return _context.TryIoctl(IommufdH.IOMMU_IOAS_IOVA_RANGES, ref arguments);
    }

    private SysResult Allow(params IommuIovaRange[] ranges)
    {
        UserMemory array = Pages(1);
        for (int i = 0; i < ranges.Length; i++) array.Write((ulong)i * 16, ranges[i]);
        var arguments = new IommuIoasAllowIovas
        {
            Size = Size<IommuIoasAllowIovas>(),
            IoasId = _ioas.Id,
            NumIovas = (uint)ranges.Length,
            AllowedIovas = array.Address.Value,
        };
        return _context.TryIoctl(IommufdH.IOMMU_IOAS_ALLOW_IOVAS, ref arguments);
    }
}
