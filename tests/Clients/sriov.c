/* SPDX-License-Identifier: MIT */
/*
 * SR-IOV: sriov_numvfs creates and removes virtual functions, a program needs the physical function's token to open
 * one, and each does its own DMA.
 * usage: sriov BDF (of a dmatest that can have at least 2 virtual functions, none of them enabled)
 */
#include "dmatest.h"

#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define IOVA 0x100000UL

static const uint8_t token[16] = {
    0x52, 0xac, 0x9b, 0xff, 0x3a, 0x88, 0x4f, 0xbd, 0x90, 0x1a, 0x0d, 0x76, 0x7c, 0x3b, 0x6c, 0x97};
static const char *token_text = "52ac9bff-3a88-4fbd-901a-0d767c3b6c97";
static const uint8_t other[16] = {1};
static const char *pf;

static int numvfs(int flags)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", pf);
    return must(open(path, flags | O_CLOEXEC));
}

static long set_numvfs(const char *text)
{
    int fd = numvfs(O_WRONLY);
    long count = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return count;
}

/* the address that a link in the physical function's folder leads to; false if there is none */
static bool virtual_function(unsigned number, char *bdf)
{
    char path[128], target[256];
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn%u", pf, number);
    ssize_t count = readlink(path, target, sizeof(target) - 1);
    if (count < 0) {
        expect_eq(errno, ENOENT);
        return false;
    }
    target[count] = 0;
    strcpy(bdf, strrchr(target, '/') + 1);
    return true;
}

static int bind_with_token(int cdev, int iommu, const uint8_t *uuid)
{
    struct vfio_device_bind_iommufd arguments = {.argsz = sizeof(arguments), .iommufd = iommu};
    if (uuid) {
        arguments.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
        arguments.token_uuid_ptr = addr(uuid);
    }
    return ioctl(cdev, VFIO_DEVICE_BIND_IOMMUFD, &arguments) ? -1 : (int)arguments.out_devid;
}

static struct dmatest open_with_token(const char *bdf, int iommu, const uint8_t *uuid)
{
    int cdev = open_cdev(bdf);
    struct device device = device_bound(cdev, (uint32_t)must(bind_with_token(cdev, iommu, uuid)));
    expect_eq(device.model, sysfs_number(bdf, "device"));
    return dmatest_from(device, BY_PIO);
}

static void numbers(void)
{
    char bdf[64];
    expect_eq(sysfs_number(pf, "sriov_numvfs"), 0);
    expect(sysfs_number(pf, "sriov_totalvfs") >= 2);
    expect(!virtual_function(0, bdf));
    expect_errno(set_numvfs("x"), EINVAL);
    expect_errno(set_numvfs("-1"), EINVAL);
    expect_errno(set_numvfs("65535"), ERANGE);
    int readable = numvfs(O_RDONLY);
    expect_errno(write(readable, "1", 1), EBADF);
    close(readable);

    /* by any way of writing: a duplicated descriptor, a vector, at a position */
    int fd = numvfs(O_WRONLY), copy = must(dup(fd));
    close(fd);
    expect_eq(must(write(copy, "2\n", 2)), 2);
    expect(virtual_function(0, bdf) && virtual_function(1, bdf) && !virtual_function(2, bdf));
    struct iovec zero[] = {{.iov_base = "0", .iov_len = 1}, {.iov_base = "\n", .iov_len = 1}};
    expect_eq(must(writev(copy, zero, 2)), 2);
    expect(!virtual_function(0, bdf));
    expect_eq(must(pwrite(copy, "0x2", 3, 0)), 3);
    expect(virtual_function(1, bdf));
    expect_errno(write(copy, "1", 1), EBUSY);
    expect_eq(must(write(copy, "2", 1)), 1);
    expect_eq(sysfs_number(pf, "sriov_numvfs"), 2);
    close(copy);
    printf("sriov_numvfs: ok\n");
}

static void tokens(const char *vf, int iommu)
{
    char path[128], text[256], group[64];
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", vf);
    ssize_t count = must(readlink(path, text, sizeof(text) - 1));
    text[count] = 0;
    snprintf(group, sizeof(group), "/dev/vfio/%.32s", strrchr(text, '/') + 1);

    int cdev = open_cdev(vf);
    expect_errno(bind_with_token(cdev, iommu, NULL), EACCES);
    expect_errno(bind_with_token(cdev, iommu, other), EACCES);
    expect_errno(bind_with_token(cdev, iommu, (const uint8_t *)16), EFAULT);
    close(cdev);

    int fd = must(open(group, O_RDWR | O_CLOEXEC));
    must(ioctl(fd, VFIO_GROUP_SET_CONTAINER, &iommu));
    expect_errno(ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, vf), EACCES);
    snprintf(text, sizeof(text), "%s vf_token=%s", vf, token_text);
    close(must(ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, text)));
    text[strlen(text) - 1] ^= 1;
    expect_errno(ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, text), EACCES);
    text[strlen(text) - 1] = 0;
    expect_errno(ioctl(fd, VFIO_GROUP_GET_DEVICE_FD, text), EINVAL);
    close(fd);
    printf("tokens: ok\n");
}

/* each has its own page at its own address, and finds nothing at the others' addresses */
static void dma_of_each(int iommu, const struct dmatest *tests, unsigned count)
{
    uint8_t *memory = pages(count), bytes[256];
    for (unsigned i = 0; i < count; i++) {
        uint32_t pt = ioas_alloc(iommu);
        must(map_at(iommu, pt, memory + i * PAGE, PAGE, IOVA + i * PAGE, RW));
        must(attach(tests[i].device.fd, &pt));
        fill(bytes, sizeof(bytes), 10 + i);
        buffer_write(&tests[i], 0, bytes, sizeof(bytes));
    }

    for (unsigned i = 0; i < count; i++) {
        for (unsigned at = 0; at < count; at++)
            if (at != i)
                expect_fault(&tests[i], IOVA + at * PAGE, sizeof(bytes), 0, NOT_MAPPED);
        for (unsigned done = 0; done < count; done++)
            for (unsigned byte = 0; done >= i && byte < sizeof(bytes); byte++)
                expect_eq(memory[done * PAGE + byte], 0);
        expect_dma(&tests[i], IOVA + i * PAGE, sizeof(bytes), 0);
        expect_filled(memory + i * PAGE, sizeof(bytes), 10 + i);
    }

    /* all at once, kept in flight */
    for (unsigned i = 0; i < count; i++) {
        fill(memory + i * PAGE, PAGE, 20 + i);
        bar_write32(&tests[i].registers, DMATEST_PAUSE, 100);
        dma_start(&tests[i], IOVA + i * PAGE, PAGE, DMATEST_TO_DEVICE);
    }
    for (unsigned i = 0; i < count; i++) {
        static uint8_t page[PAGE];
        expect_eq(dma_wait(&tests[i]), DONE);
        buffer_read(&tests[i], 0, page, PAGE);
        expect_filled(page, PAGE, 20 + i);
        bar_write32(&tests[i].registers, DMATEST_PAUSE, 0);
    }

    /* what is detached from one stays with the others */
    must(detach(tests[0].device.fd));
    expect_fault(&tests[0], IOVA, 64, 0, BLOCKED);
    for (unsigned i = 1; i < count; i++)
        expect_dma(&tests[i], IOVA + i * PAGE, 64, 0);
    bus_master(&tests[1].device, false);
    expect_fault(&tests[1], IOVA + PAGE, 64, 0, BUS_MASTER_OFF);
    for (unsigned i = 2; i < count; i++)
        expect_dma(&tests[i], IOVA + i * PAGE, 64, 0);
    printf("DMA of each: ok\n");
}

static unsigned capability(const struct device *device, unsigned id)
{
    for (unsigned at = PCI_CFG_SPACE_SIZE; at; at = config_read16(device, at + 2) >> 4)
        if (config_read16(device, at) == id)
            return at;
    return 0;
}

static void configuration(const struct dmatest *tests)
{
    const struct device *physical = &tests[0].device, *virtual = &tests[1].device;
    unsigned at = capability(physical, PCI_EXT_CAP_ID_SRIOV);
    expect(at != 0);
    expect_eq(config_read16(physical, at + PCI_SRIOV_NUM_VF), 2);
    config_write16(physical, at + PCI_SRIOV_NUM_VF, 1);
    config_write16(physical, at + PCI_SRIOV_CTRL, 0);
    expect_eq(config_read16(physical, at + PCI_SRIOV_NUM_VF), 2);
    expect_eq(config_read16(physical, at + PCI_SRIOV_CTRL) & PCI_SRIOV_CTRL_VFE, PCI_SRIOV_CTRL_VFE);
    expect_eq(config_read16(physical, at + PCI_SRIOV_VF_DID), virtual->model);

    expect_eq(capability(virtual, PCI_EXT_CAP_ID_SRIOV), 0);
    expect_eq(config_read16(virtual, PCI_VENDOR_ID), 0x1234);
    /* memory decoding is controlled by the physical function: the bit only reads back */
    config_write16(virtual, PCI_COMMAND, 0);
    expect_eq(config_read16(virtual, PCI_COMMAND) & PCI_COMMAND_MEMORY, 0);
    expect_eq(bar_read32(&tests[1].registers, DMATEST_LENGTH), 64);
    bus_master(virtual, true);
    must(ioctl(virtual->fd, VFIO_DEVICE_RESET));
    expect_eq(config_read16(physical, at + PCI_SRIOV_NUM_VF), 2);
    must(ioctl(physical->fd, VFIO_DEVICE_RESET));
    expect_eq(config_read16(physical, at + PCI_SRIOV_NUM_VF), 2);
    printf("configuration space: ok\n");
}

/* a process that writes 0 and waits; it first closes everything that it inherited */
static pid_t remove_all(const struct dmatest *tests, unsigned count)
{
    pid_t child = must(fork());
    if (child)
        return child;
    for (unsigned i = 0; i < count; i++)
        close(tests[i].device.fd);
    _exit(set_numvfs("0") == 1 ? 0 : 1);
}

static void removal(int iommu, struct dmatest *tests, const char *vf)
{
    char name[256], path[512], bdf[64];
    int status, asked = new_eventfd();
    cdev_name(vf, name, sizeof(name));
    snprintf(path, sizeof(path), "/dev/vfio/devices/%.200s", name);
    must(set_irqs(tests[1].device.fd, VFIO_PCI_REQ_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &asked));

    pid_t child = remove_all(tests, 3);
    wait_event(asked); /* it requests the device, and waits */
    expect_errno(open(path, O_RDWR), ENOENT);
    expect(!virtual_function(0, bdf));
    expect_eq(must(waitpid(child, &status, WNOHANG)), 0);
    buffer_write(&tests[1], 0, "still mine", 10);
    close(tests[2].device.fd);
    close(tests[1].device.fd);
    expect_eq(must(waitpid(child, &status, 0)), child);
    expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect_eq(sysfs_number(pf, "sriov_numvfs"), 0);

    /* a removal whose writer is killed happens all the same */
    expect_eq(set_numvfs("1"), 1);
    tests[1] = open_with_token(vf, iommu, token);
    must(set_irqs(tests[1].device.fd, VFIO_PCI_REQ_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &asked));
    child = remove_all(tests, 2);
    wait_event(asked);
    must(kill(child, SIGKILL));
    expect_eq(must(waitpid(child, &status, 0)), child);
    expect(WIFSIGNALED(status));
    close(tests[1].device.fd);
    expect_eq(set_numvfs("2"), 1); /* once they are removed */
    tests[1] = open_with_token(vf, iommu, token);
    close(tests[1].device.fd);
    expect_eq(set_numvfs("0"), 1);
    expect(access(path, F_OK) == -1 && errno == ENOENT);
    printf("removal: ok\n");
}

int main(int argc, char **argv)
{
    pf = argument(argc, argv, 1, "BDF of a dmatest with virtual functions");
    char vf[2][64];
    struct dmatest tests[3];
    numbers();
    expect(virtual_function(0, vf[0]) && virtual_function(1, vf[1]));
    int iommu = open_iommu();
    tests[0] = open_with_token(pf, iommu, token);
    tokens(vf[0], iommu);
    for (unsigned i = 0; i < 2; i++)
        tests[i + 1] = open_with_token(vf[i], iommu, token);
    dma_of_each(iommu, tests, 3);
    configuration(tests);

    /* programs of the physical function need the token now */
    close(tests[0].device.fd);
    int cdev = open_cdev(pf);
    expect_errno(bind_with_token(cdev, iommu, NULL), EACCES);
    expect_errno(bind_with_token(cdev, iommu, other), EACCES);
    close(cdev);
    tests[0] = open_with_token(pf, iommu, token);
    removal(iommu, tests, vf[0]);
    printf("sriov: all as it must be\n");
    return 0;
}
