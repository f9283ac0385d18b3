/* SPDX-License-Identifier: MIT */
/*
 * Cost of one ioctl to the calling program, in nanoseconds: IOMMU_IOAS_IOVA_RANGES with 40 bytes. Runs under `ioasis
 * run` and under ./supervisor. Without /dev/iommu any file will do, because the supervisor checks only the ioctl's
 * number.
 * usage: roundtrip [CALLS]
 */
#include "common.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define ROUNDS 7

int main(int argc, char **argv)
{
    int calls = argc > 1 ? atoi(argv[1]) : 20000;
    int fd = open("/dev/iommu", O_RDWR);
    if (fd < 0)
        fd = open("/dev/null", O_RDWR);
    struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
    uint32_t ioas = ioctl(fd, IOMMU_IOAS_ALLOC, &alloc) ? 1 : alloc.out_ioas_id;
    struct {
        struct iommu_ioas_iova_ranges ranges;
        uint64_t tail;
    } argument = {.ranges = {.size = sizeof(argument), .ioas_id = ioas}};

    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int i = 0; i < calls; i++) {
            argument.ranges.num_iovas = 0;
            if (ioctl(fd, IOMMU_IOAS_IOVA_RANGES, &argument) != -1 || errno != EMSGSIZE ||
                argument.ranges.num_iovas != 1) {
                fprintf(stderr, "roundtrip: expected EMSGSIZE and one range, came errno %d and %u\n", errno,
                    argument.ranges.num_iovas);
                return 1;
            }
        }
        double each = (now() - start) / calls;
        if (each < best)
            best = each;
    }
    printf("ioctl round trip: %.0f ns (best of %d x %d)\n", best, ROUNDS, calls);
    return 0;
}
