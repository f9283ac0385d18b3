/* SPDX-License-Identifier: MIT */
/*
 * The memory that a device can reach is charged against RLIMIT_MEMLOCK: for the user or for the process.
 * usage: memlock BDF
 */
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine.h"

#define IPC_LOCK (1u << CAP_IPC_LOCK)
#define SYS_RESOURCE (1u << CAP_SYS_RESOURCE)

static uint32_t capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    must((int)syscall(SYS_capget, &header, data));
    return data[0].effective;
}

/* switches a permitted capability on or off */
static void set_capability(uint32_t capability, int on)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    must((int)syscall(SYS_capget, &header, data));
    data[0].effective = on ? data[0].effective | capability : data[0].effective & ~capability;
    must((int)syscall(SYS_capset, &header, data));
}

static void limit_to(uint64_t count)
{
    struct rlimit limit;
    must(getrlimit(RLIMIT_MEMLOCK, &limit));
    limit.rlim_cur = count * PAGE;
    must(setrlimit(RLIMIT_MEMLOCK, &limit));
}

static int map_file(int iommu, uint32_t ioas, int fd, uint64_t length, uint64_t iova)
{
    struct iommu_ioas_map_file arguments = {
        .size = sizeof(arguments), .flags = RW | FIXED, .ioas_id = ioas, .fd = fd, .length = length, .iova = iova};
    return ioctl(iommu, IOMMU_IOAS_MAP_FILE, &arguments);
}

static int change_process(int iommu)
{
    struct iommu_ioas_change_process arguments = {.size = sizeof(arguments)};
    return ioctl(iommu, IOMMU_IOAS_CHANGE_PROCESS, &arguments);
}

static int charge_process(int iommu)
{
    struct iommu_option arguments = {
        .size = sizeof(arguments), .option_id = IOMMU_OPTION_RLIMIT_MODE, .op = IOMMU_OPTION_OP_SET, .val64 = 1};
    return ioctl(iommu, IOMMU_OPTION, &arguments);
}

/* runs a check in a child, another process of the same user */
#define in_child(statements)                                                                       \
    do {                                                                                           \
        fflush(stdout);                                                                            \
        pid_t child_ = must(fork());                                                               \
        if (!child_) {                                                                             \
            statements;                                                                            \
            _exit(0);                                                                              \
        }                                                                                          \
        int status_ = -1;                                                                          \
        expect_eq(waitpid(child_, &status_, 0), child_);                                           \
        expect_eq(status_, 0);                                                                     \
    } while (0)

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    uint32_t had = capabilities();
    if (had & IPC_LOCK)
        set_capability(IPC_LOCK, 0);
    limit_to(16);

    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    uint8_t *memory = pages(64);
    must(map_at(iommu, ioas, memory, 40 * PAGE, 0x100000, RW)); /* nobody uses it yet */
    uint32_t pt = ioas;
    struct device device = open_device(bdf, iommu);
    expect_errno(attach(device.fd, &pt), ENOMEM);
    expect_eq(unmap(iommu, ioas, 0x100000, 40 * PAGE), 40 * PAGE);
    must(attach(device.fd, &pt));

    expect_errno(map_at(iommu, ioas, memory, 17 * PAGE, 0x100000, RW), ENOMEM);
    must(map_at(iommu, ioas, memory, 16 * PAGE, 0x100000, RW));
    expect_errno(map_at(iommu, ioas, memory, PAGE, 0x200000, RW), ENOMEM);
    in_child(expect_errno(map_at(iommu, ioas, memory, PAGE, 0x200000, RW), ENOMEM));
    limit_to(17);
    in_child(must(map_at(iommu, ioas, memory, PAGE, 0x200000, RW)));
    expect_errno(map_at(iommu, ioas, memory, PAGE, 0x300000, RW), ENOMEM);
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 17 * PAGE);
    must(map_at(iommu, ioas, memory, 17 * PAGE, 0x100000, RW));
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 17 * PAGE);
    printf("charged to the user: ok\n");

    int fd = must(memfd_create("memlock", MFD_CLOEXEC));
    must(ftruncate(fd, 16 * PAGE));
    must(map_file(iommu, ioas, fd, 8 * PAGE, 0x100000));
    expect_errno(map_file(iommu, ioas, fd, 10 * PAGE, 0x200000), ENOMEM);
    in_child({
        limit_to(15); /* the old owner is still charged, so both count */
        expect_errno(change_process(iommu), ENOMEM);
        limit_to(16);
        must(change_process(iommu));
    });
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 8 * PAGE);
    must(map_at(iommu, ioas, memory, 17 * PAGE, 0x100000, RW)); /* no charge was left behind */
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 17 * PAGE);
    printf("files, and changing the process: ok\n");

    if (had & IPC_LOCK) {
        set_capability(IPC_LOCK, 1);
        must(map_at(iommu, ioas, memory, 40 * PAGE, 0x100000, RW));
        set_capability(IPC_LOCK, 0);
        must(map_at(iommu, ioas, memory, 17 * PAGE, 0x200000, RW));
        expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 57 * PAGE);
        printf("with CAP_IPC_LOCK to nobody: ok\n");
    }

    /* another context */
    must(detach(device.fd));
    close(device.fd);
    close(iommu);
    iommu = open_iommu();
    if (!(had & SYS_RESOURCE)) {
        expect_errno(charge_process(iommu), EPERM);
    } else {
        must(charge_process(iommu));
        pt = ioas = ioas_alloc(iommu);
        device = open_device(bdf, iommu);
        must(attach(device.fd, &pt));
        expect_errno(map_at(iommu, ioas, memory, 18 * PAGE, 0x100000, RW), ENOMEM);
        must(map_at(iommu, ioas, memory, 17 * PAGE, 0x100000, RW));
        expect_errno(map_at(iommu, ioas, memory, PAGE, 0x200000, RW), ENOMEM);
        in_child({
            must(map_at(iommu, ioas, memory, 17 * PAGE, 0x200000, RW)); /* its own limit and total */
            expect_errno(map_at(iommu, ioas, memory, PAGE, 0x300000, RW), ENOMEM);
            expect_eq(unmap(iommu, ioas, 0x200000, 17 * PAGE), 17 * PAGE);
        });
        expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 17 * PAGE);
        printf("charged to the process: ok\n");
    }

    printf("memlock: all as it must be\n");
    return 0;
}
