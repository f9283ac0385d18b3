/* SPDX-License-Identifier: MIT */
/* /dev/sva for the client programs, and a dmatest that sends its PASIDs. */
#ifndef SVA_NODE_H
#define SVA_NODE_H

#include "dmatest.h"
#include <ioasis.h>

enum { PASID_REGISTER = 0x2c, FEATURES = 0x30, ANSWER = 0x40 };
#define PASID_ENABLE 0x80000000u
#define USE_PRI 2

static inline int open_sva(void)
{
    return must(open("/dev/sva", O_RDWR | O_CLOEXEC));
}

/* returns the PASID; -1 with errno if refused */
static inline int64_t sva_alloc(int sva, uint32_t first, uint32_t last)
{
    struct ioasis_sva_alloc_pasid arguments = {.size = sizeof(arguments), .first = first, .last = last};
    return ioctl(sva, IOASIS_SVA_ALLOC_PASID, &arguments) ? -1 : (int64_t)arguments.out_pasid;
}

static inline int sva_free(int sva, uint32_t pasid)
{
    struct ioasis_sva_free_pasid arguments = {.size = sizeof(arguments), .pasid = pasid};
    return ioctl(sva, IOASIS_SVA_FREE_PASID, &arguments);
}

static inline int64_t sva_bind_process(int sva, uint32_t pasid)
{
    struct ioasis_sva_bind_process arguments = {.size = sizeof(arguments), .pasid = pasid};
    return ioctl(sva, IOASIS_SVA_BIND_PROCESS, &arguments) ? -1 : (int64_t)arguments.pasid;
}

static inline int sva_bind_table(int sva, uint32_t pasid, int iommu, uint32_t id)
{
    struct ioasis_sva_bind_table arguments = {.size = sizeof(arguments), .pasid = pasid, .iommufd = iommu, .pt_id = id};
    return ioctl(sva, IOASIS_SVA_BIND_TABLE, &arguments);
}

/* a first stage with 4 levels, with its root at an address of the nest parent */
static inline int sva_bind_guest(int sva, uint32_t pasid, int iommu, uint32_t parent, uint64_t root, uint32_t fault_id)
{
    struct iommu_hwpt_vtd_s1 table = {.pgtbl_addr = root, .addr_width = 48};
    struct ioasis_sva_bind_table arguments = {.size = sizeof(arguments),
        .flags = fault_id ? IOASIS_SVA_BIND_FAULT_ID_VALID : 0,
        .pasid = pasid,
        .iommufd = iommu,
        .pt_id = parent,
        .data_type = IOMMU_HWPT_DATA_VTD_S1,
        .data_len = sizeof(table),
        .data_uptr = addr(&table),
        .fault_id = fault_id};
    return ioctl(sva, IOASIS_SVA_BIND_TABLE, &arguments);
}

static inline int sva_unbind(int sva, uint32_t pasid)
{
    struct ioasis_sva_unbind arguments = {.size = sizeof(arguments), .pasid = pasid};
    return ioctl(sva, IOASIS_SVA_UNBIND, &arguments);
}

static inline int sva_invalidate(int sva, uint32_t pasid, uint64_t address, uint64_t count)
{
    struct iommu_hwpt_vtd_s1_invalidate entry = {.addr = address, .npages = count};
    struct ioasis_sva_invalidate arguments = {.size = sizeof(arguments),
        .pasid = pasid,
        .data_uptr = addr(&entry),
        .data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
        .entry_len = sizeof(entry),
        .entry_num = 1};
    return ioctl(sva, IOASIS_SVA_INVALIDATE, &arguments);
}

static inline int sva_quota(int sva, uint32_t quota)
{
    struct ioasis_sva_quota arguments = {.size = sizeof(arguments), .op = IOASIS_SVA_QUOTA_SET, .quota = quota};
    return ioctl(sva, IOASIS_SVA_QUOTA, &arguments);
}

static inline uint32_t sva_count(int sva)
{
    struct ioasis_sva_quota arguments = {.size = sizeof(arguments), .op = IOASIS_SVA_QUOTA_GET};
    must(ioctl(sva, IOASIS_SVA_QUOTA, &arguments));
    return arguments.out_count;
}

static inline int attach_sva(const struct device *device, int sva, uint32_t pasid)
{
    struct ioasis_vfio_attach_sva arguments = {.argsz = sizeof(arguments), .sva = sva, .pasid = pasid};
    return ioctl(device->fd, IOASIS_VFIO_ATTACH_SVA, &arguments);
}

static inline void send_pasid(const struct dmatest *test, uint32_t pasid)
{
    bar_write32(&test->registers, PASID_REGISTER, PASID_ENABLE | pasid);
}

#endif
