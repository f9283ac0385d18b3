using Ioasis.Devices.Blocks;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// An mdev of the type <c>nvme-1q</c>. Its registers and admin queue are served by a controller of its own, so that
/// nothing a program does there reaches the parent's. Each of its requests carries the PASID of its slot's ports.
/// </summary>
/// <param name="blocks">The storage of its namespace.</param>
/// <param name="uuid">Its name, from which its serial number is derived.</param>
internal sealed class NvmeSubdevice(BlockStore blocks, Guid uuid) : PciDeviceModel
{
    private const int Queues = 1;
    private const int SerialLength = 20;
    private NvmeController _controller = null!;

    /// <inheritdoc/>
    public override PciFunction Function { get; } = NvmeDevice.Describe(Queues);

    /// <inheritdoc/>
    public override void Plug(IPciSlot slot) =>
        _controller = new NvmeController(slot, blocks, Queues, $"{uuid:N}"[^SerialLength..]);

    /// <inheritdoc/>
    public override void Ring(int bar, Register register, ulong value) => _controller.Ring(register, (uint)value);

    /// <inheritdoc/>
    public override void Reset() => _controller.Reset();

    /// <inheritdoc/>
    public override void Unplug() => _controller.Unplug();
}
