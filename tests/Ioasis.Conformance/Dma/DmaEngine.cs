using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;

namespace Ioasis.Conformance.Dma;

/// <summary>A device that copies between memory and a buffer of 4096 bytes inside it.</summary>
internal abstract class DmaEngine
{
    protected DmaEngine(VfioDevice device)
    {
        Device = device;
        Registers = device.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
        device.EnableBusMaster();
    }

    internal VfioDevice Device { get; }

    protected VfioRegion Registers { get; }

    /// <summary>Memory to the buffer; returns when the device is done with it, refused or not.</summary>
    internal abstract void Fetch(Iova from, int length);

    /// <summary>The buffer to memory; returns when the device is done with it, refused or not.</summary>
    internal abstract void Store(Iova to, int length);
}

/// <summary>edu (QEMU's docs/specs/edu): tells nothing of a refusal.</summary>
internal sealed class EduEngine(VfioDevice device) : DmaEngine(device)
{
    private const ulong Buffer = 0x40000;

    internal override void Fetch(Iova from, int length) => Run(from.Value, Buffer, length, 1);

    internal override void Store(Iova to, int length) => Run(Buffer, to.Value, length, 3);

    /// <summary>A store that raises an interrupt at its end.</summary>
    internal void StoreAndInterrupt(Iova to, int length) => Start(Buffer, to.Value, length, 7);

    private void Run(ulong source, ulong destination, int length, ulong command)
    {
        Start(source, destination, length, command);
        UapiTest.Until(() => (Registers.Read<ulong>(0x98) & 1) == 0, "edu ends its DMA");
    }

    private void Start(ulong source, ulong destination, int length, ulong command)
    {
        Registers.Write(0x80, source);
        Registers.Write(0x88, destination);
        Registers.Write(0x90, (ulong)length);
        Registers.Write(0x98, command);
    }
}

/// <summary>dmatest (docs/devices/dmatest.md): tells how each DMA went.</summary>
internal sealed class DmatestEngine(VfioDevice device) : DmaEngine(device)
{
    internal const uint Start = 1, ToDevice = 2;
    internal const uint Idle = 0, Done = 1, Fault = 2, BadLength = 3;
    internal const uint NotAttached = 1, NotMapped = 2, NoPermission = 3, BusMasterOff = 5, BeyondWidth = 6;

    private readonly VfioRegion _buffer = device.GetRegion(VfioH.VFIO_PCI_BAR2_REGION_INDEX);

    internal uint Status => Registers.Read<uint>(0x14);

    internal uint Reason => Registers.Read<uint>(0x18);

    internal ulong Completed => Registers.Read<ulong>(0x20);

    internal bool IsBusy => (Registers.Read<uint>(0x08) & Start) != 0;

    internal byte[] Buffer
    {
        get
        {
            var bytes = new byte[4096];
            _buffer.Read(0, bytes);
            return bytes;
        }
        set => _buffer.Write(0, value);
    }

    internal override void Fetch(Iova from, int length) => Run(from, (uint)length, ToDevice);

    internal override void Store(Iova to, int length) => Run(to, (uint)length, 0);

    /// <summary>Which PASID its requests carry; null for none.</summary>
    internal uint? Pasid { set => Registers.Write(0x2c, value is { } pasid ? 0x80000000 | pasid : 0); }

    internal bool UsePageRequests { set => Registers.Write(0x30, value ? 2u : 0); }

    internal void Vector(uint vector) => Registers.Write(0x1c, vector);

    /// <param name="microseconds">Before each 64 bytes, which holds a DMA in flight.</param>
    internal void Pause(uint microseconds) => Registers.Write(0x28, microseconds);

    internal void Begin(Iova iova, uint length, uint direction)
    {
        Registers.Write(0x00, iova.Value);
        Registers.Write(0x10, length);
        Registers.Write(0x08, Start | direction);
    }

    internal void Wait() => UapiTest.Until(() => !IsBusy, "dmatest ends its DMA");

    internal uint Run(Iova iova, uint length, uint direction)
    {
        Begin(iova, length, direction);
        Wait();
        return Status;
    }
}
