/* SPDX-License-Identifier: MIT */
/*
 * A test of VFIO code, as a project has them: attaches a device to an I/O address space, maps a page and unmaps it.
 * With "leak" it forgets the unmap and leaves its objects behind; `ioasis run --check` finds that.
 * usage: vfio_test [leak]
 */
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRY(call) ((call) < 0 ? (perror(#call), exit(1), 0) : 0)

static uint64_t map_page(int iommu, uint32_t ioas, void *page)
{
    struct iommu_ioas_map map = {.size = sizeof(map), .ioas_id = ioas, .user_va = (uintptr_t)page, .length = 4096,
                                 .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE};
    TRY(ioctl(iommu, IOMMU_IOAS_MAP, &map));
    return map.iova;
}

int main(int argc, char **argv)
{
    int iommu = open("/dev/iommu", O_RDWR), device = open("/dev/vfio/devices/vfio1", O_RDWR);
    struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
    TRY(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind));
    struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
    TRY(ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas));
    struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = ioas.out_ioas_id};
    TRY(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t iova = map_page(iommu, ioas.out_ioas_id, page);
    printf("mapped at 0x%llx\n", (unsigned long long)iova);
    if (argc > 1 && strcmp(argv[1], "leak") == 0)
        return 0;

    struct iommu_ioas_unmap unmap = {.size = sizeof(unmap), .ioas_id = ioas.out_ioas_id, .iova = iova, .length = 4096};
    TRY(ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap));
    struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};
    TRY(ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
    struct iommu_destroy destroy = {.size = sizeof(destroy), .id = ioas.out_ioas_id};
    TRY(ioctl(iommu, IOMMU_DESTROY, &destroy));
    return 0;
}
