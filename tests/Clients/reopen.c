/* SPDX-License-Identifier: MIT */
/*
 * A file that can be open only once can be reopened as soon as it is closed: a device by its node and by its group in
 * turn.
 * usage: reopen BDF ROUNDS
 */
#include "client.h"

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a device");
    int rounds = atoi(argument(argc, argv, 2, "how many rounds"));
    char link[64], target[256], group[32];
    snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", bdf);
    ssize_t length = must(readlink(link, target, sizeof(target) - 1));
    target[length] = 0;
    snprintf(group, sizeof(group), "/dev/vfio/%s", strrchr(target, '/') + 1);
    int iommu = open_iommu();
    for (int round = 0; round < rounds; round++) {
        struct device device = open_device(bdf, iommu);
        must(close(device.fd));
        int file = must(open(group, O_RDWR | O_CLOEXEC));
        must(close(file));
        file = must(open(group, O_RDWR | O_CLOEXEC));
        must(close(file));
    }
    printf("reopen: all as it must be\n");
    return 0;
}
