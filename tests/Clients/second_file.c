/* SPDX-License-Identifier: MIT */
/*
 * A group gives further files of an open device, as a second process of a driver requests. All are files of the same
 * open device, which is reset when the last one is closed.
 * usage: second_file BDF
 */
#include <sys/wait.h>

#include "group.h"

static struct group group;

static uint16_t command(int device)
{
    uint16_t value = 0;
    off_t at = (off_t)region_info(device, VFIO_PCI_CONFIG_REGION_INDEX).offset + PCI_COMMAND;
    expect_eq(pread(device, &value, sizeof(value), at), sizeof(value));
    return value;
}

/* another process with its own file: it sees the first one's writes, and the first sees its writes */
static void second_process(volatile uint32_t *mapped)
{
    int device = group_device(&group);
    struct vfio_region_info info = region_info(device, VFIO_PCI_BAR0_REGION_INDEX);
    expect_eq(command(device), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    volatile uint32_t *own = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)info.offset));
    expect_eq(own[1], mapped[1]);
    own[1] = 0x13579bdf;
    close(device);
}

int main(int argc, char **argv)
{
    group = open_group(argument(argc, argv, 1, "BDF of an edu or a dmatest"));
    int first = group_device(&group);
    uint16_t both = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    off_t at = (off_t)region_info(first, VFIO_PCI_CONFIG_REGION_INDEX).offset + PCI_COMMAND;
    expect_eq(pwrite(first, &both, sizeof(both), at), sizeof(both));
    struct vfio_region_info info = region_info(first, VFIO_PCI_BAR0_REGION_INDEX);
    volatile uint32_t *mapped = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, first, (off_t)info.offset));

    uint32_t before = mapped[1];
    pid_t child = must(fork());
    if (!child) {
        second_process(mapped);
        _exit(0);
    }

    int status = -1;
    expect_eq(must(waitpid(child, &status, 0)), child);
    expect_eq(status, 0);
    wait_until(mapped[1] != before);
    printf("a second process: ok\n");

    int second = group_device(&group);
    expect(second != first);
    expect(fcntl(second, F_GETFD) & FD_CLOEXEC);
    must(munmap((void *)mapped, PAGE));
    close(first);
    expect_eq(command(second), both); /* the first was closed: no reset */
    char path[64], again[256];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", group.fd);
    ssize_t length = must(readlink(path, again, sizeof(again) - 1));
    again[length] = 0;
    close(group.fd);
    expect_errno(open(again, O_RDWR), EBUSY); /* the device keeps its group open */
    expect_eq(command(second), both);
    close(second);
    group.fd = must(open(again, O_RDWR | O_CLOEXEC));
    must(ioctl(group.fd, VFIO_GROUP_SET_CONTAINER, &group.container));
    first = group_device(&group);
    expect_eq(command(first) & PCI_COMMAND_MASTER, 0); /* the last was closed: a reset */
    printf("reset with the last file: ok\n");
    printf("second_file: all as it must be\n");
    return 0;
}
