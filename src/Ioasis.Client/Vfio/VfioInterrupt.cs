using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// The interrupts of one kind of a device: INTx, MSI, MSI-X, errors, or the host's request to release the device.
/// </summary>
public sealed class VfioInterrupt
{
    private const uint None = VfioH.VFIO_IRQ_SET_DATA_NONE;
    private readonly VfioDevice _device;

    private VfioInterrupt(VfioDevice device, VfioIrqInfo info)
    {
        _device = device;
        Raw = info;
    }

    /// <summary>The device's answer (struct vfio_irq_info of linux/vfio.h).</summary>
    public VfioIrqInfo Raw { get; }

    /// <summary>Number of interrupts of this kind.</summary>
    public uint Count => Raw.Count;

    /// <summary>Whether <see cref="Mask"/> works.</summary>
    public bool CanMask => (Raw.Flags & VfioH.VFIO_IRQ_INFO_MASKABLE) != 0;

    /// <summary>Whether the host masks an interrupt when it raises it, until <see cref="Unmask"/> (INTx).</summary>
    public bool MasksItself => (Raw.Flags & VfioH.VFIO_IRQ_INFO_AUTOMASKED) != 0;

    /// <summary>Connects interrupts, from <paramref name="start"/> on, to one event each; null disconnects.</summary>
    /// <exception cref="IommuException">EINVAL beyond the count, or if another kind is in use.</exception>
    public void SetEvents(uint start, params ReadOnlySpan<UserEvent?> events)
    {
        Span<int> descriptors = stackalloc int[events.Length];
        for (int i = 0; i < events.Length; i++) descriptors[i] = events[i]?.Descriptor ?? -1;
        Set(VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER, start, (uint)events.Length,
            MemoryMarshal.AsBytes(descriptors), "connection");
    }

    /// <summary>Triggers interrupts as if the device had: signals their events.</summary>
    /// <exception cref="IommuException">EINVAL if they are not connected.</exception>
    public void Trigger(uint start = 0, uint count = 1) =>
        Set(None | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER, start, count, [], "trigger");

    /// <summary>Masks interrupts: they stay pending until unmasked.</summary>
    /// <exception cref="IommuException">EINVAL; ENOTTY if the kind cannot be masked (MSI, MSI-X).</exception>
    public void Mask(uint start = 0, uint count = 1) =>
        Set(None | VfioH.VFIO_IRQ_SET_ACTION_MASK, start, count, [], "mask");

    /// <summary>Unmasks interrupts. A pending one then fires.</summary>
    /// <exception cref="IommuException">As in <see cref="Mask"/>.</exception>
    public void Unmask(uint start = 0, uint count = 1) =>
        Set(None | VfioH.VFIO_IRQ_SET_ACTION_UNMASK, start, count, [], "unmask");

    /// <summary>
    /// Connects an event that unmasks the interrupt each time it is signalled (INTx); null disconnects it.
    /// </summary>
    /// <exception cref="IommuException">As in <see cref="Mask"/>.</exception>
    public void SetUnmaskEvent(UserEvent? unmask)
    {
        int descriptor = unmask?.Descriptor ?? -1;
        Set(VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_UNMASK, 0, 1,
            MemoryMarshal.AsBytes(new ReadOnlySpan<int>(ref descriptor)), "unmask event");
    }

    /// <summary>Disconnects all interrupts of this kind and disables the kind.</summary>
    /// <exception cref="IommuException">EINVAL if it is not enabled.</exception>
    public void Disable() => Set(None | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, [], "disabling");

    /// <summary>Makes a raw VFIO_DEVICE_SET_IRQS and returns its result instead of throwing.</summary>
    /// <param name="flags">One VFIO_IRQ_SET_DATA_* and one VFIO_IRQ_SET_ACTION_* bit.</param>
    /// <param name="start">First interrupt.</param>
    /// <param name="count">Number of interrupts.</param>
    /// <param name="data">The data that the data bit announces, for each interrupt.</param>
    public SysResult SetRaw(uint flags, uint start, uint count, ReadOnlySpan<byte> data)
    {
        int header = (int)NodeClient.SizeOf<VfioIrqSet>();
        var arguments = new byte[header + data.Length];
        var set = new VfioIrqSet
        {
            Argsz = (uint)arguments.Length,
            Flags = flags,
            Index = Raw.Index,
            Start = start,
            Count = count
        };
        MemoryMarshal.Write(arguments, set);
        data.CopyTo(arguments.AsSpan(header));
        return _device.TryIoctl(VfioH.VFIO_DEVICE_SET_IRQS, arguments);
    }

    internal static VfioInterrupt Read(VfioDevice device, uint index)
    {
        var info = new VfioIrqInfo { Argsz = NodeClient.SizeOf<VfioIrqInfo>(), Index = index };
        SysResult result = device.TryIoctl(VfioH.VFIO_DEVICE_GET_IRQ_INFO, ref info);
        return result.IsOk
            ? new VfioInterrupt(device, info)
            : throw new IommuException(result, $"information on interrupt {index} of {device.Handle.Path}");
    }

    private void Set(uint flags, uint start, uint count, ReadOnlySpan<byte> data, string verb)
    {
        SysResult result = SetRaw(flags, start, count, data);
        if (!result.IsOk)
            throw new IommuException(result,
                $"{verb} of {count} interrupts from {start} on, of kind {Raw.Index}, of {_device.Handle.Path}");
    }
}
