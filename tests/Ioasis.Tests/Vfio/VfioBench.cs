using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Pci;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Vfio;

/// <summary>A VFIO device of a machine of its own, one open file of it, and a program that calls.</summary>
internal sealed class VfioBench : IDisposable
{
    internal const int IommuFd = 3, DeviceFd = 4, OtherFd = 5, PipeFd = 6, ClosedFd = 99;

    private readonly VfioPciBus _bus = new(new VfioRegistry(major: 252));
    private bool _closed;

    internal VfioBench(PciDeviceModel? model = null, bool bound = true, Func<PciFunction, PciFunction>? restrict = null)
    {
        model ??= new DmaTestDevice();
        PciFunction function = restrict?.Invoke(model.Function) ?? model.Function;
        Endpoint = new Endpoint(new RequesterId(1, 2, 4, 0), Unit, new IommuGroup(7))
        {
            Features = new EndpointFeatures
            {
                PasidBits = function.PasidBits,
                PasidExecute = function.PasidExecute,
                Ats = function.HasAts,
                PageRequests = function.PageRequests,
            },
        };
        Device = _bus.Add(model, Endpoint, minor: 3, function);
        File = OpenFile(Carrier);
        Caller.Add(IommuFd, Context);
        Caller.Add(DeviceFd, File);
        Caller.Add(PipeFd, OtherFile.Instance);
        if (bound) Assert.Equal(SysResult.Ok(), Bind(File));
    }

    internal TestUnit Unit { get; } = new();

    internal Endpoint Endpoint { get; }

    internal VfioPciDevice Device { get; }

    internal FakeCarrier Carrier { get; } = new();

    internal NodeFile File { get; }

    internal IommufdContext Context { get; } = new(new FakeCarrier());

    internal FakeCaller Caller { get; } = new();

    internal NodeFile OpenFile(FakeCarrier? carrier = null)
    {
        Assert.Equal(Errno.None, Device.Device.Open(carrier ?? new FakeCarrier(), out NodeFile? file));
        return file!;
    }

    internal SysResult Bind(NodeFile file, int iommufd = IommuFd) => Ioctl(
        VfioH.VFIO_DEVICE_BIND_IOMMUFD, new VfioDeviceBindIommufd { Argsz = 24, Iommufd = iommufd }, out _, file);

    internal SysResult Ioctl(uint command, NodeFile? file = null) => (file ?? File).Ioctl(Caller, command, 0);

    internal SysResult Ioctl<T>(uint command, T argument, NodeFile? file = null) where T : unmanaged =>
        Ioctl(command, argument, out _, file);

    internal SysResult Ioctl<T>(uint command, T argument, out T answer, NodeFile? file = null) where T : unmanaged
    {
        Caller.Put(Caller.Scratch, argument);
        SysResult result = (file ?? File).Ioctl(Caller, command, Caller.Scratch);
        answer = Caller.Get<T>(Caller.Scratch);
        return result;
    }

    internal SysResult Iommufd<T>(uint command, T argument, out T answer) where T : unmanaged =>
        Ioctl(command, argument, out answer, Context);

    internal SysResult SetIrqs(uint flags, uint index, uint start, uint count, params int[] descriptors)
    {
        byte[] data = new byte[descriptors.Length * 4];
        System.Buffer.BlockCopy(descriptors, 0, data, 0, data.Length);
        return SetIrqsData(flags, index, start, count, data);
    }

    internal SysResult SetIrqsData(uint flags, uint index, uint start, uint count, byte[] data)
    {
        Caller.Put(Caller.Scratch, new VfioIrqSet
        {
            Argsz = 20 + (uint)data.Length,
            Flags = flags,
            Index = index,
            Start = start,
            Count = count
        });
        Caller.Put(Caller.Scratch + 20, data);
        return File.Ioctl(Caller, VfioH.VFIO_DEVICE_SET_IRQS, Caller.Scratch);
    }

    internal static ulong Region(uint index) => (ulong)(index == 0 ? 9 : index) << 40;

    internal uint Read(uint region, ulong offset, int count)
    {
        Caller.Put(Caller.Scratch, 0u);
        Assert.Equal(SysResult.Ok(count), File.Read(Caller, Region(region) + offset, Caller.Scratch, (ulong)count));
        return Caller.Get<uint>(Caller.Scratch);
    }

    internal void Write(uint region, ulong offset, int count, ulong value)
    {
        Caller.Put(Caller.Scratch, value);
        Assert.Equal(SysResult.Ok(count), File.Write(Caller, Region(region) + offset, Caller.Scratch, (ulong)count));
    }

    internal uint Config(int offset, int count) => Read(VfioH.VFIO_PCI_CONFIG_REGION_INDEX, (ulong)offset, count);

    internal void SetConfig(int offset, int count, uint value) =>
        Write(VfioH.VFIO_PCI_CONFIG_REGION_INDEX, (ulong)offset, count, value);

    /// <summary>Offset of a capability.</summary>
    internal int Capability(byte id)
    {
        int at = (int)Config(PciRegs.PCI_CAPABILITY_LIST, 1);
        while (at != 0 && Config(at, 1) != id) at = (int)Config(at + 1, 1);
        return at;
    }

    /// <summary>Maps a BAR as a program would.</summary>
    internal SharedBytes MapBar(uint index, ulong length = 4096)
    {
        Assert.Equal(Errno.None, File.Map(
            Region(index), length, shared: true, readable: true, writable: true, executable: false));
        return Carrier.Map(Region(index), length);
    }

    /// <summary>A new IOAS with memory of the program mapped at an address.</summary>
    internal (uint Ioas, HostBlock Block) NewIoas(ulong iova, ulong length)
    {
        Assert.True(Iommufd(IommufdH.IOMMU_IOAS_ALLOC, new IommuIoasAlloc { Size = 12 }, out IommuIoasAlloc ioas).IsOk);
        HostBlock block = Caller.Allocate(length);
        Assert.Equal(SysResult.Ok(), Iommufd(
            IommufdH.IOMMU_IOAS_MAP,
            new IommuIoasMap
            {
                Size = 40,
                Flags = IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA | IommufdH.IOMMU_IOAS_MAP_READABLE
                | IommufdH.IOMMU_IOAS_MAP_WRITEABLE,
                IoasId = ioas.OutIoasId,
                UserVa = (ulong)block.Address,
                Length = length,
                Iova = iova,
            },
            out _));
        return (ioas.OutIoasId, block);
    }

    internal SysResult Attach(uint pageTable, out uint hwpt)
    {
        SysResult result = Ioctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT,
            new VfioDeviceAttachIommufdPt { Argsz = 16, PtId = pageTable }, out var answer);
        hwpt = answer.PtId;
        return result;
    }

    internal void Close()
    {
        if (_closed) return;
        _closed = true;
        File.Close();
    }

    public void Dispose()
    {
        Close();
        Context.Close();
        Device.Dispose();
        _bus.Dispose();
    }
}
