/* SPDX-License-Identifier: MIT */
/*
 * Does what its input says, a line at a time, and answers each line with "done" and the line. It says "ready" and its
 * process ID before. For pages that show a machine with very many maps.
 * usage: watched BDF MAPS
 *
 *     map N      maps N pages more, in the pattern of the first MAPS
 *     unmap N    unmaps as many of the last ones
 *     dma N      N times the device reads a page that is mapped, and writes another
 *     fault N    the device reads and writes N addresses that are not mapped
 *     forbid N   the device writes N pages that it may only read
 *     refuse N   N calls that are refused
 */
#include "dmatest.h"

#define IOVA 0x10000000UL
#define CLUSTER 1000
#define BETWEEN_CLUSTERS 0x40000000UL /* so a look at the whole shows gaps, and a look at a cluster as well */

static const uint32_t accesses[] = {IOMMU_IOAS_MAP_READABLE, IOMMU_IOAS_MAP_WRITEABLE, RW};

static uint64_t place(size_t map)
{
    return IOVA + map / CLUSTER * BETWEEN_CLUSTERS + map % CLUSTER * 2 * PAGE;
}

static void map_more(int iommu, uint32_t ioas, void *page, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        must(map_at(iommu, ioas, page, PAGE, place(i), accesses[i % 3]));
}

static uint32_t tracked(int iommu, uint32_t device, uint32_t ioas)
{
    struct iommu_hwpt_alloc hwpt = {
        .size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, .dev_id = device, .pt_id = ioas};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
    struct iommu_hwpt_set_dirty_tracking on = {
        .size = sizeof(on), .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE, .hwpt_id = hwpt.out_hwpt_id};
    must(ioctl(iommu, IOMMU_HWPT_SET_DIRTY_TRACKING, &on));
    return hwpt.out_hwpt_id;
}

int main(int argc, char **argv)
{
    int iommu = open_iommu();
    struct dmatest test = open_dmatest(argument(argc, argv, 1, "BDF of a dmatest"), iommu, BY_PIO);
    size_t maps = strtoul(argument(argc, argv, 2, "MAPS"), NULL, 0);
    uint32_t ioas = ioas_alloc(iommu), pt = tracked(iommu, test.device.id, ioas);
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char line[64], verb[16];
    size_t count;

    expect(page != MAP_FAILED && maps >= 3);
    must(attach(test.device.fd, &pt));
    bus_master(&test.device, true);
    map_more(iommu, ioas, page, 0, maps);
    printf("ready %d\n", getpid());
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        expect(sscanf(line, "%15s %zu", verb, &count) == 2);
        if (!strcmp(verb, "map")) {
            map_more(iommu, ioas, page, maps, count);
            maps += count;
        } else if (!strcmp(verb, "unmap")) {
            for (size_t i = 0; i < count; i++)
                expect_eq(unmap(iommu, ioas, place(--maps), PAGE), PAGE);
        } else {
            for (size_t i = 0; i < count; i++) {
                if (!strcmp(verb, "dma")) {
                    expect_dma(&test, place(i * 3 % maps / 3 * 3), 256, DMATEST_TO_DEVICE);
                    expect_dma(&test, place(i * 3 % maps / 3 * 3 + 1), 256, 0);
                } else if (!strcmp(verb, "fault")) {
                    expect_fault(&test, IOVA / 2 + i * PAGE, 64, i % 2 ? DMATEST_TO_DEVICE : 0, NOT_MAPPED);
                } else if (!strcmp(verb, "forbid")) {
                    expect_fault(&test, place(i * 3 % maps / 3 * 3), 64, 0, NO_PERMISSION);
                } else {
                    expect(!strcmp(verb, "refuse"));
                    expect_errno(map_at(iommu, ioas, page, PAGE, place(0), RW), EEXIST);
                }
            }
        }
        printf("done %s", line);
        fflush(stdout);
    }
    return 0;
}
