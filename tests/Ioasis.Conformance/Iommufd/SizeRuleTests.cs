using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Iommufd;

/// <summary>The rules that hold for the struct of every ioctl of /dev/iommu, whatever it does.</summary>
public sealed class SizeRuleTests : UapiTest
{
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly UserMemory _page;
    private VfioDevice? _device;
    private uint _command;
    private byte[] _struct = [];
    private Snapshot? _before;

    public SizeRuleTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _page = Pages(1);
        // of a file, so that a change of process is possible
        _ioas.MapFile(Own(Nodes.CreateFile(Page)), 0, Page, at: At(0x10000));
    }

    /// <summary>Name, and the least bytes that a caller must know.</summary>
    public static TheoryData<string, int> Ioctls => new()
    {
        { "DESTROY", 8 }, { "IOAS_ALLOC", 12 }, { "IOAS_ALLOW_IOVAS", 24 }, { "IOAS_COPY", 40 },
            { "IOAS_IOVA_RANGES", 32 },
        { "IOAS_MAP", 40 }, { "IOAS_MAP_FILE", 40 }, { "IOAS_UNMAP", 24 }, { "OPTION", 24 },
        { "IOAS_CHANGE_PROCESS", 8 },
        { "HWPT_ALLOC", 24 }, { "GET_HW_INFO", 32 }, { "VFIO_IOAS", 12 },
    };

    [Theory, MemberData(nameof(Ioctls))]
    public void A_struct_shorter_than_the_least_is_EINVAL(string name, int least)
    {
        Prepare(name);
        foreach (int size in (int[])[0, 1, 4, least - 1]) Fails(Errno.EINVAL, Call((uint)size, 256));
        NothingChanged();
    }

    [Theory, MemberData(nameof(Ioctls))]
    public void The_least_and_the_whole_struct_are_taken(string name, int least)
    {
        Prepare(name);
        Succeeds(Call((uint)least, 256));
        Prepare(name);
        Succeeds(Call((uint)_struct.Length, _struct.Length));
    }

    [Theory, MemberData(nameof(Ioctls))]
    public void A_longer_struct_is_taken_when_its_tail_is_zero(string name, int least)
    {
        foreach (int more in (int[])[1, 8, 4096 - least, 3 * 4096])
        {
            Prepare(name);
            Succeeds(Call((uint)(_struct.Length + more), _struct.Length + more));
        }
    }

    [Theory, MemberData(nameof(Ioctls))]
    public void A_longer_struct_is_E2BIG_when_a_byte_of_its_tail_is_set(string name, int least)
    {
        Prepare(name);
        foreach (int more in (int[])[1, 64, 4096 - least, 8192])
        {
            int length = _struct.Length + more;
            Fails(Errno.E2BIG, Call((uint)length, length, dirty: length - 1));
        }

        NothingChanged();
    }

    [Theory, MemberData(nameof(Ioctls))]
    public void A_struct_that_cannot_be_read_is_EFAULT(string name, int least)
    {
        Prepare(name);
        Fails(Errno.EFAULT, _context.Handle.Ioctl(_command, 0));
        Fails(Errno.EFAULT, _context.Handle.Ioctl(_command, Nowhere));
        Fails(Errno.EFAULT, _context.Handle.Ioctl(_command, ulong.MaxValue - 15));

        // Memory ends within the size, after it, within the struct, and within its tail.
        byte[] longer = [.. _struct, .. new byte[8]];
        BinaryPrimitives.WriteUInt32LittleEndian(longer, (uint)longer.Length);
        foreach (int there in (int[])[3, 4, least - 1, longer.Length - 1])
        {
            ulong start = _page.Length - (ulong)there;
            _page.CopyFrom(start, longer.AsSpan(0, there));
            Fails(Errno.EFAULT, _context.Handle.Ioctl(_command, _page.Address.Value + start));
        }

        NothingChanged();
    }

    [Theory, MemberData(nameof(Ioctls))]
    public void A_number_that_differs_in_type_direction_or_size_is_ENOTTY(string name, int least)
    {
        Assert.True(least <= 40);
        Prepare(name);
        uint[] wrong =
        [
            _command | (Ioc.DirWrite << Ioc.DirShift), _command | (Ioc.DirRead << Ioc.DirShift),
            _command | (8u << Ioc.SizeShift),
            Ioc.Io('<', Ioc.Nr(_command)),
        ];
        foreach (uint command in wrong) Fails(Errno.ENOTTY, _context.TryIoctl(command, _struct.ToArray()));
        NothingChanged();
    }

    [Theory]
    [InlineData(0x00)]
    [InlineData(0x63)]
    [InlineData(0x79)]
    [InlineData(0x7f)]
    [InlineData(0x95)]
    [InlineData(0x9f)]
    [InlineData(0xb0)]
    [InlineData(0xff)]
    public void An_unknown_number_is_ENOTTY(int number)
    {
        var bytes = new byte[256];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, 256);
        Fails(Errno.ENOTTY, _context.TryIoctl(Ioc.Io(IommufdH.IOMMUFD_TYPE, (uint)number), bytes));
    }

    [Fact]
    public void The_node_has_no_bytes_to_map_or_to_read()
    {
        // Under run a read or map below 1 TiB is not seen by the supervisor: what it gives is zeros.
        SysResult read = _context.Handle.Read(0, _page.Address, 8);
        if (read.IsOk) Assert.Equal(0ul, _page.Read<ulong>());
        else Fails(Errno.EINVAL, read);
        Fails(Errno.EINVAL, _context.Handle.Read(1ul << 40, _page.Address, 8));
        Fails(Errno.EINVAL, _context.Handle.Write(1ul << 40, _page.Address, 8));
        Assert.Equal(Errno.ENXIO,
            _context.Handle.TryMap(1ul << 40, Page, shared: true, readable: true, writable: true,
                executable: false, out _));
        Assert.Equal(Errno.EINVAL,
            _context.Handle.TryMap(1ul << 40, Page, shared: false, readable: true, writable: true,
                executable: false, out _));
        Assert.Equal(Errno.EPERM,
            _context.Handle.TryMap(1ul << 40, Page, shared: true, readable: true, writable: false,
                executable: true, out _));
    }

    /// <summary>Arguments that would succeed, once, and how things are before.</summary>
    private void Prepare(string name)
    {
        (_command, _struct) = Valid(name);
        _before = Look();
    }

    private void NothingChanged() => Assert.Equal(_before, Look());

    private Snapshot Look() => Snapshot.Of(_ioas, 0x10000, 0x20000);

    /// <summary>The prepared call, its size field and the length of its memory as said.</summary>
    private SysResult Call(uint size, int length, int dirty = -1)
    {
        var bytes = new byte[Math.Max(length, _struct.Length)];
        _struct.CopyTo(bytes, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, size);
        if (dirty >= 0) bytes[dirty] = 1;
        return _context.TryIoctl(_command, bytes);
    }

    private (uint Command, byte[] Bytes) Valid(string name)
    {
        switch (name)
        {
            case "DESTROY":
                return (IommufdH.IOMMU_DESTROY, Bytes(new IommuDestroy { Size = 8, Id = _context.AllocateIoas().Id }));
            case "IOAS_ALLOC":
                return (IommufdH.IOMMU_IOAS_ALLOC, Bytes(new IommuIoasAlloc { Size = 12 }));
            case "IOAS_ALLOW_IOVAS":
                return (IommufdH.IOMMU_IOAS_ALLOW_IOVAS,
                    Bytes(new IommuIoasAllowIovas { Size = 24, IoasId = _ioas.Id }));
            case "IOAS_COPY":
                return (IommufdH.IOMMU_IOAS_COPY, Bytes(new IommuIoasCopy
                {
                    Size = 40,
                    Flags = IommufdH.IOMMU_IOAS_MAP_READABLE,
                    SrcIoasId = _ioas.Id,
                    DstIoasId = _context.AllocateIoas().Id,
                    SrcIova = 0x10000,
                    Length = Page,
                }));
            case "IOAS_IOVA_RANGES":
                return (IommufdH.IOMMU_IOAS_IOVA_RANGES, Bytes(new IommuIoasIovaRanges
                {
                    Size = 32,
                    IoasId = _ioas.Id,
                    NumIovas = 8,
                    AllowedIovas = Pages(1).Address.Value,
                }));
            case "IOAS_MAP":
                return (IommufdH.IOMMU_IOAS_MAP, Bytes(new IommuIoasMap
                {
                    Size = 40,
                    Flags = IommufdH.IOMMU_IOAS_MAP_READABLE,
                    IoasId = _context.AllocateIoas().Id,
                    UserVa = _page.Address.Value,
                    Length = Page,
                }));
            case "IOAS_MAP_FILE":
                return (IommufdH.IOMMU_IOAS_MAP_FILE, Bytes(new IommuIoasMapFile
                {
                    Size = 40,
                    Flags = IommufdH.IOMMU_IOAS_MAP_READABLE,
                    IoasId = _context.AllocateIoas().Id,
                    Fd = Own(Nodes.CreateFile(Page)).Descriptor,
                    Length = Page,
                }));
            case "IOAS_UNMAP":
                Ioas mapped = _context.AllocateIoas();
                mapped.Map(_page, at: At(0x10000));
                return (IommufdH.IOMMU_IOAS_UNMAP,
                    Bytes(new IommuIoasUnmap { Size = 24, IoasId = mapped.Id, Iova = 0x10000, Length = Page }));
            case "OPTION":
                return (IommufdH.IOMMU_OPTION, Bytes(new IommuOption
                {
                    Size = 24,
                    OptionId = IommufdH.IOMMU_OPTION_HUGE_PAGES,
                    Op = IommufdH.IOMMU_OPTION_OP_GET,
                    ObjectId = _ioas.Id,
                }));
            case "IOAS_CHANGE_PROCESS":
                return (IommufdH.IOMMU_IOAS_CHANGE_PROCESS, Bytes(new IommuIoasChangeProcess { Size = 8 }));
            case "VFIO_IOAS":
                return (IommufdH.IOMMU_VFIO_IOAS,
                    Bytes(new IommuVfioIoas { Size = 12, Op = IommufdH.IOMMU_VFIO_IOAS_CLEAR }));
            case "HWPT_ALLOC":
                return (IommufdH.IOMMU_HWPT_ALLOC,
                    Bytes(new IommuHwptAlloc { Size = 48, DevId = Device().Id, PtId = _context.AllocateIoas().Id }));
            case "GET_HW_INFO":
                return (IommufdH.IOMMU_GET_HW_INFO, Bytes(new IommuHwInfo { Size = 40, DevId = Device().Id }));
            default:
                throw new ArgumentException($"There is no {name}.", nameof(name));
        }
    }

    private VfioDevice Device() => _device ??= OpenBound(EduNode, _context);

    private static byte[] Bytes<T>(T value) where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)).ToArray();
}
