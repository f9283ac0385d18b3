/* SPDX-License-Identifier: MIT */
/*
 * Binds a dmatest to the calling process, by a HWPT that is the process's address space. Other ways to bind belong
 * here.
 */
#ifndef SVA_H
#define SVA_H

#include "dmatest.h"
#include <ioasis.h>

static inline int hwpt_process_of(
    int iommu, uint32_t device, uint32_t flags, uint32_t pt, struct ioasis_hwpt_process data, uint32_t *id)
{
    struct iommu_hwpt_alloc alloc = {
        .size = sizeof(alloc), .flags = flags, .dev_id = device, .pt_id = pt,
        .data_type = IOASIS_HWPT_DATA_PROCESS, .data_len = sizeof(data), .data_uptr = addr(&data)};
    int result = ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc);
    *id = alloc.out_hwpt_id;
    return result;
}

/* returns the PASID by which the device uses this process's pointers */
static inline void sva_bind(int iommu, const struct dmatest *test, uint32_t pasid)
{
    uint32_t hwpt;
    must(hwpt_process_of(iommu, test->device.id, IOMMU_HWPT_ALLOC_PASID, 0, (struct ioasis_hwpt_process){0}, &hwpt));
    must(attach_pasid_of(test->device.fd, pasid, hwpt));
}

/* one channel of a dmatest, whose requests carry the PASID */
static inline struct dmatest sva_channel(const struct dmatest *test, unsigned number, uint32_t pasid)
{
    struct dmatest channel = *test;
    channel.registers.offset += number * DMATEST_CHANNEL;
    if (channel.registers.memory)
        channel.registers.memory += number * DMATEST_CHANNEL;
    bar_write32(&channel.registers, DMATEST_PASID, DMATEST_PASID_ENABLE | pasid);
    return channel;
}

#endif
