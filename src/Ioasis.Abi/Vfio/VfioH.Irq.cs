namespace Ioasis.Abi;

public static partial class VfioH
{
    /// <summary>Flag of <see cref="VfioIrqInfo"/>: signals an eventfd.</summary>
    public const uint VFIO_IRQ_INFO_EVENTFD = 1 << 0;
    /// <summary>Flag of <see cref="VfioIrqInfo"/>: can be masked and unmasked.</summary>
    public const uint VFIO_IRQ_INFO_MASKABLE = 1 << 1;
    /// <summary>Flag of <see cref="VfioIrqInfo"/>: masked by itself when it fires (level-triggered).</summary>
    public const uint VFIO_IRQ_INFO_AUTOMASKED = 1 << 2;
    /// <summary>Flag of <see cref="VfioIrqInfo"/>: the number enabled can grow only after all were disabled.</summary>
    public const uint VFIO_IRQ_INFO_NORESIZE = 1 << 3;

    /// <summary>Data of <see cref="VfioIrqSet"/>: none; the action applies at once.</summary>
    public const uint VFIO_IRQ_SET_DATA_NONE = 1 << 0;
    /// <summary>Data of <see cref="VfioIrqSet"/>: one byte each; the action applies where it is not 0.</summary>
    public const uint VFIO_IRQ_SET_DATA_BOOL = 1 << 1;
    /// <summary>Data of <see cref="VfioIrqSet"/>: one 32-bit file descriptor each, -1 for none.</summary>
    public const uint VFIO_IRQ_SET_DATA_EVENTFD = 1 << 2;
    /// <summary>Action of <see cref="VfioIrqSet"/>: mask.</summary>
    public const uint VFIO_IRQ_SET_ACTION_MASK = 1 << 3;
    /// <summary>Action of <see cref="VfioIrqSet"/>: unmask.</summary>
    public const uint VFIO_IRQ_SET_ACTION_UNMASK = 1 << 4;
    /// <summary>Action of <see cref="VfioIrqSet"/>: trigger; with eventfds, set the eventfds to signal.</summary>
    public const uint VFIO_IRQ_SET_ACTION_TRIGGER = 1 << 5;
    /// <summary>Mask of the data bits of <see cref="VfioIrqSet"/>; exactly one is set.</summary>
    public const uint VFIO_IRQ_SET_DATA_TYPE_MASK = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL
        | VFIO_IRQ_SET_DATA_EVENTFD;
    /// <summary>Mask of the action bits of <see cref="VfioIrqSet"/>; exactly one is set.</summary>
    public const uint VFIO_IRQ_SET_ACTION_TYPE_MASK = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK
        | VFIO_IRQ_SET_ACTION_TRIGGER;
}
