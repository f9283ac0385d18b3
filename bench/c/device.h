/* SPDX-License-Identifier: MIT */
/* The common part of programs that use a device by VFIO and iommufd. */
#ifndef DEVICE_H
#define DEVICE_H

#include "common.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static inline void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline int open_device(const char *address, int iommu)
{
    char path[300];
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", address);
    DIR *folder = opendir(path);
    require(folder != NULL, path);
    const struct dirent *entry;
    while ((entry = readdir(folder)) && strncmp(entry->d_name, "vfio", 4))
        ;
    require(entry != NULL, path);
    snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
    closedir(folder);
    int device = open(path, O_RDWR);
    require(device >= 0, path);
    struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
    require(!ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), "VFIO_DEVICE_BIND_IOMMUFD");
    return device;
}

static inline uint32_t attach_to_new_ioas(int device, int iommu)
{
    struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
    require(!ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
    struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = alloc.out_ioas_id};
    require(!ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
    return alloc.out_ioas_id;
}

/* memory that is there: "private", of a "memfd", or of one of "huge" pages */
static inline uint8_t *allocate(const char *kind, size_t bytes)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS, file = -1;
    if (strcmp(kind, "private")) {
        file = memfd_create("bench", strcmp(kind, "huge") ? 0 : MFD_HUGETLB);
        require(file >= 0 && !ftruncate(file, (off_t)bytes), kind);
        flags = MAP_SHARED;
    }
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    require(memory != MAP_FAILED, kind);
    if (file >= 0)
        close(file);
    return memset(memory, 0, bytes);
}

static inline void map(int iommu, uint32_t ioas, void *memory, size_t bytes, uint64_t iova)
{
    struct iommu_ioas_map map = {.size = sizeof(map),
        .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
        .ioas_id = ioas,
        .user_va = (uintptr_t)memory,
        .length = bytes,
        .iova = iova};
    require(!ioctl(iommu, IOMMU_IOAS_MAP, &map), "IOMMU_IOAS_MAP");
}

#endif
