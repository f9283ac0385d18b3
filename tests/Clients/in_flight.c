/* SPDX-License-Identifier: MIT */
/*
 * When unmap, detach, reset or the last close returns, a DMA that was under way no longer reaches the memory: later
 * writes of the program stay.
 * usage: in_flight BDF (a dmatest)
 */
#include "dmatest.h"

#define IOVA 0x10000

static const char *bdf;
static uint8_t *memory;

static struct dmatest start(int *iommu, uint32_t *ioas)
{
    *iommu = open_iommu();
    *ioas = ioas_alloc(*iommu);
    struct dmatest test = open_dmatest(bdf, *iommu, BY_PIO);
    uint32_t pt = *ioas;
    must(attach(test.device.fd, &pt));
    must(map_at(*iommu, *ioas, memory, PAGE, IOVA, RW));
    uint8_t ones[4096];
    memset(ones, 0xff, sizeof(ones));
    memset(memory, 0, PAGE);
    buffer_write(&test, 0, ones, sizeof(ones));
    bar_write32(&test.registers, DMATEST_PAUSE, 20000); /* 64 chunks: more than a second if not stopped */
    dma_start(&test, IOVA, 4096, 0);
    wait_until(*(volatile uint8_t *)memory == 0xff); /* the first chunk has arrived: it is under way */
    return test;
}

static void expect_stopped(const char *by)
{
    expect(memory[4095] == 0); /* otherwise it was over before, and this proves nothing */
    fill(memory, PAGE, 1);
    printf("%s with a DMA under way: returned\n", by);
}

int main(int argc, char **argv)
{
    bdf = argument(argc, argv, 1, "BDF of a dmatest");
    memory = pages(1);
    int iommu;
    uint32_t ioas;

    struct dmatest test = start(&iommu, &ioas);
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
    expect_stopped("unmap");
    expect_eq(dma_wait(&test), FAULT);
    expect_eq(bar_read32(&test.registers, DMATEST_REASON), NOT_MAPPED);
    expect_filled(memory, PAGE, 1);
    must(close(test.device.fd));
    must(close(iommu));

    test = start(&iommu, &ioas);
    must(detach(test.device.fd));
    expect_stopped("detach");
    expect_eq(dma_wait(&test), FAULT);
    expect_eq(bar_read32(&test.registers, DMATEST_REASON), BLOCKED);
    expect_filled(memory, PAGE, 1);
    must(close(test.device.fd));
    must(close(iommu));

    test = start(&iommu, &ioas);
    uint32_t other = ioas_alloc(iommu), pt = other;
    must(attach(test.device.fd, &pt)); /* an empty one in its place */
    expect_stopped("replace");
    expect_eq(dma_wait(&test), FAULT);
    expect_eq(bar_read32(&test.registers, DMATEST_REASON), NOT_MAPPED);
    expect_filled(memory, PAGE, 1);
    must(close(test.device.fd));
    must(close(iommu));

    test = start(&iommu, &ioas);
    bus_master(&test.device, false);
    expect_stopped("bus master off");
    expect_eq(dma_wait(&test), FAULT);
    expect_eq(bar_read32(&test.registers, DMATEST_REASON), BUS_MASTER_OFF);
    expect_filled(memory, PAGE, 1);
    must(close(test.device.fd));
    must(close(iommu));

    test = start(&iommu, &ioas);
    if (test.device.info.flags & VFIO_DEVICE_FLAGS_RESET) {
        must(ioctl(test.device.fd, VFIO_DEVICE_RESET));
        expect_stopped("reset");
        expect_eq(bar_read32(&test.registers, DMATEST_COMMAND), 0);
        expect_eq(bar_read32(&test.registers, DMATEST_PAUSE), 0);
        expect_filled(memory, PAGE, 1);
    }
    must(close(test.device.fd));
    must(close(iommu));

    /* the next to bind it finds it idle: the close, and its wait, came before */
    test = start(&iommu, &ioas);
    must(close(test.device.fd));
    must(close(iommu));
    iommu = open_iommu();
    test = open_dmatest(bdf, iommu, BY_PIO);
    expect_stopped("close");
    expect_eq(bar_read32(&test.registers, DMATEST_COMMAND) & DMATEST_START, 0);
    expect_filled(memory, PAGE, 1);
    printf("in_flight: all as it must be\n");
    return 0;
}
