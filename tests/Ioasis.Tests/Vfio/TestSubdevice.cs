using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Interrupts;

namespace Ioasis.Tests.Vfio;

/// <summary>
/// A device that is no PCI function: one region of 16 bytes and one interrupt. A write of an address to the first 8
/// bytes has it fetch 8 bytes of memory, which the last 8 bytes show then; ones stand for a fault.
/// </summary>
internal abstract class TestDevice(string name) : IVfioDeviceOps
{
    private const ulong Start = 1UL << 40, Size = 16;
    private readonly IrqEvents _irqs = new(1);
    private ulong _fetched;

    public string Name => name;

    public VfioDeviceInfo Info => new() { Flags = VfioH.VFIO_DEVICE_FLAGS_RESET, NumRegions = 1, NumIrqs = 1 };

    public abstract Errno Bind(IommufdContext context, out VfioBinding? binding);

    public void Open(ICarrier carrier) => Reset();

    public void Close() => _irqs.Clear();

    public Errno Reset()
    {
        _fetched = 0;
        return Errno.None;
    }

    public Errno GetRegionInfo(ref VfioRegionInfo info, out IReadOnlyList<VfioCapability> capabilities)
    {
        capabilities = [];
        (info.Size, info.Offset) = (Size, Start);
        info.Flags = VfioH.VFIO_REGION_INFO_FLAG_READ | VfioH.VFIO_REGION_INFO_FLAG_WRITE;
        return info.Index == 0 ? Errno.None : Errno.EINVAL;
    }

    public Errno GetIrqInfo(ref VfioIrqInfo info)
    {
        (info.Flags, info.Count) = (VfioH.VFIO_IRQ_INFO_EVENTFD, IrqCount(info.Index));
        return info.Index == 0 ? Errno.None : Errno.EINVAL;
    }

    public uint IrqCount(uint index) => _irqs.Count(index);

    public Errno SetIrqs(uint index, IrqRequest request) => _irqs.TriggerSingle(index, request);

    public SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        if (offset != Start + 8 || count != 8) return Errno.EINVAL;
        bool isRead = caller.Memory.TryWrite(new Hva(buffer), BitConverter.GetBytes(_fetched));
        return isRead ? SysResult.Ok(8) : Errno.EFAULT;
    }

    public SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        Span<byte> bytes = stackalloc byte[8];
        if (offset != Start || count != 8) return Errno.EINVAL;
        if (!caller.Memory.TryRead(new Hva(buffer), bytes)) return Errno.EFAULT;
        var address = new Iova(BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        _fetched = Fetch(address, bytes) ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : ulong.MaxValue;
        _irqs.Signal(0, 0);
        return SysResult.Ok(8);
    }

    protected abstract bool Fetch(Iova address, Span<byte> destination);
}

/// <summary>A part of a function. It knows nothing of PASIDs: its port adds one to each request.</summary>
internal sealed class TestSubdevice(string name, DmaHandle handle) : TestDevice(name)
{
    internal DmaPort Port { get; } = handle.Endpoint.OpenPort(0, handle.DefaultPasid);

    public override Errno Bind(IommufdContext context, out VfioBinding? binding) =>
        DeviceBinding.Bind(context, handle, out binding);

    protected override bool Fetch(Iova address, Span<byte> destination) => Port.Read(address, destination).IsOk;
}

/// <summary>One without an IOMMU: it reaches the program's memory as software does.</summary>
internal sealed class TestEmulatedDevice(string name, Action<ulong, ulong>? unmapped = null) : TestDevice(name)
{
    internal EmulatedMemory Memory { get; } = new(unmapped);

    public override Errno Bind(IommufdContext context, out VfioBinding? binding) =>
        AccessBinding.Bind(context, Memory, out binding);

    protected override bool Fetch(Iova address, Span<byte> destination) =>
        Memory.Read(address.Value, destination) == Errno.None;
}
