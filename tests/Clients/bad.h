/* SPDX-License-Identifier: MIT */
/*
 * For programs that pass wrong arguments: each call must fail with Linux's errno and change nothing. A program tries
 * everything before it fails, so that one run reports every difference.
 */
#ifndef BAD_H
#define BAD_H

#include <stddef.h>

#include "client.h"

#define DIRTY 0xa5

static int iommu, cdev, tried, wrong;
static struct device device;
static uint32_t ioas, hwpt, second; /* second: an IOAS that nothing is attached to */
static uint8_t *memory;             /* mapped at MAPPED in both */
#define MAPPED 0x10000

/* two pages; the second is inaccessible */
static uint8_t *edge;

static inline void note(int line, const char *what, const char *expected)
{
    wrong++;
    fflush(stdout);
    fprintf(stderr, "%s.c:%d: %s: expected %s\n", program_invocation_short_name, line, what, expected);
}

static inline void check(int line, const char *what, long result, int wanted)
{
    int came = result == -1 ? errno : 0;
    tried++;
    if (came != wanted) {
        char expected[64];
        snprintf(expected, sizeof(expected), "%s, came %s", error_name(wanted), error_name(came));
        note(line, what, expected);
    }
}
#define TRY(what, call, wanted)                                                               \
    do {                                                                                      \
        errno = 0;                                                                            \
        long result_ = (long)(call);                                                          \
        check(__LINE__, what, result_, wanted);                                               \
    } while (0)

/* A refused call must change nothing: the set of IOASes, their ranges, mappings, attachments. */
static inline void unchanged(const char *after)
{
    struct iommu_iova_range ranges[8];
    int found = 0;
    for (uint32_t id = 1; id < 64; id++) {
        struct iommu_option option = {
            .size = sizeof(option), .option_id = IOMMU_OPTION_HUGE_PAGES, .op = IOMMU_OPTION_OP_GET, .object_id = id};
        found += !ioctl(iommu, IOMMU_OPTION, &option) && option.val64 == 1;
    }
    bool same = found == 2 && iova_ranges(iommu, second, ranges, 8) == 1 && iova_ranges(iommu, ioas, ranges, 8) == 2;
    for (int i = 0; same && i < 2; i++) {
        uint32_t id = i ? second : ioas;
        same = map_at(iommu, id, memory, PAGE, MAPPED, RW) == -1 && errno == EEXIST;
        /* the one page is the only mapping, and still an area of its own */
        same = same && unmap(iommu, id, 0, UINT64_MAX) == (int64_t)PAGE &&
            map_at(iommu, id, memory, PAGE, MAPPED, RW) == 0;
    }
    same = same && destroy(iommu, ioas) == -1 && errno == EBUSY && destroy(iommu, hwpt) == -1 && errno == EBUSY;
    tried++;
    if (!same)
        note(__LINE__, after, "nothing to change, something did");
}

/* two IOASes, the device attached to the first, one page mapped in both */
static inline void set_up_iommu(void)
{
    edge = pages(2);
    must(mprotect(edge + PAGE, PAGE, PROT_NONE));
    memory = pages(1);
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    second = ioas_alloc(iommu);
}

static inline void set_up_device(int fd)
{
    device = device_from(fd, iommu);
    cdev = device.fd;
    hwpt = ioas;
    must(attach(cdev, &hwpt));
    must(map_at(iommu, ioas, memory, PAGE, MAPPED, RW));
    must(map_at(iommu, second, memory, PAGE, MAPPED, RW));
    unchanged("the start");
}

static inline int verdict(void)
{
    printf("%s: %d tried, %d not as they must be\n", program_invocation_short_name, tried, wrong);
    return wrong != 0;
}

#endif
