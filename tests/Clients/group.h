/* SPDX-License-Identifier: MIT */
/* A device through its group and VFIO's container, as programs used it before each device had a node. */
#ifndef GROUP_H
#define GROUP_H

#include "client.h"

struct group {
    int container, fd;
    const char *bdf;
};

static inline struct group open_group(const char *bdf)
{
    char link[64], target[256], path[64];
    snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", bdf);
    ssize_t length = must(readlink(link, target, sizeof(target) - 1));
    target[length] = 0;
    snprintf(path, sizeof(path), "/dev/vfio/%.32s", strrchr(target, '/') + 1);
    struct group group = {.bdf = bdf};
    group.container = must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
    group.fd = must(open(path, O_RDWR | O_CLOEXEC));
    must(ioctl(group.fd, VFIO_GROUP_SET_CONTAINER, &group.container));
    must(ioctl(group.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
    return group;
}

static inline int group_device(const struct group *group)
{
    return must(ioctl(group->fd, VFIO_GROUP_GET_DEVICE_FD, group->bdf));
}

static inline int group_map(const struct group *group, const void *memory, uint64_t length, uint64_t iova)
{
    struct vfio_iommu_type1_dma_map arguments = {.argsz = sizeof(arguments),
                                                 .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                                                 .vaddr = addr(memory),
                                                 .iova = iova,
                                                 .size = length};
    return ioctl(group->container, VFIO_IOMMU_MAP_DMA, &arguments);
}

#endif
