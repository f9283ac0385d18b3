using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>What a VFIO device consists of (VFIO_DEVICE_GET_INFO).</summary>
/// <param name="Raw">The device's answer (struct vfio_device_info of linux/vfio.h).</param>
public sealed record VfioDeviceDescription(VfioDeviceInfo Raw)
{
    /// <summary>Whether it looks like a PCI function.</summary>
    public bool IsPci => (Raw.Flags & VfioH.VFIO_DEVICE_FLAGS_PCI) != 0;

    /// <summary>Whether <see cref="VfioDevice.Reset"/> works.</summary>
    public bool CanReset => (Raw.Flags & VfioH.VFIO_DEVICE_FLAGS_RESET) != 0;

    /// <summary>Number of regions, some of which may have no bytes.</summary>
    public int RegionCount => (int)Raw.NumRegions;

    /// <summary>Number of kinds of interrupts, some of which may have none.</summary>
    public int InterruptKindCount => (int)Raw.NumIrqs;
}
