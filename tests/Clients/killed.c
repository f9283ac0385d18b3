/* SPDX-License-Identifier: MIT */
/*
 * usage: killed hold BDF     starts a long DMA, prints "holding" and waits to be killed
 *        killed check BDF    finds everything free: the device binds, is idle, and does DMA
 */
#include "engine.h"

static void hold(const char *bdf)
{
    int iommu = open_iommu(), event = new_eventfd(), file = must(memfd_create("killed", 0));
    uint32_t ioas = ioas_alloc(iommu);
    struct engine engine = open_engine(bdf, iommu, ioas);
    uint8_t *memory = pages(4);
    must(map_at(iommu, ioas, memory, 4 * PAGE, 0x10000, RW));
    must(ftruncate(file, 4 * PAGE));
    struct iommu_ioas_map_file map = {
        .size = sizeof(map), .flags = RW, .ioas_id = ioas, .fd = file, .length = 4 * PAGE};
    must(ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map));
    must(set_irqs(engine.device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    open_bar(&engine.device, VFIO_PCI_BAR0_REGION_INDEX, BY_MMAP); /* one more mapping that must go */
    if (engine.is_edu) {
        edu_dma_start(&engine.edu, 0x10000, ENGINE_MOST, EDU_DMA_TO_MEMORY);
    } else {
        const struct dmatest *test = &engine.dmatest;
        uint8_t one = 1;
        buffer_write(test, 0, &one, 1);
        bar_write32(&test->registers, DMATEST_VECTOR, 0);
        /* the first chunk comes soon, to show that it is under way */
        bar_write32(&test->registers, DMATEST_PAUSE, 100);
        dma_start(test, 0x10000, 64, 0);
        wait_until(*(volatile uint8_t *)memory == 1);
        expect_eq(dma_wait(test), DONE);
        bar_write32(&test->registers, DMATEST_PAUSE, 60 * 1000 * 1000); /* would take an hour */
        dma_start(test, 0x10000, 4096, 0);
    }
    printf("holding\n");
    fflush(stdout);
    for (;;)
        pause();
}

static void check(const char *bdf)
{
    int iommu = open_iommu();
    struct engine engine = engine_from(open_device(bdf, iommu));
    if (engine.is_edu) {
        /* if it cannot be reset, as on hardware, its last transfer ends by itself */
        wait_until(!(bar_read64(&engine.edu, EDU_DMA_COMMAND) & EDU_DMA_START));
    } else {
        expect_eq(bar_read32(&engine.dmatest.registers, DMATEST_COMMAND) & DMATEST_START, 0);
        bar_write32(&engine.dmatest.registers, DMATEST_PAUSE, 0);
        bar_write32(&engine.dmatest.registers, DMATEST_VECTOR, DMATEST_NO_VECTOR);
        expect_fault(&engine.dmatest, 0x10000, 64, 0, BLOCKED); /* the attachment is gone too */
    }
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(engine.device.fd, &pt));
    uint8_t *memory = pages(2);
    fill(memory, PAGE, 1);
    must(map_at(iommu, ioas, memory, 2 * PAGE, 0x10000, RW));
    engine_copy(&engine, 0x10000, 0x10000 + PAGE, ENGINE_MOST);
    expect_filled(memory + PAGE, ENGINE_MOST, 1);
    printf("free\n");
}

int main(int argc, char **argv)
{
    const char *verb = argument(argc, argv, 1, "hold or check"), *bdf = argument(argc, argv, 2, "BDF");
    if (!strcmp(verb, "hold"))
        hold(bdf);
    check(bdf);
    return 0;
}
