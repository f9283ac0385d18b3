using Ioasis.Core.Dma;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices;

/// <summary>A model in a slot whose ports are bound to a PASID, as an mdev's slot is.</summary>
internal sealed class BoundModel(PciDeviceModel model, Pasid pasid) : PciDeviceModel
{
    public override PciFunction Function => model.Function;

    public override void Plug(IPciSlot slot) => model.Plug(new Slot(slot, pasid));

    public override void Ring(int bar, Register register, ulong value) => model.Ring(bar, register, value);

    public override void Submit(int bar, ulong offset, ReadOnlySpan<byte> descriptor) =>
        model.Submit(bar, offset, descriptor);

    public override void Reset() => model.Reset();

    public override void Unplug() => model.Unplug();

    private sealed class Slot(IPciSlot slot, Pasid pasid) : IPciSlot
    {
        public DmaPort OpenDmaPort(int translations, Pasid? defaultPasid) =>
            slot.OpenDmaPort(translations, defaultPasid ?? pasid);

        public ulong ReadRegister(int bar, Register register) => slot.ReadRegister(bar, register);

        public void Publish(int bar, Register register, ulong value) => slot.Publish(bar, register, value);

        public void ReadBar(int bar, ulong offset, Span<byte> destination) => slot.ReadBar(bar, offset, destination);

        public void WriteBar(int bar, ulong offset, ReadOnlySpan<byte> source) => slot.WriteBar(bar, offset, source);

        public bool RaiseMessage(int vector) => slot.RaiseMessage(vector);

        public void SetInterruptLine(bool asserted) => slot.SetInterruptLine(asserted);
    }
}
