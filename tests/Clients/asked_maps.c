/* SPDX-License-Identifier: MIT */
/*
 * Maps and unmaps as often as it is asked to: for a number of its input it maps a page so often, unmaps all of it, and
 * says so; for a negative number it maps one page that stays.
 */
#include "client.h"

int main(void)
{
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    uint8_t *memory = pages(1);
    uint64_t stays = 0x100000000;
    long times;

    printf("ready\n");
    fflush(stdout);
    while (scanf("%ld", &times) == 1) {
        if (times < 0) {
            must(map_at(iommu, ioas, memory, PAGE, stays, RW));
            stays += PAGE;
        }
        for (long i = 0; i < times; i++) {
            must(map_at(iommu, ioas, memory, PAGE, 0x10000, RW));
            must(unmap(iommu, ioas, 0x10000, PAGE));
        }
        printf("done\n");
        fflush(stdout);
    }
    return 0;
}
