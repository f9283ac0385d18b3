/* SPDX-License-Identifier: MIT */
/*
 * Region i begins at i << 40, and some programs rely on that: they read configuration space at 7 << 40, and map BAR 0
 * at offset 0.
 * usage: region_offsets BDF
 */
#include "client.h"

static void configuration(const struct device *device)
{
    uint16_t vendor = 0;
    expect_eq(pread(device->fd, &vendor, sizeof(vendor), (off_t)(7ULL << 40)), sizeof(vendor));
    expect_eq(vendor, config_read16(device, PCI_VENDOR_ID));
    for (uint32_t index = 1; index < VFIO_PCI_NUM_REGIONS - 1; index++)
        expect_eq(region_info(device->fd, index).offset, (uint64_t)index << 40);
    printf("configuration space at 7 << 40: ok\n");
}

/* a write through one is visible through the other */
static void bar0(const struct device *device)
{
    struct vfio_region_info info = region_info(device->fd, VFIO_PCI_BAR0_REGION_INDEX);
    struct bar calls = {.fd = device->fd, .offset = info.offset, .size = info.size};
    void *memory = must(mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, 0));
    struct bar mapped = {.fd = device->fd, .size = info.size, .memory = memory};
    expect_eq(bar_read32(&mapped, 0), bar_read32(&calls, 0));
    if (device->model == 0x11e8) { /* edu is alive if a register reads as the complement of the last write */
        bar_write32(&mapped, 4, 0x12345678);
        expect_eq(bar_read32(&calls, 4), ~0x12345678u);
        bar_write32(&calls, 4, 0x87654321);
        wait_until(bar_read32(&mapped, 4) == ~0x87654321u);
    } else { /* a register of dmatest keeps its value */
        bar_write32(&mapped, 0x10, 0x123);
        expect_eq(bar_read32(&calls, 0x10), 0x123);
        bar_write32(&calls, 0x10, 0x321);
        expect_eq(bar_read32(&mapped, 0x10), 0x321);
    }

    must(munmap(memory, info.size));
    printf("BAR 0 mapped at offset 0: ok\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of an edu or a dmatest");
    struct device device = open_device(bdf, open_iommu());
    configuration(&device);
    bar0(&device);

    /* an unbound device cannot be mapped */
    close(device.fd);
    int cdev = open_cdev(bdf);
    expect_errno((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, cdev, 0), EINVAL);
    printf("region_offsets: all as it must be\n");
    return 0;
}
