using Ioasis.Core.Dma;
using Ioasis.Devices.Virtio.Pci;

namespace Ioasis.Devices.Virtio;

/// <summary>
/// A virtio device as a PCI function (virtio 1.3, 4.1), with the legacy registers too. See docs/devices/virtio.md.
/// </summary>
public sealed class VirtioPciDevice : PciDeviceModel, IVirtioTransport
{
    private readonly VirtioDeviceModel _model;
    private VirtioPciRegisters _registers = null!;
    private VirtioPciLegacy _legacy = null!;
    private VirtioPciInterrupts _interrupts = null!;
    private IPciSlot _slot = null!;
    private VirtioSlot _device = null!;

    /// <summary>Makes a function of a device.</summary>
    /// <param name="model">The device, made for this function alone.</param>
    public VirtioPciDevice(VirtioDeviceModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        Function = VirtioPciLayout.Describe(model.Function);
    }

    /// <inheritdoc/>
    public override PciFunction Function { get; }

    ulong IVirtioTransport.TransportFeatures => VirtioFeatures.RingReset;

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        _slot = slot;
        _interrupts = new VirtioPciInterrupts(slot, _model.Function.Queues.Count);
        _device = NewDevice();
        _registers = new VirtioPciRegisters(_device, _interrupts);
        _legacy = new VirtioPciLegacy(_device, _interrupts, slot);
    }

    /// <inheritdoc/>
    public override ulong Read(int bar, Register register) =>
        bar == VirtioPciLayout.LegacyBar ? _legacy.Read(register) : _registers.Read(register);

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value)
    {
        if (bar == VirtioPciLayout.NotifyBar)
        {
            // the same index must be noticed when it is written again
            _slot.Publish(bar, register, VirtioPciLayout.IdleNotification);
            _device.Kick(VirtioPciLayout.QueueOf(register));
        }
        else
        {
            bool resets = bar == VirtioPciLayout.LegacyBar
                ? _legacy.Write(register, (uint)value)
                : _registers.Write(register, value);
            if (resets) Reset();
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        _device.Reset();
        _interrupts.Reset();
        _registers.Reset();
        _legacy.Reset();
    }

    /// <inheritdoc/>
    public override void Unplug() => _device.Dispose();

    private VirtioSlot NewDevice() => new(_model, this);

    DmaPort IVirtioTransport.OpenPort(int group) => _slot.OpenDmaPort(); // one address space for all groups

    void IVirtioTransport.SignalQueue(int queue) => _interrupts.RaiseQueue(queue);

    void IVirtioTransport.SignalConfig() => _interrupts.RaiseConfiguration();
}
