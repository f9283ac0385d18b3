/* SPDX-License-Identifier: MIT */
/*
 * The supervisor has no descriptor left when a process makes its first call on a device that it inherited. So it cannot
 * be found out whether the device is ours: the call fails without an effect, and the kernel never performs it on the
 * memory behind the device.
 * usage: few_descriptors ADDRESS     as root, who may limit the supervisor
 */
#include "client.h"
#include <sys/resource.h>
#include <sys/wait.h>

static struct device device;
static uint64_t command_at;

static void expect_shortage(long result, const char *call)
{
    if (result >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOMEM))
        fail("%s without descriptors: came %ld", call, result);
}

/* its first call on a node comes while there are none */
static int inherits(pid_t supervisor)
{
    struct rlimit before, none;
    must(prlimit(supervisor, RLIMIT_NOFILE, NULL, &before));
    none = before;
    none.rlim_cur = 3;
    uint16_t off = 0, vendor = 0;
    struct vfio_device_info info = {.argsz = sizeof(info)};
    must(prlimit(supervisor, RLIMIT_NOFILE, &none, NULL));
    long wrote = pwrite(device.fd, &off, sizeof(off), (off_t)command_at);
    int wrote_errno = errno;
    long got = pread(device.fd, &vendor, sizeof(vendor), (off_t)command_at - PCI_COMMAND);
    int got_errno = errno;
    long asked = ioctl(device.fd, VFIO_DEVICE_GET_INFO, &info);
    int asked_errno = errno;
    void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device.fd, (off_t)(command_at - PCI_COMMAND));
    int mapped_errno = errno;
    must(prlimit(supervisor, RLIMIT_NOFILE, &before, NULL));
    errno = wrote_errno;
    expect_shortage(wrote, "pwrite");
    errno = got_errno;
    expect_shortage(got, "pread");
    errno = asked_errno;
    expect_shortage(asked, "ioctl");
    errno = mapped_errno;
    expect_shortage(mapped == MAP_FAILED ? -1 : 0, "mmap");
    expect_eq(vendor, 0);

    /* now there are some again */
    must(ioctl(device.fd, VFIO_DEVICE_GET_INFO, &info));
    return 0;
}

int main(int argc, char **argv)
{
    expect(argc == 2);
    pid_t supervisor = getppid();
    int iommu = open_iommu(), status;
    device = open_device(argv[1], iommu);
    command_at = region_info(device.fd, VFIO_PCI_CONFIG_REGION_INDEX).offset + PCI_COMMAND;
    uint16_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, is = 0;
    expect_eq(pwrite(device.fd, &on, sizeof(on), (off_t)command_at), sizeof(on));
    pid_t child = must(fork());
    if (child == 0)
        _exit(inherits(supervisor));
    must(waitpid(child, &status, 0));
    expect_eq(status, 0);
    expect_eq(pread(device.fd, &is, sizeof(is), (off_t)command_at), sizeof(is));
    expect_eq(is, on);
    printf("few_descriptors: all as it must be\n");
    return 0;
}
