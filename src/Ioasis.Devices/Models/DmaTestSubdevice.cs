namespace Ioasis.Devices;

/// <summary>
/// A part of a <see cref="DmaTestDevice"/>, 1234:11eb: one channel, whose registers begin at 0 of BAR 0, a buffer and
/// interrupts of its own. A request without a PASID carries the one of its slot's ports. A command can name a PASID:
/// the slot's ports let through those that its program has attached.
/// </summary>
/// <param name="parent">The device that it is a part of.</param>
internal sealed class DmaTestSubdevice(DmaTestDevice parent) : PciDeviceModel
{
    private DmaTestChannel _channel = null!;

    /// <inheritdoc/>
    public override PciFunction Function { get; } = parent.SubdeviceFunction;

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot) =>
        _channel = new DmaTestChannel(0, parent.SubdeviceRegisters, slot);

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _channel.Ring(register, value);

    /// <inheritdoc/>
    public override void Reset() => _channel.Reset();

    /// <inheritdoc/>
    public override void Unplug() => _channel.Unplug();
}

/// <summary>The type <c>dmatest-1ch</c>: an mdev takes a channel of its parent.</summary>
/// <param name="parent">The parent.</param>
internal sealed class DmaTestChannelType(DmaTestDevice parent) : MdevType
{
    /// <inheritdoc/>
    public override string Name => "1ch";

    /// <inheritdoc/>
    public override string Description => "one DMA channel, with a PASID of its own";

    /// <inheritdoc/>
    public override int? Available => parent.FreeChannels;

    /// <inheritdoc/>
    public override MdevStatus Create(Guid uuid, out Mdev? mdev)
    {
        mdev = null;
        if (parent.FreeChannels == 0) return MdevStatus.NoneLeft;
        if (parent.TakeChannel() is not { } channel) return MdevStatus.Busy;
        mdev = new Subdevice(new DmaTestSubdevice(parent), channel);
        return MdevStatus.Ok;
    }

    private sealed class Subdevice(DmaTestSubdevice model, DmaTestChannel channel) : PciMdev(model)
    {
        public override void Remove() => channel.TakeBack();
    }
}
