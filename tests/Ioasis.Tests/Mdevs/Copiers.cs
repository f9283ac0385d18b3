using Ioasis.Core.Dma;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Mdevs;

// The example of docs/mdev.md.
[DeviceModel("copiers")]
internal sealed class Copiers : PciDeviceModel, IMdevParent
{
    public override PciFunction Function { get; } =
        new() { VendorId = 0x1234, DeviceId = 0x1000, ClassCode = 0x088000, PasidBits = 20 };

    public IReadOnlyList<MdevType> MdevTypes { get; } = [new OneCopier()];

    public int MaxMdevs => 8;

    public override void Plug(IPciSlot slot) { }

    public override void Ring(int bar, Register register, ulong value) { }

    public override void Reset() { }

    public override void Unplug() { }

    private sealed class OneCopier : MdevType
    {
        public override string Name => "1"; // the type's directory is copiers-1

        public override MdevStatus Create(Guid uuid, out Mdev? mdev)
        {
            mdev = new PciMdev(new Copier());
            return MdevStatus.Ok;
        }
    }
}

internal sealed class Copier : PciDeviceModel
{
    private static readonly Register s_from = new("from", 0x00, 8, RegisterKind.ReadWrite);
    private static readonly Register s_to = new("to", 0x08, 8, RegisterKind.ReadWrite);
    private static readonly Register s_count = new("count", 0x10, 4, RegisterKind.Doorbell); // reads 0 when idle
    private DeviceEngine<(ulong From, ulong To, uint Count)> _engine = null!;
    private DmaPort _port = null!;
    private IPciSlot _slot = null!;

    public override PciFunction Function { get; } = new()
    {
        VendorId = 0x1234,
        DeviceId = 0x1001,
        ClassCode = 0x088000,
        Bars = [new Bar { Index = 0, Size = 4096, Registers = [s_from, s_to, s_count] }],
    };

    public override void Plug(IPciSlot slot)
    {
        _slot = slot;
        _port = slot.OpenDmaPort(); // every request carries the mdev's PASID
        _engine = DeviceEngine.Create<(ulong, ulong, uint)>("copier", Copy);
    }

    public override void Ring(int bar, Register register, ulong value) =>
        _engine.TryStart((_slot.ReadRegister(0, s_from), _slot.ReadRegister(0, s_to), (uint)value));

    public override void Reset() => _engine.Abort();

    public override void Unplug()
    {
        _engine.Dispose();
        _port.Dispose();
    }

    private void Copy((ulong From, ulong To, uint Count) command, CancellationToken abort)
    {
        var bytes = new byte[Math.Min(command.Count, 4096)];
        if (_port.Read(new Iova(command.From), bytes).IsOk) _port.Write(new Iova(command.To), bytes);
        if (!abort.IsCancellationRequested) _slot.Publish(0, s_count, 0);
    }
}
