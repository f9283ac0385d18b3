/* SPDX-License-Identifier: MIT */
/* What the nodes of Ioasis have beyond Linux's. Real Linux refuses all of it, as it refuses any value that it does not know. */
#ifndef IOASIS_H
#define IOASIS_H

#include <linux/types.h>

/*
 * IOMMU_HWPT_ALLOC with this data_type makes a page table of the calling process's own address space: a device that is attached to it
 * uses the process's pointers. pt_id is 0, flags are IOMMU_HWPT_ALLOC_PASID: it can be attached to PASIDs only.
 */
#define IOASIS_HWPT_DATA_PROCESS 0x494f0001u

struct ioasis_hwpt_process {
    __u32 flags; /* 0: there is no supervisor's address space to be had */
    __u32 reserved;
};

#endif
