using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_IOAS_MAP_FILE, and IOMMU_IOAS_CHANGE_PROCESS, which only mappings of files survive.</summary>
public sealed class MapFileTests : UapiTest
{
    private const uint Fixed = IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA;
    private const uint Readable = IommufdH.IOMMU_IOAS_MAP_READABLE;
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly UserFile _file;

    public MapFileTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _file = Own(Nodes.CreateFile(4 * Page));
    }

    [Fact]
    public void A_file_is_mapped_where_asked_or_at_an_IOVA_of_its_offset_s_alignment()
    {
        _ioas.MapFile(_file, Page, 2 * Page, at: At(0x10000));
        Fails(Errno.EEXIST, Map(Fixed | Readable, _file.Descriptor, 0, Page, 0x11000));
        Assert.Equal(At(Page), _ioas.MapFile(_file, 0, Page));
        Assert.Equal(At(2 * Page), _ioas.MapFile(_file, 0, 2 * Page)); // of the power of two of the length
        Assert.Equal(5 * Page, _ioas.UnmapAll());
    }

    [Fact]
    public void The_bytes_outlive_the_descriptor()
    {
        VfioDevice device = OpenBound(EduNode, _context);
        _ioas.MapFile(_file, 0, 4 * Page, at: At(0x10000));
        _file.Dispose();
        device.Attach(_ioas);
        Assert.Equal(4 * Page, _ioas.UnmapAll());
    }

    [Fact]
    public void Bad_requests_are_refused_and_nothing_changed()
    {
        int fd = _file.Descriptor;
        Snapshot before = Snapshot.Of(_ioas, 0x10000);
        Fails(Errno.EBADF, Map(Fixed | Readable, -1, 0, Page, 0x10000));
        Fails(Errno.EBADF, Map(Fixed | Readable, 1 << 20, 0, Page, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, fd, 0, 0, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, -1, 0, 0, 0x10000));
        Fails(Errno.EOVERFLOW, Map(Fixed | Readable, fd, ulong.MaxValue - 10, Page, 0x10000));
        Fails(Errno.EOVERFLOW, Map(Fixed | Readable, fd, 0, ulong.MaxValue, 0x10000));
        Fails(Errno.EOVERFLOW, Map(Fixed | Readable, fd, 0, Page, ulong.MaxValue));
        Fails(Errno.EOPNOTSUPP, Map(Fixed | Readable | 8, fd, 0, Page, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed, fd, 0, Page, 0x10000));
        Fails(Errno.ENOENT, Map(Fixed | Readable, fd, 0, Page, 0x10000, ioas: NoId));
        Fails(Errno.ENOENT, Map(Fixed | Readable, -1, 0, Page, 0x10000, ioas: NoId));
        Assert.Equal(before, Snapshot.Of(_ioas, 0x10000));
    }

    [Fact]
    public void Bytes_beyond_the_end_and_files_that_are_not_memory_are_EINVAL_as_soon_as_a_device_could_reach_them()
    {
        int other = Own(Nodes.CreateEvent()).Descriptor;
        VfioDevice device = OpenBound(EduNode, _context);
        Succeeds(Map(Fixed | Readable, _file.Descriptor, 3 * Page, 2 * Page, 0x10000));
        Fails(Errno.EINVAL, () => device.Attach(_ioas));
        _ioas.UnmapAll();
        Succeeds(Map(Fixed | Readable, other, 0, Page, 0x10000));
        Fails(Errno.EINVAL, () => device.Attach(_ioas));
        _ioas.UnmapAll();

        device.Attach(_ioas);
        Snapshot before = Snapshot.Of(_ioas, 0x10000);
        Fails(Errno.EINVAL, Map(Fixed | Readable, _file.Descriptor, 3 * Page, 2 * Page, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, _file.Descriptor, 4 * Page, Page, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, other, 0, Page, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, _context.Handle.Descriptor, 0, Page, 0x10000));
        Fails(Errno.EINVAL, Map(Fixed | Readable, _file.Descriptor, 16, Page, 0x10000));
        Assert.Equal(before, Snapshot.Of(_ioas, 0x10000));
        Succeeds(Map(Fixed | Readable, _file.Descriptor, 3 * Page, Page, 0x10000));
    }

    [Fact]
    public void A_change_of_process_needs_mappings_of_files_alone()
    {
        _context.ChangeProcess();
        _ioas.MapFile(_file, 0, Page, at: At(0x10000));
        _context.ChangeProcess();
        Ioas other = _context.AllocateIoas();
        other.Map(Pages(1), at: At(0x20000));
        Snapshot before = Snapshot.Of(other, 0x20000);
        Fails(Errno.EINVAL, _context.ChangeProcess);
        Assert.Equal(before, Snapshot.Of(other, 0x20000));
        other.UnmapAll();
        _context.ChangeProcess();

        var arguments = new IommuIoasChangeProcess { Size = Size<IommuIoasChangeProcess>(), Reserved = 1 };
        Fails(Errno.EOPNOTSUPP, _context.TryIoctl(IommufdH.IOMMU_IOAS_CHANGE_PROCESS, ref arguments));
    }

    private SysResult Map(uint flags, int fd, ulong start, ulong length, ulong iova, uint? ioas = null)
    {
        var arguments = new IommuIoasMapFile
        {
            Size = Size<IommuIoasMapFile>(),
            Flags = flags,
            IoasId = ioas ?? _ioas.Id,
            Fd = fd,
            Start = start,
            Length = length,
            Iova = iova,
        };
        return _context.TryIoctl(IommufdH.IOMMU_IOAS_MAP_FILE, ref arguments);
    }
}
