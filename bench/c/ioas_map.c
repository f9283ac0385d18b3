/* SPDX-License-Identifier: MIT */
/*
 * Maps and unmaps pages one by one in an IOAS that a device uses, and for comparison makes as many calls that do
 * nothing. The pages are of one file in memory, of one file of huge pages (whose pages are mapped 4 KiB at a time), or
 * private.
 * usage: ioas_map ADDRESS PAGES (private|memfd|huge)...
 */
#include "device.h"

#define IOVA 0x100000000UL

static uint32_t ioas;

static void nothing(int iommu)
{
    struct iommu_iova_range range;
    struct iommu_ioas_iova_ranges ranges = {
        .size = sizeof(ranges), .ioas_id = ioas, .num_iovas = 0, .allowed_iovas = (uintptr_t)&range};
    require(ioctl(iommu, IOMMU_IOAS_IOVA_RANGES, &ranges) && errno == EMSGSIZE, "IOMMU_IOAS_IOVA_RANGES");
}

static void tell(const char *what, const char *kind, double start, long pages)
{
    char name[80];
    snprintf(name, sizeof(name), "%s, %s", what, kind);
    printf("%-52s %.0f ns\n", name, (now() - start) / (double)pages);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    require(argc > 3, "usage: ioas_map ADDRESS PAGES (private|memfd|huge)...");
    long pages = strtol(argv[2], NULL, 0);
    int iommu = open("/dev/iommu", O_RDWR), device = open_device(argv[1], iommu);
    ioas = attach_to_new_ioas(device, iommu);
    for (int i = 3; i < argc; i++) {
        uint8_t *memory = allocate(argv[i], (size_t)pages * PAGE);
        double start = now();
        for (long page = 0; page < pages; page++)
            nothing(iommu);
        tell("a call that does nothing", argv[i], start, pages);
        start = now();
        for (long page = 0; page < pages; page++) /* in no order that could be mapped as one */
            map(iommu, ioas, memory + (size_t)(page * 769 % pages) * PAGE, PAGE, IOVA + (uint64_t)page * 2 * PAGE);
        tell("IOAS_MAP of a page", argv[i], start, pages);
        start = now();
        for (long page = 0; page < pages; page++) {
            struct iommu_ioas_unmap unmap = {
                .size = sizeof(unmap), .ioas_id = ioas, .iova = IOVA + (uint64_t)page * 2 * PAGE, .length = PAGE};
            require(!ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap), "IOMMU_IOAS_UNMAP");
        }
        tell("IOAS_UNMAP of a page", argv[i], start, pages);
        munmap(memory, (size_t)pages * PAGE);
    }
    return 0;
}
