using Ioasis.Devices;

namespace Ioasis.Tests.Devices;

/// <summary>A function that writes down what it is told.</summary>
internal sealed class RecordingModel : PciDeviceModel
{
    internal static readonly Register Parameter = new("parameter", 0x00, 4, RegisterKind.ReadWrite, 0x11223344);
    internal static readonly Register Fixed = new("fixed", 0x04, 4, RegisterKind.ReadOnly, 0xcafe);
    internal static readonly Register First = new("first", 0x10, 8, RegisterKind.Doorbell);
    internal static readonly Register Second = new("second", 0x0c, 4, RegisterKind.Doorbell, 7);
    internal static readonly Register Narrow = new("narrow", 0x21, 1, RegisterKind.ReadWrite);
    internal static readonly Register Strict =
        new("strict", 0x28, 4, RegisterKind.Doorbell) { Widths = AccessWidths.Four };

    private int _inside;

    internal IPciSlot Slot { get; private set; } = null!;

    internal List<(string Name, ulong Value, ulong ParameterThen)> Rings { get; } = [];

    internal int Resets { get; private set; }

    internal bool GotTwoAtOnce { get; private set; }

    internal Action<Register, ulong>? OnRing { get; set; }

    public override PciFunction Function { get; } = new()
    {
        VendorId = 0x1234,
        DeviceId = 1,
        ClassCode = 0xff0000,
        HasInterruptPin = true,
        Bars =
        [
            new Bar { Index = 0, Size = 4096, UnclaimedByte = 0xee,
                Registers = [Parameter, Fixed, First, Second, Narrow, Strict] },
            new Bar { Index = 1, Size = 8192, IsMemory = true },
        ],
    };

    public override void Plug(IPciSlot slot) => Slot = slot;

    public override void Ring(int bar, Register register, ulong value)
    {
        if (Interlocked.Increment(ref _inside) != 1) GotTwoAtOnce = true;
        lock (Rings) Rings.Add((register.Name, value, Slot.ReadRegister(0, Parameter)));
        OnRing?.Invoke(register, value);
        Interlocked.Decrement(ref _inside);
    }

    public override void Reset()
    {
        if (Interlocked.Increment(ref _inside) != 1) GotTwoAtOnce = true;
        Resets++;
        Interlocked.Decrement(ref _inside);
    }

    public override void Unplug()
    {
    }

    internal int RingCount
    {
        get { lock (Rings) return Rings.Count; }
    }
}
