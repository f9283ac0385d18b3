namespace Ioasis.Abi;

public static partial class VfioH
{
    /// <summary>Region of a PCI device: BAR 0.</summary>
    public const uint VFIO_PCI_BAR0_REGION_INDEX = 0;
    /// <summary>Region of a PCI device: BAR 1.</summary>
    public const uint VFIO_PCI_BAR1_REGION_INDEX = 1;
    /// <summary>Region of a PCI device: BAR 2.</summary>
    public const uint VFIO_PCI_BAR2_REGION_INDEX = 2;
    /// <summary>Region of a PCI device: BAR 3.</summary>
    public const uint VFIO_PCI_BAR3_REGION_INDEX = 3;
    /// <summary>Region of a PCI device: BAR 4.</summary>
    public const uint VFIO_PCI_BAR4_REGION_INDEX = 4;
    /// <summary>Region of a PCI device: BAR 5.</summary>
    public const uint VFIO_PCI_BAR5_REGION_INDEX = 5;
    /// <summary>Region of a PCI device: the expansion ROM.</summary>
    public const uint VFIO_PCI_ROM_REGION_INDEX = 6;
    /// <summary>Region of a PCI device: configuration space.</summary>
    public const uint VFIO_PCI_CONFIG_REGION_INDEX = 7;
    /// <summary>Region of a PCI device: the legacy VGA ranges.</summary>
    public const uint VFIO_PCI_VGA_REGION_INDEX = 8;
    /// <summary>Number of fixed regions of a PCI device; higher indexes have their type in a capability.</summary>
    public const uint VFIO_PCI_NUM_REGIONS = 9;

    /// <summary>Interrupt of a PCI device: INTx.</summary>
    public const uint VFIO_PCI_INTX_IRQ_INDEX = 0;
    /// <summary>Interrupts of a PCI device: MSI.</summary>
    public const uint VFIO_PCI_MSI_IRQ_INDEX = 1;
    /// <summary>Interrupts of a PCI device: MSI-X.</summary>
    public const uint VFIO_PCI_MSIX_IRQ_INDEX = 2;
    /// <summary>Interrupt of a PCI device: an uncorrectable error.</summary>
    public const uint VFIO_PCI_ERR_IRQ_INDEX = 3;
    /// <summary>Interrupt of a PCI device: the host asks for the device back.</summary>
    public const uint VFIO_PCI_REQ_IRQ_INDEX = 4;
    /// <summary>Number of interrupt kinds of a PCI device.</summary>
    public const uint VFIO_PCI_NUM_IRQS = 5;

    /// <summary>Device ID of <see cref="VfioPciDependentDevice"/>: owned by the caller through its group.</summary>
    public const uint VFIO_PCI_DEVID_OWNED = 0;
    /// <summary>
    /// Device ID of <see cref="VfioPciDependentDevice"/>: not owned by the caller. -1 in C; unsigned here, like the
    /// field.
    /// </summary>
    public const uint VFIO_PCI_DEVID_NOT_OWNED = uint.MaxValue;
    /// <summary>Flag of <see cref="VfioPciHotResetInfo"/>: the list has device IDs, not group IDs.</summary>
    public const uint VFIO_PCI_HOT_RESET_FLAG_DEV_ID = 1 << 0;
    /// <summary>Flag of <see cref="VfioPciHotResetInfo"/>: the caller owns all of them and may reset.</summary>
    public const uint VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED = 1 << 1;
}
