using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_irq_info of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_GET_IRQ_INFO"/>.
/// </summary>
[LinuxStruct("vfio_irq_info")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIrqInfo
{
    /// <summary>Bytes of this structure and of what follows it, as the caller has them.</summary>
    public uint Argsz;

    /// <summary>Out: VFIO_IRQ_INFO_* bits.</summary>
    public uint Flags;

    /// <summary>In: which kind of interrupt.</summary>
    public uint Index;

    /// <summary>Out: interrupts of that kind; 0 where there is none.</summary>
    public uint Count;
}

/// <summary>
/// struct vfio_irq_set of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_SET_IRQS"/>. The array data
/// follows, of the flags' type; it is not a field here.
/// </summary>
[LinuxStruct("vfio_irq_set")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIrqSet
{
    /// <summary>Bytes of this structure and of what follows it, as the caller has them.</summary>
    public uint Argsz;

    /// <summary>One VFIO_IRQ_SET_DATA_* bit and one VFIO_IRQ_SET_ACTION_* bit.</summary>
    public uint Flags;

    /// <summary>Which kind of interrupt.</summary>
    public uint Index;

    /// <summary>The first interrupt of that kind.</summary>
    public uint Start;

    /// <summary>How many; 0 with no data and the action TRIGGER turns the kind off.</summary>
    public uint Count;
}
