/* SPDX-License-Identifier: MIT */
/*
 * Permitted programs write the sysfs file `config` while vfio-pci has the device too: it is the function's own
 * configuration space.
 * usage: config_write BDF (of a PCI Express function with a BAR 0 of less than 4 GiB)
 */
#include <sys/stat.h>

#include "client.h"

static char path[128];

static uint32_t value_at(int fd, off_t position, size_t count)
{
    uint32_t value = 0;
    expect_eq(pread(fd, &value, count, position), count);
    return value;
}

static uint32_t value_now(off_t position, size_t count)
{
    int fd = must(open(path, O_RDONLY | O_CLOEXEC));
    uint32_t value = value_at(fd, position, count);
    close(fd);
    return value;
}

static void put(int fd, off_t position, uint32_t value, size_t count)
{
    expect_eq(pwrite(fd, &value, count, position), count);
}

static void command(void)
{
    uint32_t before = value_now(PCI_COMMAND, 2);
    int fd = must(open(path, O_RDWR | O_CLOEXEC)), other = must(open(path, O_RDONLY | O_CLOEXEC));
    put(fd, PCI_COMMAND, before | PCI_COMMAND_MASTER, 2);
    expect_eq(value_now(PCI_COMMAND, 2), before | PCI_COMMAND_MASTER);
    wait_until(value_at(other, PCI_COMMAND, 2) == (before | PCI_COMMAND_MASTER)); /* a file that is open shows it too */
    put(fd, PCI_COMMAND, before, 2);
    expect_eq(value_now(PCI_COMMAND, 2), before);
    /* at the file position, and a byte */
    expect_eq(lseek(fd, PCI_COMMAND, SEEK_SET), PCI_COMMAND);
    uint8_t low = (uint8_t)(before | PCI_COMMAND_MASTER);
    expect_eq(write(fd, &low, 1), 1);
    close(fd);
    close(other);
    expect_eq(value_now(PCI_COMMAND, 2), before | PCI_COMMAND_MASTER);
    printf("command: ok\n");
}

static void what_cannot_change(void)
{
    uint32_t ids = value_now(PCI_VENDOR_ID, 4);
    int fd = must(open(path, O_WRONLY | O_CLOEXEC));
    put(fd, PCI_VENDOR_ID, ~ids, 4);
    expect_eq(value_now(PCI_VENDOR_ID, 4), ids);
    close(fd);
    int readable = must(open(path, O_RDONLY | O_CLOEXEC));
    expect_errno(pwrite(readable, &ids, 4, 0), EBADF);
    close(readable);
    struct stat status;
    must(stat(path, &status));
    expect_eq(status.st_mode, S_IFREG | 0644);
    expect_eq(status.st_size, 4096);
    printf("what cannot change: ok\n");
}

/* writes all ones to a BAR, which then shows its size */
static void sizing(void)
{
    uint32_t before = value_now(PCI_BASE_ADDRESS_0, 4);
    int fd = must(open(path, O_RDWR | O_CLOEXEC));
    put(fd, PCI_BASE_ADDRESS_0, 0xffffffff, 4);
    uint32_t mask = value_now(PCI_BASE_ADDRESS_0, 4);
    uint32_t size = ~(mask & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK) + 1;
    expect(size >= 4096 && (size & (size - 1)) == 0);
    expect_eq(mask & 0xf, before & 0xf);
    wait_until(value_at(fd, PCI_BASE_ADDRESS_0, 4) == mask); /* the file itself reads back the result */
    put(fd, PCI_BASE_ADDRESS_0, before, 4);
    expect_eq(value_now(PCI_BASE_ADDRESS_0, 4), before);
    close(fd);
    printf("sizing: ok\n");
}

/* a write comes before the program's later requests to the device */
static void device(const char *bdf)
{
    int iommu = open_iommu(), cdev = open_cdev(bdf);
    must(bind_iommufd(cdev, iommu, NULL));
    off_t position = (off_t)region_info(cdev, VFIO_PCI_CONFIG_REGION_INDEX).offset + PCI_COMMAND;
    int fd = must(open(path, O_RDWR | O_CLOEXEC));
    for (int round = 0; round < 50; round++) {
        uint16_t wanted = (uint16_t)(PCI_COMMAND_MEMORY | (round % 2 ? 0 : PCI_COMMAND_MASTER)), now = 0;
        put(fd, PCI_COMMAND, wanted, 2);
        expect_eq(pread(cdev, &now, 2, position), 2);
        expect_eq(now, wanted);
    }
    close(fd);
    close(cdev);
    close(iommu);
    printf("by VFIO: ok\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.60s/config", bdf);
    command();
    what_cannot_change();
    sizing();
    device(bdf);
    printf("config_write: all as it must be\n");
    return 0;
}
