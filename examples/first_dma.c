/* SPDX-License-Identifier: MIT */
/*
 * A device reads this program's memory through an I/O address space.
 * usage: first_dma [/dev/vfio/devices/vfioN of a dmatest]
 */
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRY(call) ((call) < 0 ? (perror(#call), exit(1), 0) : 0)

static struct vfio_region_info region(int device, uint32_t index)
{
    struct vfio_region_info info = {.argsz = sizeof(info), .index = index};
    TRY(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info));
    return info;
}

int main(int argc, char **argv)
{
    int iommu = open("/dev/iommu", O_RDWR), device = open(argc > 1 ? argv[1] : "/dev/vfio/devices/vfio1", O_RDWR);
    struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
    TRY(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind));
    struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
    TRY(ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas));
    struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = ioas.out_ioas_id};
    TRY(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));

    uint16_t command = 6; /* memory decoding and bus mastering */
    TRY(pwrite(device, &command, 2, region(device, VFIO_PCI_CONFIG_REGION_INDEX).offset + 4));
    uint64_t *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *memory = 0x0123456789abcdef;
    struct iommu_ioas_map map = {.size = sizeof(map), .ioas_id = ioas.out_ioas_id, .user_va = (uintptr_t)memory,
                                 .length = 4096, .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE};
    TRY(ioctl(iommu, IOMMU_IOAS_MAP, &map));

    volatile uint32_t *registers =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, 0).offset);
    uint64_t *buffer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, 2).offset);
    *(volatile uint64_t *)registers = map.iova;
    registers[2] = 3; /* start, from memory to the device */
    while (registers[2] & 1)
        ;
    printf("IOVA 0x%llx: the device read 0x%llx\n", (unsigned long long)map.iova, (unsigned long long)*buffer);
    return *buffer == *memory ? 0 : 1;
}
