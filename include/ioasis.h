/* SPDX-License-Identifier: MIT */
/*
 * What the nodes of Ioasis have beyond Linux's. Real Linux refuses all of it, as it refuses any value that it does not
 * know.
 */
#ifndef IOASIS_H
#define IOASIS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * /dev/iommu: IOMMU_HWPT_ALLOC with this data_type makes a page table of the calling process's own address space: a
 * device that is attached to it uses the process's pointers. pt_id is 0, flags are IOMMU_HWPT_ALLOC_PASID: it can be
 * attached to PASIDs only.
 */
#define IOASIS_HWPT_DATA_PROCESS 0x494f0001u

struct ioasis_hwpt_process {
    __u32 flags; /* 0: there is no supervisor's address space to be had */
    __u32 reserved;
};

/*
 * /dev/sva: an open file owns PASIDs; each gets a page table of any kind, and (file, PASID) is handed to drivers. The
 * structures follow the rules of linux/iommufd.h: size is the caller's, what lies beyond it counts as 0.
 * IOMMU_FAULT_QUEUE_ALLOC and IOMMU_DESTROY are served here too, for queues that fault_id below names.
 */
#define IOASIS_SVA_ALLOC_PASID _IO(';', 0xe0)
#define IOASIS_SVA_FREE_PASID _IO(';', 0xe1)
#define IOASIS_SVA_BIND_PROCESS _IO(';', 0xe2)
#define IOASIS_SVA_BIND_TABLE _IO(';', 0xe3)
#define IOASIS_SVA_UNBIND _IO(';', 0xe4)
#define IOASIS_SVA_INVALIDATE _IO(';', 0xe5)
#define IOASIS_SVA_QUOTA _IO(';', 0xe6)

/* Allocates the lowest free PASID of a range. EINVAL no range, ENOMEM quota reached, ENOSPC none is free. */
struct ioasis_sva_alloc_pasid {
    __u32 size;
    __u32 flags;     /* 0 */
    __u32 first;     /* both included; PASIDs have 20 bits, and 0 is never given out */
    __u32 last;
    __u32 out_pasid;
};

/* Gives a PASID back; its devices are detached first. */
struct ioasis_sva_free_pasid {
    __u32 size;
    __u32 pasid;
};

/*
 * The calling process's memory becomes the page table of a PASID. Bound again, it has the same PASID, and takes one
 * more IOASIS_SVA_UNBIND.
 */
struct ioasis_sva_bind_process {
    __u32 size;
    __u32 flags;     /* 0: there are none, and none for a supervisor's address space */
    __u32 pasid;     /* in: one of this file's, or 0 for the one the process has, else a new one; out: which */
};

enum { IOASIS_SVA_BIND_FAULT_ID_VALID = 1 << 0 };

/* An object of a /dev/iommu becomes the page table of a PASID. */
struct ioasis_sva_bind_table {
    __u32 size;
    __u32 flags;
    __u32 pasid;
    __s32 iommufd;
    /*
     * data_type IOMMU_HWPT_DATA_NONE: an IOAS or HWPT; else what a first stage is nested in: a nest parent or a vIOMMU
     */
    __u32 pt_id;
    __u32 data_type; /* enum iommu_hwpt_data_type */
    __u32 data_len;
    __u32 fault_id;  /* a queue of this file's for page requests; with an IOAS or a first stage */
    __aligned_u64 data_uptr;
};

/* Undoes one binding. The devices keep the PASID, without a page table, until it gets another or they are detached. */
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
    __u32 entry_num; /* out: how many were done */
    __u32 reserved;  /* 0 */
};

enum {
    IOASIS_SVA_QUOTA_GET = 0,
    IOASIS_SVA_QUOTA_SET = 1, /* beyond what files begin with takes CAP_SYS_RESOURCE: EPERM */
};

/* How many PASIDs the file may have. */
struct ioasis_sva_quota {
    __u32 size;
    __u32 op;
    __u32 quota;     /* in or out */
    __u32 out_count; /* how many it has */
};

/*
 * /dev/vfio/devices/vfioN, once it is bound: the device sends a PASID of a /dev/sva, and is attached to what its page
 * table is, now and later. VFIO_DEVICE_DETACH_IOMMUFD_PT with VFIO_DEVICE_DETACH_PASID undoes it.
 */
#define IOASIS_VFIO_ATTACH_SVA _IO(';', 0xe8)

struct ioasis_vfio_attach_sva {
    __u32 argsz;
    __u32 flags;     /* 0 */
    __s32 sva;       /* an open /dev/sva */
    __u32 pasid;     /* one of its PASIDs */
};

#endif
