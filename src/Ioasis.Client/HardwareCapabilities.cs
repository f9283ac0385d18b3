using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>What the IOMMU behind a device can do (the IOMMU_HW_CAP_* bits of linux/iommufd.h).</summary>
[Flags]
public enum HardwareCapabilities : ulong
{
    /// <summary>Nothing of the following.</summary>
    None = 0,

    /// <summary>HWPTs can track which pages devices write.</summary>
    DirtyTracking = IommufdH.IOMMU_HW_CAP_DIRTY_TRACKING,

    /// <summary>Requests with a PASID can ask to execute.</summary>
    PasidExecute = IommufdH.IOMMU_HW_CAP_PCI_PASID_EXEC,

    /// <summary>Requests with a PASID can be privileged.</summary>
    PasidPrivileged = IommufdH.IOMMU_HW_CAP_PCI_PASID_PRIV,

    /// <summary>The device cannot use ATS.</summary>
    NoAts = IommufdH.IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
}
