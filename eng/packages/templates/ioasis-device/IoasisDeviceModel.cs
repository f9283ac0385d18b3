using System.Buffers.Binary;
using Ioasis.Core.Dma;
using Ioasis.Devices;
using Ioasis.Memory;

namespace IoasisDevice;

/// <summary>
/// A small device: given an address, it reads a 64-bit number there by DMA, writes back twice the number, and raises an
/// interrupt. Try it: ioasis run --plugin bin/Debug/net10.0/IoasisDevice.dll --device doubler -- PROGRAM
/// </summary>
[DeviceModel("doubler")]
public sealed class IoasisDeviceModel : PciDeviceModel
{
    private const uint Working = 0, Done = 1, Faulted = 2;

    private static readonly Register s_address = new("address", 0x00, 8, RegisterKind.ReadWrite);
    private static readonly Register s_go = new("go", 0x08, 4, RegisterKind.Doorbell);
    private static readonly Register s_result = new("result", 0x0c, 4, RegisterKind.ReadOnly);

    private readonly DeviceEngine<Iova> _engine;
    private IPciSlot? _slot;
    private DmaPort? _port;

    /// <summary>Makes a device.</summary>
    public IoasisDeviceModel() => _engine = DeviceEngine.Create<Iova>("ioasisdevice", Double);

    /// <inheritdoc/>
    public override PciFunction Function { get; } = new()
    {
        VendorId = 0x1234,
        DeviceId = 0x0002,
        ClassCode = 0xff0000,
        MsiVectors = 1,
        Bars = [new Bar { Index = 0, Size = 4096, Registers = [s_address, s_go, s_result] }],
    };

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot)
    {
        _slot = slot;
        _port = slot.OpenDmaPort();
    }

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value)
    {
        // "go" is the only doorbell. The driver wrote the address before it.
        _slot!.Publish(0, s_result, Working);
        _engine.TryStart(new Iova(_slot.ReadRegister(0, s_address)));
        _slot.Publish(0, s_go, 0); // so that the next "go" is seen, also in a mapping
    }

    /// <inheritdoc/>
    public override void Reset() => _engine.Abort();

    /// <inheritdoc/>
    public override void Unplug()
    {
        _engine.Dispose();
        _port!.Dispose();
    }

    private void Double(Iova address, CancellationToken abort)
    {
        Span<byte> number = stackalloc byte[8];
        bool ok = _port!.Read(address, number).IsOk;
        if (ok)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(number, 2 * BinaryPrimitives.ReadUInt64LittleEndian(number));
            ok = _port.Write(address, number).IsOk;
        }

        if (abort.IsCancellationRequested) return; // a reset leaves no trace
        _slot!.Publish(0, s_result, ok ? Done : Faulted);
        _slot.RaiseMessage(0);
    }
}
