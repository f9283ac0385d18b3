/* SPDX-License-Identifier: MIT */
/*
 * A pool of pages of one memfd, each mapped for DMA separately, as DPDK does: more than a process may have descriptors
 * or mappings.
 * usage: many_maps BDF PAGES
 */
#include "dmatest.h"

#define IOVA 0x10000000

static void check(const struct dmatest *test, const uint8_t *pool, size_t page)
{
    uint8_t bytes[64];
    expect_dma(test, IOVA + page * PAGE, sizeof(bytes), DMATEST_TO_DEVICE);
    buffer_read(test, 0, bytes, sizeof(bytes));
    expect(!memcmp(bytes, pool + page * PAGE, sizeof(bytes)));
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    size_t count = strtoul(argument(argc, argv, 2, "PAGES"), NULL, 0);
    int file = must(memfd_create("pool", MFD_CLOEXEC)), iommu = open_iommu();
    must(ftruncate(file, (off_t)(count * PAGE)));
    uint8_t *pool = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    expect(pool != MAP_FAILED);
    for (size_t i = 0; i < count; i++)
        fill(pool + i * PAGE, 64, (uint32_t)i);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;

    /* half before there is a device, half after; alternately by address and as a file */
    struct dmatest test = open_dmatest(bdf, iommu, BY_PIO);
    for (size_t i = 0; i < count; i++) {
        if (i == count / 2)
            must(attach(test.device.fd, &pt));
        struct iommu_ioas_map_file map = {.size = sizeof(map),
                                          .flags = RW | FIXED,
                                          .ioas_id = ioas,
                                          .fd = file,
                                          .start = i * PAGE,
                                          .length = PAGE,
                                          .iova = IOVA + i * PAGE};
        if (i % 2)
            must(ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map));
        else
            must(map_at(iommu, ioas, pool + i * PAGE, PAGE, IOVA + i * PAGE, RW));
    }
    check(&test, pool, 0);
    check(&test, pool, 1);
    check(&test, pool, count / 2);
    check(&test, pool, count - 1);
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), count * PAGE);
    printf("many_maps: all as it must be\n");
    return 0;
}
