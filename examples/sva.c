/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual addressing: a device uses this program's own pointers.
 * usage: sva [/dev/vfio/devices/vfioN of a dmatest]
 */
#include <fcntl.h>
#include <ioasis.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRY(call) ((call) < 0 ? (perror(#call), exit(1), 0) : 0)

static void *map(int device, uint32_t index)
{
    struct vfio_region_info info = {.argsz = sizeof(info), .index = index};
    TRY(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info));
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)info.offset);
}

/* Lets the device copy its data to an address, with a PASID; returns the status. */
static uint32_t write_to(volatile uint32_t *registers, uint32_t pasid, void *pointer)
{
    registers[11] = 1u << 31 | pasid;
    *(volatile uint64_t *)registers = (uintptr_t)pointer;
    registers[2] = 1; /* start, from the device to memory */
    while (registers[2] & 1)
        ;
    return registers[5];
}

int main(int argc, char **argv)
{
    int iommu = open("/dev/iommu", O_RDWR), device = open(argc > 1 ? argv[1] : "/dev/vfio/devices/vfio1", O_RDWR);
    struct vfio_device_bind_iommufd bound = {.argsz = sizeof(bound), .iommufd = iommu};
    TRY(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bound));
    struct vfio_region_info config = {.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX};
    TRY(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config));
    TRY(pwrite(device, &(uint16_t){6}, 2, (off_t)config.offset + 4)); /* memory decoding and bus mastering */
    volatile uint32_t *registers = map(device, 0);
    *(uint64_t *)map(device, 2) = 0x0123456789abcdef; /* the device's data */

    /* ---- in the README ---- */
    int sva = open("/dev/sva", O_RDWR);
    struct ioasis_sva_bind_process bind = {.size = sizeof(bind)};
    TRY(ioctl(sva, IOASIS_SVA_BIND_PROCESS, &bind));     /* this process's memory has a PASID now, */
    struct ioasis_vfio_attach_sva attach = {.argsz = sizeof(attach), .sva = sva, .pasid = bind.pasid};
    TRY(ioctl(device, IOASIS_VFIO_ATTACH_SVA, &attach)); /* and the device may send it */
    uint64_t *memory = malloc(4096);
    uint32_t status = write_to(registers, bind.pasid, memory);
    printf("PASID %u: status %u, *memory is 0x%llx\n", bind.pasid, status, (unsigned long long)*memory);
    struct ioasis_sva_unbind unbind = {.size = sizeof(unbind), .pasid = bind.pasid};
    TRY(ioctl(sva, IOASIS_SVA_UNBIND, &unbind));
    /* ---- ---- */
    printf("unbound: status %u\n", write_to(registers, bind.pasid, memory));
    return 0;
}
