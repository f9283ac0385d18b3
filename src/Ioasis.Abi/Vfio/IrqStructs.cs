using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// struct vfio_irq_info of linux/vfio.h. The argument of <see cref="VfioH.VFIO_DEVICE_GET_IRQ_INFO"/>.
/// </summary>
[LinuxStruct("vfio_irq_info")]
[StructLayout(LayoutKind.Sequential)]
public struct VfioIrqInfo
{
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>Out: VFIO_IRQ_INFO_* bits.</summary>
    public uint Flags;

    /// <summary>In: kind of interrupt.</summary>
    public uint Index;

    /// <summary>Out: number of interrupts of that kind.</summary>
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
    /// <summary>Bytes of the caller's buffer: this structure and anything after it.</summary>
    public uint Argsz;

    /// <summary>One VFIO_IRQ_SET_DATA_* bit and one VFIO_IRQ_SET_ACTION_* bit.</summary>
    public uint Flags;

    /// <summary>Kind of interrupt.</summary>
    public uint Index;

    /// <summary>The first interrupt of that kind.</summary>
    public uint Start;

    /// <summary>Number of interrupts. 0 with DATA_NONE and ACTION_TRIGGER disables the kind.</summary>
    public uint Count;
}
