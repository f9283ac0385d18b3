/* SPDX-License-Identifier: MIT */
/*
 * Makes one mistake with DMA; with "right" does the same without it. For tests of `ioasis run --check`.
 * usage: checked BDF MISTAKE [right|waits] (a dmatest)
 */
#include "dmatest.h"

#define IOVA 0x200000

static int iommu;
static uint32_t ioas;
static struct dmatest test;
static uint8_t *memory;
static bool right;

static void set_up(const char *bdf, enum how how)
{
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    test = open_dmatest(bdf, iommu, how);
    memory = pages(2);
    uint32_t pt = ioas;
    must(attach(test.device.fd, &pt));
}

static void map_memory(uint32_t access)
{
    must(map_at(iommu, ioas, memory, PAGE, IOVA, access));
}

static void dma_unmapped(void)
{
    map_memory(RW);
    dma(&test, right ? IOVA : IOVA + PAGE, 64, 0);
}

static void dma_after_unmap(void)
{
    map_memory(RW);
    if (right)
        dma(&test, IOVA, 64, 0);
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
    if (!right)
        dma(&test, IOVA + 0x40, 64, 0);
}

static void dma_after_detach(void)
{
    map_memory(RW);
    if (right)
        dma(&test, IOVA, 64, 0);
    must(detach(test.device.fd));
    if (!right)
        dma(&test, IOVA, 64, 0);
}

static void dma_no_permission(void)
{
    map_memory(right ? RW : IOMMU_IOAS_MAP_READABLE);
    dma(&test, IOVA, 64, 0);
}

static void dma_into_freed_memory(void)
{
    map_memory(RW);
    if (!right)
        must(munmap(memory, 2 * PAGE));
    dma(&test, IOVA, 64, 0);
}

static void dma_no_bus_master(void)
{
    map_memory(RW);
    if (!right)
        bus_master(&test.device, false);
    dma(&test, IOVA, 64, 0);
}

static const struct mistake {
    const char *name;
    void (*make)(void);
} mistakes[] = {
    {"dma-unmapped", dma_unmapped},
    {"dma-after-unmap", dma_after_unmap},
    {"dma-after-detach", dma_after_detach},
    {"dma-no-permission", dma_no_permission},
    {"dma-into-freed-memory", dma_into_freed_memory},
    {"dma-no-bus-master", dma_no_bus_master},
};

int main(int argc, char **argv)
{
    bool waits;
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest"), *name = argument(argc, argv, 2, "a mistake");
    right = argc > 3 && !strcmp(argv[3], "right");
    waits = argc > 3 && !strcmp(argv[3], "waits"); /* to be killed */
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        if (strcmp(mistakes[i].name, name))
            continue;
        set_up(bdf, BY_PIO);
        mistakes[i].make();
        while (waits)
            pause();
        printf("%s: %s\n", name, right ? "right" : "made");
        return 0;
    }
    fprintf(stderr, "there is no mistake %s\n", name);
    return 2;
}
