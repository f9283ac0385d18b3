/* SPDX-License-Identifier: MIT */
/*
 * A program that takes one kind of resource until it is refused. The refusal is an errno, another program is served
 * meanwhile, and released resources can be taken again.
 * usage: hoard BDF-of-a-dmatest KIND
 */
#include "sva_node.h"
#include <sys/wait.h>

enum { MOST = 3000000 };

static int iommu, sva;
static uint32_t ioas;
static uint64_t next_iova;
static uint64_t distance;
static void *page;

/* one more of each kind */

static int take_ioas(void)
{
    struct iommu_ioas_alloc arguments = {.size = sizeof(arguments)};
    return ioctl(iommu, IOMMU_IOAS_ALLOC, &arguments);
}

static int take_mapping(void)
{
    next_iova += distance;
    return map_at(iommu, ioas, page, PAGE, next_iova, RW);
}

static void *page_of_a_memfd(void)
{
    int file = must(memfd_create("hoard", 0));
    must(ftruncate(file, PAGE));
    void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    expect(mapped != MAP_FAILED);
    return mapped;
}

/* a file has a quota, so it uses many; they are closed when the program ends */
static int take_pasid(void)
{
    if (sva_alloc(sva, 1, 0xfffff) >= 0)
        return 0;
    if (errno != ENOMEM)
        return -1;
    sva = open_sva();
    return sva_alloc(sva, 1, 0xfffff) >= 0 ? 0 : -1;
}

static long take_all(int (*take)(void), int wanted)
{
    long count = 0;
    while (count < MOST && !take())
        count++;
    if (count == MOST)
        fail("expected a refusal before the %dth", MOST);
    expect_eq(errno, wanted);
    return count;
}

/* a new program, which holds nothing yet */
static void another_is_served(void)
{
    pid_t child = must(fork());
    if (!child) {
        ioas_alloc(open_iommu());
        int64_t pasid = must(sva_alloc(open_sva(), 1, 0xfffff));
        expect(pasid > 0);
        exit(0);
    }
    int status;
    must(waitpid(child, &status, 0));
    expect_eq(status, 0);
}

static void unmap_all(void)
{
    must(unmap(iommu, ioas, 0, UINT64_MAX));
    next_iova = 1UL << 32;
}

static void report(const char *what, long first, long second)
{
    another_is_served();
    if (second < first / 10 * 9)
        fail("expected about %ld %s again, came %ld", first, what, second);
    printf("%s: %ld, and %ld again: ok\n", what, first, second);
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "the address of a dmatest");
    const char *kind = argument(argc, argv, 2, "ioas, mapping, device, memfd, far or pasid");
    iommu = open_iommu();
    page = strcmp(kind, "memfd") ? pages(1) : page_of_a_memfd();
    *(char *)page = 1;
    next_iova = 1UL << 32;
    distance = 2 * PAGE;
    if (!strcmp(kind, "pasid")) {
        sva = open_sva();
        long first = take_all(take_pasid, ENOSPC);
        another_is_served();
        printf("pasid: %ld: ok\n", first);
    } else if (!strcmp(kind, "ioas")) {
        long first = take_all(take_ioas, ENOMEM);
        another_is_served();
        must(close(iommu));
        iommu = open_iommu();
        report(kind, first, take_all(take_ioas, ENOMEM));
    } else {
        ioas = ioas_alloc(iommu);
        if (strcmp(kind, "mapping")) {
            struct device device = open_device(bdf, iommu);
            uint32_t hwpt = ioas;
            must(attach(device.fd, &hwpt));
        }
        if (!strcmp(kind, "far"))
            distance = 1UL << 30;
        long first = take_all(take_mapping, ENOMEM);
        another_is_served();
        unmap_all();
        report(kind, first, take_all(take_mapping, ENOMEM));
    }
    printf("hoard: all as it must be\n");
    return 0;
}
