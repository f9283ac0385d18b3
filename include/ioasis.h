/* SPDX-License-Identifier: MIT */
/* Our additions to the uAPI of Linux's nodes. Real Linux refuses all of them, as it refuses any unknown value. */
#ifndef IOASIS_H
#define IOASIS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * /dev/iommu: IOMMU_HWPT_ALLOC with this data_type makes a page table that is the calling process's own address space:
 * a device that is attached to it uses the process's pointers. pt_id is 0 and flags are IOMMU_HWPT_ALLOC_PASID, because
 * it can only be attached to PASIDs.
 */
#define IOASIS_HWPT_DATA_PROCESS 0x494f0001u

struct ioasis_hwpt_process {
    __u32 flags; /* 0; no supervisor's address space is available */
    __u32 reserved;
};

/*
 * /dev/sva: an open file owns PASIDs. Each gets a page table of any kind, and (file, PASID) is passed to drivers. The
 * structures follow the rules of linux/iommufd.h: size is the caller's, and fields beyond it count as 0.
 * IOMMU_FAULT_QUEUE_ALLOC and IOMMU_DESTROY work here too, for the queues that fault_id names.
 */
#define IOASIS_SVA_ALLOC_PASID _IO(';', 0xe0)
#define IOASIS_SVA_FREE_PASID _IO(';', 0xe1)
#define IOASIS_SVA_BIND_PROCESS _IO(';', 0xe2)
#define IOASIS_SVA_BIND_TABLE _IO(';', 0xe3)
#define IOASIS_SVA_UNBIND _IO(';', 0xe4)
#define IOASIS_SVA_INVALIDATE _IO(';', 0xe5)
#define IOASIS_SVA_QUOTA _IO(';', 0xe6)

/* Allocates the lowest free PASID of a range. EINVAL: wrong range; ENOMEM: quota used up; ENOSPC: none is free. */
struct ioasis_sva_alloc_pasid {
    __u32 size;
    __u32 flags;     /* 0 */
    __u32 first;     /* both ends inclusive; PASIDs have 20 bits, and 0 is never allocated */
    __u32 last;
    __u32 out_pasid;
};

/* Frees a PASID. Its devices are detached first. */
struct ioasis_sva_free_pasid {
    __u32 size;
    __u32 pasid;
};

/*
 * Makes the calling process's memory the page table of a PASID. Binding it again gives the same PASID, and needs one
 * more IOASIS_SVA_UNBIND.
 */
struct ioasis_sva_bind_process {
    __u32 size;
    __u32 flags;     /* 0; no flags are defined, not even one for a supervisor's address space */
    /* in: one of this file's PASIDs; or 0 for the process's PASID if it has one, else a new one; out: the PASID */
    __u32 pasid;
};

enum { IOASIS_SVA_BIND_FAULT_ID_VALID = 1 << 0 };

/* Makes an object of a /dev/iommu the page table of a PASID. */
struct ioasis_sva_bind_table {
    __u32 size;
    __u32 flags;
    __u32 pasid;
    __s32 iommufd;
    /*
     * data_type IOMMU_HWPT_DATA_NONE: an IOAS or HWPT; otherwise the parent of a first stage: a nest parent or a vIOMMU
     */
    __u32 pt_id;
    __u32 data_type; /* enum iommu_hwpt_data_type */
    __u32 data_len;
    __u32 fault_id;  /* one of this file's queues, for page requests; only with an IOAS or a first stage */
    __aligned_u64 data_uptr;
};

/*
 * Undoes one binding. The devices keep the PASID, without a page table, until it gets another one or they are detached.
 */
struct ioasis_sva_unbind {
    __u32 size;
    __u32 pasid;
};

/* As IOMMU_HWPT_INVALIDATE, for the first stage of a PASID. */
struct ioasis_sva_invalidate {
    __u32 size;
    __u32 pasid;
    __aligned_u64 data_uptr;
    __u32 data_type; /* enum iommu_hwpt_invalidate_data_type */
    __u32 entry_len;
    __u32 entry_num; /* out: entries done */
    __u32 reserved;  /* 0 */
};

enum {
    IOASIS_SVA_QUOTA_GET = 0,
    IOASIS_SVA_QUOTA_SET = 1, /* above a file's initial quota requires CAP_SYS_RESOURCE: EPERM */
};

/* Gets or sets the number of PASIDs that the file may have. */
struct ioasis_sva_quota {
    __u32 size;
    __u32 op;
    __u32 quota;     /* in or out */
    __u32 out_count; /* PASIDs that it has */
};

/*
 * /dev/vfio/devices/vfioN, after the bind: the device sends a PASID of a /dev/sva. It is attached to the PASID's page
 * table, and follows its changes. VFIO_DEVICE_DETACH_IOMMUFD_PT with VFIO_DEVICE_DETACH_PASID undoes it.
 */
#define IOASIS_VFIO_ATTACH_SVA _IO(';', 0xe8)

struct ioasis_vfio_attach_sva {
    __u32 argsz;
    __u32 flags;     /* 0 */
    __s32 sva;       /* an open /dev/sva */
    __u32 pasid;     /* one of its PASIDs */
};

/*
 * /dev/vhost-vdpa-N: an address space of the device is attached as a VFIO device is, instead of being filled by
 * messages of the vhost IOTLB. The caller owns the device (VHOST_SET_OWNER), and the device does not run (EBUSY).
 */
#define VHOST_VDPA_SET_IOMMU_FD _IOWR(0xAF, 0x90, struct vhost_vdpa_set_iommufd)
#define VDPA_DEVICE_ATTACH_IOMMUFD_AS _IOWR(0xAF, 0x91, struct vdpa_device_attach_iommufd_as)
#define VDPA_DEVICE_DETACH_IOMMUFD_AS _IOW(0xAF, 0x92, struct vdpa_device_detach_iommufd_as)
#define VDPA_DEVICE_ATTACH_SVA _IOW(0xAF, 0x93, struct vdpa_device_attach_sva)

/* Binds the device to an iommufd. */
struct vhost_vdpa_set_iommufd {
    __u32 argsz;
    __u32 flags;     /* 0 */
    __s32 iommufd;   /* an open /dev/iommu; -1 unbinds */
    __u32 out_devid; /* out: the device's ID there */
};

/* Attaches an address space to an IOAS or HWPT of that iommufd, or moves it there. */
struct vdpa_device_attach_iommufd_as {
    __u32 argsz;
    __u32 flags; /* 0 */
    __u32 pt_id; /* in: an IOAS or HWPT; out: the HWPT */
    __u32 asid;
};

/* Detaches an address space from what it is attached to, also from a PASID. */
struct vdpa_device_detach_iommufd_as {
    __u32 argsz;
    __u32 flags; /* 0 */
    __u32 asid;
};

/* Gives an address space a PASID of a /dev/sva. */
struct vdpa_device_attach_sva {
    __u32 argsz;
    __u32 flags; /* 0 */
    __s32 sva;   /* an open /dev/sva */
    __u32 pasid; /* one of its PASIDs */
    __u32 asid;
};

#endif
