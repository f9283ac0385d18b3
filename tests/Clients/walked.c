/* SPDX-License-Identifier: MIT */
/*
 * Has a page mapped for a device, and waits for the end of its input. For tests that look at programs from outside.
 * usage: walked BDF
 */
#include "dmatest.h"

int main(int argc, char **argv)
{
    int iommu = open_iommu();
    struct dmatest test = open_dmatest(argument(argc, argv, 1, "BDF of a dmatest"), iommu, BY_PIO);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char byte;

    must(attach(test.device.fd, &pt));
    bus_master(&test.device, true);
    must(map_at(iommu, ioas, page, PAGE, 0x10000, IOMMU_IOAS_MAP_READABLE));
    expect_dma(&test, 0x10000, 64, DMATEST_TO_DEVICE);
    expect_fault(&test, 0x20000, 64, 0, NOT_MAPPED);
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}
