/* SPDX-License-Identifier: MIT */
/*
 * Cost of mapping a page and unmapping it to the calling program, in nanoseconds, under `ioasis run`.
 * usage: map_storm [PAIRS]
 */
#include "common.h"
#include <fcntl.h>
#include <linux/iommufd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define ROUNDS 7

int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 10000;
    int fd = open("/dev/iommu", O_RDWR);
    struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (fd < 0 || page == MAP_FAILED || ioctl(fd, IOMMU_IOAS_ALLOC, &alloc)) {
        perror("map_storm");
        return 1;
    }

    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int i = 0; i < pairs; i++) {
            struct iommu_ioas_map map = {.size = sizeof(map), .ioas_id = alloc.out_ioas_id, .iova = 0x10000,
                .length = PAGE, .user_va = (uintptr_t)page,
                .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE};
            struct iommu_ioas_unmap unmap = {.size = sizeof(unmap), .ioas_id = alloc.out_ioas_id, .iova = 0x10000,
                .length = PAGE};
            if (ioctl(fd, IOMMU_IOAS_MAP, &map) || ioctl(fd, IOMMU_IOAS_UNMAP, &unmap)) {
                perror("map_storm");
                return 1;
            }
        }
        double each = (now() - start) / pairs;
        if (each < best)
            best = each;
    }
    printf("map and unmap of a page: %.0f ns (best of %d x %d)\n", best, ROUNDS, pairs);
    return 0;
}
