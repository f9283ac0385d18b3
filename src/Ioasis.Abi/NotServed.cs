namespace Ioasis.Abi;

/// <summary>A name of Linux's uAPI that we do not serve.</summary>
/// <param name="LinuxName">Name of a struct, without the keyword, or of a constant.</param>
/// <param name="Reason">The reason.</param>
public sealed record NotServedName(string LinuxName, string Reason);

/// <summary>
/// The structs and constants of linux/iommufd.h, linux/vfio.h and linux/vhost.h (Linux 7.2) that have no C# twin
/// because we will never serve them. Everything else in these headers exists in this assembly.
/// </summary>
public static class NotServed
{
    /// <summary>Every such name, grouped by reason.</summary>
    public static IReadOnlyList<NotServedName> All { get; } =
    [
        .. Because(
            "Of vhost-net, vhost-scsi and vhost-vsock; vhost-vdpa is the only vhost device.",
            "VHOST_NET_F_VIRTIO_NET_HDR",
            "VHOST_NET_SET_BACKEND",
            "VHOST_SCSI_ABI_VERSION",
            "VHOST_SCSI_CLEAR_ENDPOINT",
            "VHOST_SCSI_GET_ABI_VERSION",
            "VHOST_SCSI_GET_EVENTS_MISSED",
            "VHOST_SCSI_SET_ENDPOINT",
            "VHOST_SCSI_SET_EVENTS_MISSED",
            "VHOST_VSOCK_SET_GUEST_CID",
            "VHOST_VSOCK_SET_RUNNING",
            "vhost_scsi_target"),
        .. Because(
            "Workers of vhost; vhost-vdpa has none, and says ENOTTY as on Linux.",
            "VHOST_ATTACH_VRING_WORKER",
            "VHOST_FREE_WORKER",
            "VHOST_GET_VRING_WORKER",
            "VHOST_NEW_WORKER",
            "vhost_vring_worker",
            "vhost_worker_state"),
        .. Because(
            "Not of vhost-vdpa, which says ENOTTY as on Linux.",
            "VHOST_GET_FEATURES_ARRAY",
            "VHOST_SET_FEATURES_ARRAY",
            "VHOST_GET_VRING_ENDIAN",
            "VHOST_SET_VRING_ENDIAN",
            "VHOST_VRING_BIG_ENDIAN",
            "VHOST_VRING_LITTLE_ENDIAN",
            "vhost_features_array"),
        .. Because(
            "CMDQV is a queue in NVIDIA's Tegra241; no other hardware has it, and no unit models it.",
            "IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV",
            "IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV",
            "IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV",
            "IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV",
            "iommu_hw_info_tegra241_cmdqv",
            "iommu_viommu_tegra241_cmdqv",
            "iommu_vevent_tegra241_cmdqv"),
        .. Because(
            "The TCE tables of POWER servers (sPAPR); containers are type 1 only.",
            "VFIO_SPAPR_TCE_IOMMU",
            "VFIO_SPAPR_TCE_v2_IOMMU",
            "VFIO_IOMMU_ENABLE",
            "VFIO_IOMMU_DISABLE",
            "VFIO_IOMMU_SPAPR_INFO_DDW",
            "VFIO_IOMMU_SPAPR_TCE_GET_INFO",
            "VFIO_IOMMU_SPAPR_TCE_CREATE",
            "VFIO_IOMMU_SPAPR_TCE_REMOVE",
            "VFIO_IOMMU_SPAPR_REGISTER_MEMORY",
            "VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY",
            "vfio_iommu_spapr_tce_info",
            "vfio_iommu_spapr_tce_ddw_info",
            "vfio_iommu_spapr_tce_create",
            "vfio_iommu_spapr_tce_remove",
            "vfio_iommu_spapr_register_memory"),
        .. Because(
            "EEH is the error recovery of POWER servers.",
            "VFIO_EEH",
            "VFIO_EEH_PE_OP",
            "VFIO_EEH_PE_DISABLE",
            "VFIO_EEH_PE_ENABLE",
            "VFIO_EEH_PE_UNFREEZE_IO",
            "VFIO_EEH_PE_UNFREEZE_DMA",
            "VFIO_EEH_PE_GET_STATE",
            "VFIO_EEH_PE_STATE_NORMAL",
            "VFIO_EEH_PE_STATE_RESET",
            "VFIO_EEH_PE_STATE_STOPPED",
            "VFIO_EEH_PE_STATE_STOPPED_DMA",
            "VFIO_EEH_PE_STATE_UNAVAIL",
            "VFIO_EEH_PE_RESET_DEACTIVATE",
            "VFIO_EEH_PE_RESET_HOT",
            "VFIO_EEH_PE_RESET_FUNDAMENTAL",
            "VFIO_EEH_PE_CONFIGURE",
            "VFIO_EEH_PE_INJECT_ERR",
            "vfio_eeh_pe_err",
            "vfio_eeh_pe_op"),
        .. Because(
            "Channel and crypto devices, and PCI as s390 has it.",
            "VFIO_DEVICE_FLAGS_CCW",
            "VFIO_DEVICE_FLAGS_AP",
            "VFIO_DEVICE_API_CCW_STRING",
            "VFIO_DEVICE_API_AP_STRING",
            "VFIO_DEVICE_INFO_CAP_ZPCI_BASE",
            "VFIO_DEVICE_INFO_CAP_ZPCI_GROUP",
            "VFIO_DEVICE_INFO_CAP_ZPCI_UTIL",
            "VFIO_DEVICE_INFO_CAP_ZPCI_PFIP",
            "VFIO_REGION_TYPE_CCW",
            "VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD",
            "VFIO_REGION_SUBTYPE_CCW_SCHIB",
            "VFIO_REGION_SUBTYPE_CCW_CRW",
            "VFIO_CCW_CONFIG_REGION_INDEX",
            "VFIO_CCW_NUM_REGIONS",
            "VFIO_CCW_IO_IRQ_INDEX",
            "VFIO_CCW_CRW_IRQ_INDEX",
            "VFIO_CCW_REQ_IRQ_INDEX",
            "VFIO_CCW_NUM_IRQS",
            "VFIO_AP_REQ_IRQ_INDEX",
            "VFIO_AP_CFG_CHG_IRQ_INDEX",
            "VFIO_AP_NUM_IRQS"),
        .. Because(
            "Devices on a bus that is not PCI; every device of the machine is a PCI function.",
            "VFIO_DEVICE_FLAGS_PLATFORM",
            "VFIO_DEVICE_FLAGS_AMBA",
            "VFIO_DEVICE_FLAGS_FSL_MC",
            "VFIO_DEVICE_FLAGS_CDX",
            "VFIO_DEVICE_API_PLATFORM_STRING",
            "VFIO_DEVICE_API_AMBA_STRING"),
        .. Because(
            "Displays of graphics devices; there is no model of one.",
            "VFIO_DEVICE_QUERY_GFX_PLANE",
            "VFIO_DEVICE_GET_GFX_DMABUF",
            "VFIO_GFX_PLANE_TYPE_PROBE",
            "VFIO_GFX_PLANE_TYPE_DMABUF",
            "VFIO_GFX_PLANE_TYPE_REGION",
            "VFIO_REGION_TYPE_GFX",
            "VFIO_REGION_SUBTYPE_GFX_EDID",
            "VFIO_DEVICE_GFX_LINK_STATE_UP",
            "VFIO_DEVICE_GFX_LINK_STATE_DOWN",
            "vfio_device_gfx_plane_info",
            "vfio_region_gfx_edid"),
        .. Because(
            "Regions of Intel's integrated graphics; there is no model of it.",
            "VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION",
            "VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG",
            "VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG"),
        .. Because(
            "NVLink2 of POWER9 servers; Linux itself no longer serves it.",
            "VFIO_REGION_SUBTYPE_NVIDIA_NVLINK2_RAM",
            "VFIO_REGION_SUBTYPE_IBM_NVLINK2_ATSD",
            "VFIO_REGION_INFO_CAP_NVLINK2_SSATGT",
            "VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD",
            "vfio_region_info_cap_nvlink2_ssatgt",
            "vfio_region_info_cap_nvlink2_lnkspd"),
        .. Because(
            "The first migration protocol, a region; Linux itself no longer serves it. The second one is a feature.",
            "VFIO_REGION_TYPE_MIGRATION_DEPRECATED",
            "VFIO_REGION_SUBTYPE_MIGRATION_DEPRECATED",
            "VFIO_DEVICE_STATE_V1_STOP",
            "VFIO_DEVICE_STATE_V1_RUNNING",
            "VFIO_DEVICE_STATE_V1_SAVING",
            "VFIO_DEVICE_STATE_V1_RESUMING",
            "VFIO_DEVICE_STATE_MASK",
            "vfio_device_migration_info"),
    ];

    private static IEnumerable<NotServedName> Because(string reason, params string[] linuxNames) =>
        linuxNames.Select(name => new NotServedName(name, reason));
}
