using Ioasis.Core.Dma;
using Ioasis.Core.PageRequests;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices;

/// <summary>A function whose model throws where it is told to.</summary>
internal sealed class ThrowingModel : PciDeviceModel
{
    internal static readonly Register Plain = new("plain", 0x00, 4, RegisterKind.ReadWrite, 0x1234);
    internal static readonly Register Bell = new("bell", 0x08, 4, RegisterKind.Doorbell);

    private readonly DeviceEngine<uint> _engine;

    internal ThrowingModel() => _engine = DeviceEngine.Create<uint>("throwing engine", (_, _) => Do(Place.Engine));

    internal enum Place
    {
        None,
        Ring,
        Submit,
        Reset,
        Unplug,
        Engine,
        Answer,
    }

    internal Place Throws { get; set; }

    internal IPciSlot Slot { get; private set; } = null!;

    internal DmaPort Port { get; private set; } = null!;

    /// <summary>How often it got through each place.</summary>
    internal int[] Done { get; } = new int[7];

    public override PciFunction Function { get; } = new()
    {
        VendorId = 0x1234,
        DeviceId = 2,
        ClassCode = 0xff0000,
        HasInterruptPin = true,
        Bars =
        [
            new Bar { Index = 0, Size = 4096, UnclaimedByte = 0, Registers = [Plain, Bell] },
            new Bar { Index = 2, Size = 4096, IsPortal = true, UnclaimedByte = 0 },
        ],
    };

    public override void Plug(IPciSlot slot)
    {
        Slot = slot;
        Port = slot.OpenDmaPort(translations: 16);
    }

    public override void Ring(int bar, Register register, ulong value)
    {
        Do(Place.Ring);
        _engine.TryStart((uint)value);
    }

    public override void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor) => Do(Place.Submit);

    public override void Reset()
    {
        _engine.Abort();
        Do(Place.Reset);
    }

    public override void Unplug()
    {
        _engine.Dispose();
        Port.Dispose();
        Do(Place.Unplug);
    }

    /// <summary>Asks for a page, as its engine would.</summary>
    internal bool Ask(Iova page)
    {
        Port.RequestsPages = true;
        return Port.RequestPage(new PageRequest(null, 1, PageRequestAccess.Read, page, IsLast: true),
            _ => Do(Place.Answer));
    }

    private void Do(Place place)
    {
        if (Throws == place) throw new InvalidOperationException($"{place} throws");
        Interlocked.Increment(ref Done[(int)place]);
    }
}
