/* SPDX-License-Identifier: MIT */
/* QEMU's educational device 1234:11e8, as its specification (docs/specs/edu) describes it. */
#ifndef EDU_H
#define EDU_H

#include "client.h"

#define EDU_MODEL 0x11e8
#define EDU_ID 0x010000ed

enum edu_register {
    EDU_IDENTIFICATION = 0x00,
    EDU_LIVENESS = 0x04, /* reads as the complement of the last write */
    EDU_FACTORIAL = 0x08,
    EDU_STATUS = 0x20, /* bit 0: computing; bit 7: raise bit 0 of the interrupt status when done */
    EDU_IRQ_STATUS = 0x24,
    EDU_IRQ_RAISE = 0x60,
    EDU_IRQ_ACK = 0x64,
    EDU_DMA_SOURCE = 0x80,
    EDU_DMA_DESTINATION = 0x88,
    EDU_DMA_COUNT = 0x90,
    EDU_DMA_COMMAND = 0x98,
    EDU_BUFFER = 0x40000, /* address of the device's own 4 KiB for its DMA engine */
};

enum edu_dma { EDU_DMA_START = 1, EDU_DMA_TO_MEMORY = 2, EDU_DMA_IRQ = 4 };
#define EDU_DMA_IRQ_STATUS 0x100
#define EDU_MOST 4000 /* the buffer has 4096 bytes, but older QEMUs stop with an error if all of them are requested */

static inline void edu_dma_start(const struct bar *bar, uint64_t iova, uint32_t length, uint32_t command)
{
    bool to_memory = command & EDU_DMA_TO_MEMORY;
    bar_write64(bar, EDU_DMA_SOURCE, to_memory ? EDU_BUFFER : iova);
    bar_write64(bar, EDU_DMA_DESTINATION, to_memory ? iova : EDU_BUFFER);
    bar_write64(bar, EDU_DMA_COUNT, length);
    bar_write64(bar, EDU_DMA_COMMAND, command | EDU_DMA_START);
}

static inline void edu_dma(const struct bar *bar, uint64_t iova, uint32_t length, uint32_t command)
{
    edu_dma_start(bar, iova, length, command);
    wait_until(!(bar_read64(bar, EDU_DMA_COMMAND) & EDU_DMA_START));
}

/* copies memory at one IOVA through the device to another, as a driver's first test does */
static inline void edu_copy(const struct bar *bar, uint64_t from, uint64_t to, uint32_t length)
{
    edu_dma(bar, from, length, 0);
    edu_dma(bar, to, length, EDU_DMA_TO_MEMORY);
}

static inline void edu_exercise(const char *bdf, enum how how)
{
    int iommu = open_iommu();
    struct device device = open_device(bdf, iommu);
    expect_eq(device.model, EDU_MODEL);
    struct bar bar = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, how);
    expect_eq(bar.size, 1 << 20);
    uint32_t pt = ioas_alloc(iommu);
    uint32_t ioas = pt;
    must(attach(device.fd, &pt));
    printf("edu at %s: bound as object %u, attached to page table %u of IOAS %u\n", bdf, device.id, pt, ioas);

    expect_eq(bar_read32(&bar, EDU_IDENTIFICATION), EDU_ID);
    printf("identification: ok\n");

    for (uint32_t value = 0x12345678; value; value <<= 4) {
        bar_write32(&bar, EDU_LIVENESS, value);
        if (how == BY_PIO) /* a register acts at once if the write is a call */
            expect_eq(bar_read32(&bar, EDU_LIVENESS), ~value);
        wait_until(bar_read32(&bar, EDU_LIVENESS) == ~value);
    }
    printf("liveness: ok\n");

    uint32_t factorial = 1;
    /* never the last result: through a mapping, a store that changes nothing is invisible */
    for (uint32_t value = 4; value <= 12; value += 4) {
        factorial = 1;
        for (uint32_t i = 2; i <= value; i++)
            factorial *= i;
        bar_write32(&bar, EDU_FACTORIAL, value);
        wait_until(!(bar_read32(&bar, EDU_STATUS) & 1) && bar_read32(&bar, EDU_FACTORIAL) == factorial);
    }
    printf("factorial: 12! = %u: ok\n", factorial);

    uint8_t *memory = pages(4);
    fill(memory, PAGE, 1);
    must(map_at(iommu, ioas, memory, 4 * PAGE, 0x100000, RW));
    edu_copy(&bar, 0x100000, 0x100000 + PAGE, EDU_MOST);
    expect_filled(memory, PAGE, 1);
    expect_filled(memory + PAGE, EDU_MOST, 1);
    for (size_t i = PAGE + EDU_MOST; i < 2 * PAGE; i++)
        expect_eq(memory[i], 0);
    /* across a page, from and to odd offsets */
    fill(memory + 2 * PAGE, PAGE, 2);
    edu_copy(&bar, 0x100000 + 2 * PAGE, 0x100000 + PAGE - 1001, 2003);
    expect_filled(memory + PAGE - 1001, 2003, 2);
    expect_filled(memory, PAGE - 1001, 1);
    printf("DMA both ways: ok\n");

    expect_eq(unmap(iommu, ioas, 0x100000, 4 * PAGE), 4 * PAGE);
    must(detach(device.fd));
    must(destroy(iommu, ioas));
    must(close(device.fd));
    must(close(iommu));
    printf("edu by %s: all as it must be\n", how == BY_MMAP ? "mmap" : "pread/pwrite");
}

#endif
