using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Client.InProcess;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Units.Vtd;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Bench;

/// <summary>A context with an IOAS and an attached device, called through the ioctl table as by a program.</summary>
internal sealed class InProcess : ICaller
{
    private readonly OwnAddressSpace _memory = new();
    private readonly HostBlock _scratch;
    private readonly IommufdContext _context = new(new ProcessCarrier());
    private readonly PinOwner _owner;

    internal InProcess(uint hwptFlags = 0)
    {
        _scratch = _memory.Allocate(4096);
        var unit = new VtdUnit("dmar0", new VtdFeatures());
        Endpoint = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0));
        Must(IommufdDevice.Bind(_context, Endpoint, out IommufdDevice? device));
        var ioas = new IommuIoasAlloc { Size = Size<IommuIoasAlloc>() };
        Call(IOMMU_IOAS_ALLOC, ref ioas);
        Ioas = ioas.OutIoasId;
        _owner = PinOwner.Of(this, _context);
        var hwpt = new IommuHwptAlloc
        {
            Size = Size<IommuHwptAlloc>(),
            Flags = hwptFlags,
            DevId = device!.Id,
            PtId = Ioas
        };
        Call(IOMMU_HWPT_ALLOC, ref hwpt);
        Hwpt = hwpt.OutHwptId;
        uint id = Hwpt;
        Must(device.Attach(null, ref id));
    }

    public AddressSpace Memory => _memory;

    internal Endpoint Endpoint { get; }

    internal uint Ioas { get; }

    private IoPageTable Table => _context.Objects.Find<IommufdIoas>(Ioas)!.Table;

    internal uint Hwpt { get; }

    /// <summary>What every descriptor of the program is; null for nothing.</summary>
    internal IMemoryFile? File { private get; set; }

    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        file = File;
        return file is null ? Errno.EBADF : Errno.None;
    }

    public SysResult InstallFile(INode node) => Errno.EMFILE;

    public SysResult InstallQueue(QueueFile queue) => Errno.EMFILE;

    public ProcessPins Pins { get; } = new Unlimited();

    public UserPins UserPins { get; } = new();

    public bool HasCapability(int capability) => false;

    internal HostBlock Allocate(ulong length) => _memory.Allocate(length);

    internal void Map(ulong iova, ulong address, ulong length)
    {
        var args = new IommuIoasMap
        {
            Size = Size<IommuIoasMap>(),
            Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
            IoasId = Ioas,
            UserVa = address,
            Length = length,
            Iova = iova,
        };
        Make(IOMMU_IOAS_MAP, in args);
    }

    /// <summary>Maps a page of any memory, without a call's structure.</summary>
    internal void MapPage(AddressSpace memory, ulong iova, ulong address)
    {
        if (!Table.TryMapPlain(memory, address, 4096, _owner, choose: false, MapAccess.ReadWrite, ref iova))
            throw new InvalidOperationException("A page is not plain memory.");
    }

    /// <summary>Unmaps what <see cref="MapPage"/> mapped.</summary>
    internal void UnmapPage(ulong iova)
    {
        if (!Table.TryUnmapPlain(iova, 4096)) throw new InvalidOperationException("A page is not plain memory.");
    }

    internal void MapFile(ulong iova, ulong start, ulong length)
    {
        var args = new IommuIoasMapFile
        {
            Size = Size<IommuIoasMapFile>(),
            Flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
            IoasId = Ioas,
            Start = start,
            Length = length,
            Iova = iova,
        };
        Make(IOMMU_IOAS_MAP_FILE, in args);
    }

    internal void Unmap(ulong iova, ulong length)
    {
        var args = new IommuIoasUnmap { Size = Size<IommuIoasUnmap>(), IoasId = Ioas, Iova = iova, Length = length };
        Make(IOMMU_IOAS_UNMAP, in args);
    }

    internal void Call<T>(uint command, ref T args) where T : unmanaged
    {
        Make(command, in args);
        _scratch.CopyTo(0, MemoryMarshal.AsBytes(new Span<T>(ref args)));
    }

    /// <summary>A call without a look at what it made of its structure.</summary>
    private void Make<T>(uint command, in T args) where T : unmanaged
    {
        _scratch.Write(0, args);
        Must(_context.Ioctl(this, command, (ulong)_scratch.Address).Errno);
    }

    private static void Must(Errno errno)
    {
        if (errno != Errno.None) Throw(errno);
    }

    [DoesNotReturn]
    private static void Throw(Errno errno) =>
        throw new InvalidOperationException($"A call that must succeed gave {errno}.");

    internal static uint Size<T>() => (uint)Unsafe.SizeOf<T>();

    private sealed class Unlimited : ProcessPins
    {
        public override ulong LockLimit => ulong.MaxValue;
    }
}
