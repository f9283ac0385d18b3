/* SPDX-License-Identifier: MIT */
/* A minimal driver of an mdev of a DSA, whose configuration its host has fixed: one queue of one group. */
#ifndef DSA_H
#define DSA_H

#include "client.h"
#include <linux/idxd.h>

#define DSA_MODEL 0x0b25
#define DSA_WQ_PASID (1u << 28) /* of WQCFG's mode: each descriptor of a shared queue has a PASID */

enum dsa_register { /* BAR0 */
    DSA_GENCAP = 0x10,
    DSA_WQCAP = 0x20,
    DSA_GENSTS = 0x90,
    DSA_CMD = 0xa0,
    DSA_CMDSTS = 0xa8,
    DSA_SWERR = 0xc0,
    DSA_MSIXPERM = 0x300,
    DSA_WQCFG_MODE = 0x508,
};

enum dsa_command {
    DSA_ENABLE_DEVICE = 1, DSA_DRAIN_ALL = 3, DSA_ENABLE_WQ = 6, DSA_DRAIN_WQ = 8, DSA_DRAIN_PASID = 11,
    DSA_REQUEST_HANDLE = 13,
};

struct dsa {
    struct device device;
    struct bar registers, portal;
};

/* CMDSTS after the command: its error, and its result above that */
static inline uint32_t dsa_command(const struct dsa *dsa, enum dsa_command command, uint32_t operand)
{
    bar_write32(&dsa->registers, DSA_CMD, (uint32_t)command << 20 | operand);
    wait_until(!(bar_read32(&dsa->registers, DSA_CMDSTS) >> 31));
    return bar_read32(&dsa->registers, DSA_CMDSTS);
}

static inline struct dsa open_dsa(const char *uuid, int iommu, enum how how)
{
    struct dsa dsa = {.device = open_device(uuid, iommu)};
    expect_eq(dsa.device.model, DSA_MODEL);
    dsa.registers = open_bar(&dsa.device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
    dsa.portal = open_bar(&dsa.device, VFIO_PCI_BAR2_REGION_INDEX, how);
    expect_eq(dsa.portal.size, 2 * PAGE);
    return dsa;
}

static inline void dsa_enable(const struct dsa *dsa)
{
    expect_eq(dsa_command(dsa, DSA_ENABLE_DEVICE, 0), 0);
    expect_eq(dsa_command(dsa, DSA_ENABLE_WQ, 0), 0);
}

/*
 * Submits as ENQCMD does; 0, or -1 with EAGAIN if the queue is full. In a mapping the first 8 bytes are stored last,
 * and nobody is told of a queue that is full.
 */
static inline int dsa_submit(const struct dsa *dsa, const struct dsa_hw_desc *descriptor)
{
    _Static_assert(sizeof(*descriptor) == 64, "one submission");
    if (dsa->portal.memory) {
        memcpy((void *)(dsa->portal.memory + 8), (const char *)descriptor + 8, sizeof(*descriptor) - 8);
        __atomic_store_n((uint64_t *)dsa->portal.memory, *(const uint64_t *)descriptor, __ATOMIC_RELEASE);
        return 0;
    }
    ssize_t written = pwrite(dsa->portal.fd, descriptor, sizeof(*descriptor), (off_t)dsa->portal.offset);
    if (written >= 0)
        expect_eq(written, sizeof(*descriptor));
    return written < 0 ? -1 : 0;
}

static inline uint8_t dsa_wait(const volatile struct dsa_completion_record *record)
{
    wait_until(__atomic_load_n(&record->status, __ATOMIC_ACQUIRE));
    return record->status;
}

/* the status of the first error that no record could tell, which is acknowledged */
static inline uint8_t dsa_error(const struct dsa *dsa)
{
    wait_until(bar_read64(&dsa->registers, DSA_SWERR) & 1);
    uint8_t status = (uint8_t)(bar_read64(&dsa->registers, DSA_SWERR) >> 8);
    bar_write64(&dsa->registers, DSA_SWERR, 3);
    return status;
}

static inline struct dsa_hw_desc dsa_move(
    uint32_t pasid, const void *from, void *to, uint32_t length, struct dsa_completion_record *record)
{
    memset(record, 0, sizeof(*record));
    return (struct dsa_hw_desc){.pasid = pasid,
                                .flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR,
                                .opcode = DSA_OPCODE_MEMMOVE,
                                .completion_addr = addr(record),
                                .src_addr = addr(from),
                                .dst_addr = addr(to),
                                .xfer_size = length};
}

#endif
