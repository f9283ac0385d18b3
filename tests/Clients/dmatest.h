/* SPDX-License-Identifier: MIT */
/* dmatest 1234:11e9: a DMA engine, a buffer that the program can see, and a reason for every fault. */
#ifndef DMATEST_H
#define DMATEST_H

#include "client.h"

#define DMATEST_MODEL 0x11e9
#define DMATEST_VF_MODEL 0x11ea /* a virtual function of one: the same kind of device */
#define DMATEST_MDEV_MODEL 0x11eb /* an mdev: one channel */

enum dmatest_register { /* BAR0 */
    DMATEST_IOVA = 0x00,
    DMATEST_COMMAND = 0x08,
    DMATEST_LENGTH = 0x10,
    DMATEST_STATUS = 0x14,
    DMATEST_REASON = 0x18,
    DMATEST_VECTOR = 0x1c,
    DMATEST_COMPLETED = 0x20,
    DMATEST_PAUSE = 0x28, /* microseconds before each chunk of 64 bytes: keeps a DMA in flight */
    DMATEST_PASID = 0x2c,
    DMATEST_PIECE = 0x44, /* bytes per access */
    DMATEST_ACCESSES = 0x68,
    DMATEST_REPEAT = 0x70,
    DMATEST_CHANNEL = 0x100, /* distance between the registers of two channels */
};
#define DMATEST_START 1      /* and busy */
#define DMATEST_TO_DEVICE 2  /* memory to the buffer; without it buffer to memory */
#define DMATEST_NO_VECTOR 0xffffffffu
#define DMATEST_PASID_ENABLE 0x80000000u

enum dmatest_status { IDLE, DONE, FAULT, BAD_LENGTH };
enum dmatest_reason {
    NO_FAULT, BLOCKED, NOT_MAPPED, NO_PERMISSION, MEMORY_GONE, BUS_MASTER_OFF, BEYOND_WIDTH, DEVICE_MASK
};

struct dmatest {
    struct device device;
    struct bar registers, buffer;
};

static inline struct dmatest dmatest_from(struct device device, enum how how)
{
    expect(device.model == DMATEST_MODEL || device.model == DMATEST_VF_MODEL || device.model == DMATEST_MDEV_MODEL);
    struct dmatest test = {.device = device};
    test.registers = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, how);
    test.buffer = open_bar(&device, VFIO_PCI_BAR2_REGION_INDEX, how);
    expect_eq(test.registers.size, PAGE);
    expect_eq(test.buffer.size, PAGE);
    return test;
}

static inline struct dmatest open_dmatest(const char *bdf, int iommu, enum how how)
{
    return dmatest_from(open_device(bdf, iommu), how);
}

static inline void buffer_write(const struct dmatest *test, size_t at, const void *bytes, size_t length)
{
    if (test->buffer.memory)
        memcpy((void *)(test->buffer.memory + at), bytes, length);
    else
        expect_eq(pwrite(test->device.fd, bytes, length, (off_t)(test->buffer.offset + at)), length);
}

static inline void buffer_read(const struct dmatest *test, size_t at, void *bytes, size_t length)
{
    if (test->buffer.memory)
        memcpy(bytes, (const void *)(test->buffer.memory + at), length);
    else
        expect_eq(pread(test->device.fd, bytes, length, (off_t)(test->buffer.offset + at)), length);
}

static inline void dma_start(const struct dmatest *test, uint64_t iova, uint32_t length, uint32_t direction)
{
    bar_write64(&test->registers, DMATEST_IOVA, iova);
    bar_write32(&test->registers, DMATEST_LENGTH, length);
    bar_write32(&test->registers, DMATEST_COMMAND, DMATEST_START | direction);
}

static inline uint32_t dma_wait(const struct dmatest *test)
{
    wait_until(!(bar_read32(&test->registers, DMATEST_COMMAND) & DMATEST_START));
    return bar_read32(&test->registers, DMATEST_STATUS);
}

static inline uint32_t dma(const struct dmatest *test, uint64_t iova, uint32_t length, uint32_t direction)
{
    dma_start(test, iova, length, direction);
    return dma_wait(test);
}

#define expect_dma(test, iova, length, direction)                                             \
    do {                                                                                      \
        uint32_t status_ = dma((test), (iova), (length), (direction));                        \
        if (status_ != DONE)                                                                  \
            fail("expected the DMA at 0x%" PRIx64 " to be done, came status %u, reason %u", (uint64_t)(iova), status_, \
                 bar_read32(&(test)->registers, DMATEST_REASON));                             \
        expect_eq(bar_read32(&(test)->registers, DMATEST_REASON), NO_FAULT);                  \
    } while (0)

#define expect_fault(test, iova, length, direction, reason)                                   \
    do {                                                                                      \
        expect_eq(dma((test), (iova), (length), (direction)), FAULT);                         \
        expect_eq(bar_read32(&(test)->registers, DMATEST_REASON), (reason));                  \
    } while (0)

static inline void dmatest_exercise(const char *bdf, enum how how)
{
    int iommu = open_iommu();
    struct dmatest test = open_dmatest(bdf, iommu, how);
    const struct bar *registers = &test.registers;
    static uint8_t bytes[4096];

    if (test.device.info.flags & VFIO_DEVICE_FLAGS_RESET) {
        bar_write32(registers, DMATEST_LENGTH, 64);
        bar_write32(registers, DMATEST_VECTOR, 3);
        must(ioctl(test.device.fd, VFIO_DEVICE_RESET));
        bus_master(&test.device, true);
    }
    expect_eq(bar_read32(registers, DMATEST_COMMAND), 0);
    expect_eq(bar_read32(registers, DMATEST_LENGTH), 4096);
    expect_eq(bar_read32(registers, DMATEST_STATUS), IDLE);
    expect_eq(bar_read32(registers, DMATEST_REASON), NO_FAULT);
    expect_eq(bar_read32(registers, DMATEST_VECTOR), DMATEST_NO_VECTOR);
    expect_eq(bar_read32(registers, DMATEST_PAUSE), 0);
    printf("registers after reset: ok\n");

    /* to the program the buffer is plain memory */
    fill(bytes, sizeof(bytes), 4);
    buffer_write(&test, 0, bytes, sizeof(bytes));
    memset(bytes, 0, sizeof(bytes));
    buffer_read(&test, 0, bytes, sizeof(bytes));
    expect_filled(bytes, sizeof(bytes), 4);

    /* nothing attached: every access is refused */
    expect_fault(&test, 0x100000, 64, DMATEST_TO_DEVICE, BLOCKED);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(test.device.fd, &pt));
    expect_fault(&test, 0x100000, 64, DMATEST_TO_DEVICE, NOT_MAPPED);

    uint8_t *memory = pages(4);
    must(map_at(iommu, ioas, memory, 4 * PAGE, 0x100000, RW));
    uint64_t completed = bar_read64(registers, DMATEST_COMPLETED);
    fill(memory, 4096, 5);
    expect_dma(&test, 0x100000, 4096, DMATEST_TO_DEVICE);
    buffer_read(&test, 0, bytes, sizeof(bytes));
    expect_filled(bytes, sizeof(bytes), 5);
    fill(bytes, sizeof(bytes), 6);
    buffer_write(&test, 0, bytes, sizeof(bytes));
    expect_dma(&test, 0x100000 + 2 * PAGE, 4096, 0);
    expect_filled(memory + 2 * PAGE, 4096, 6);
    /* odd offsets, across a page */
    for (uint32_t length = 1; length <= 4096; length = length * 3 + 1) {
        fill(memory + 3 * PAGE - length / 2, length, length);
        expect_dma(&test, 0x100000 + 3 * PAGE - length / 2, length, DMATEST_TO_DEVICE);
        expect_dma(&test, 0x100000 + 5, length, 0);
        expect_filled(memory + 5, length, length);
        completed += 2;
    }
    expect_eq(bar_read64(registers, DMATEST_COMPLETED), completed + 2);
    printf("DMA both ways: ok\n");

    expect_eq(dma(&test, 0x100000, 0, DMATEST_TO_DEVICE), BAD_LENGTH);
    expect_eq(dma(&test, 0x100000, 4097, DMATEST_TO_DEVICE), BAD_LENGTH);
    expect_eq(dma(&test, 0x100000, 0xffffffff, 0), BAD_LENGTH);
    /* every status is rewritten by the next command */
    expect_dma(&test, 0x100000, 64, DMATEST_TO_DEVICE);

    /* the end of the mapping, from inside it; and beyond the last address */
    expect_fault(&test, 0x100000 + 4 * PAGE - 64, 65, DMATEST_TO_DEVICE, NOT_MAPPED);
    expect_fault(&test, 0x100000 - 1, 64, 0, NOT_MAPPED);
    expect_eq(dma(&test, UINT64_MAX - 63, 64, DMATEST_TO_DEVICE), FAULT);
    expect_eq(dma(&test, UINT64_MAX - 10, 64, DMATEST_TO_DEVICE), FAULT);
    expect_eq(dma(&test, 1ull << 63, 64, 0), FAULT);

    /* bus master off: no access leaves the device */
    bus_master(&test.device, false);
    expect_fault(&test, 0x100000, 64, DMATEST_TO_DEVICE, BUS_MASTER_OFF);
    bus_master(&test.device, true);
    expect_dma(&test, 0x100000, 64, DMATEST_TO_DEVICE);

    must(detach(test.device.fd));
    expect_fault(&test, 0x100000, 64, DMATEST_TO_DEVICE, BLOCKED);
    printf("faults and their reasons: ok\n");
    printf("dmatest by %s: all as it must be\n", how == BY_MMAP ? "mmap" : "pread/pwrite");
}

#endif
