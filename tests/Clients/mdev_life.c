/* SPDX-License-Identifier: MIT */
/*
 * What keeps an mdev while another program removes it or unbinds its driver: an open file, and a mapping whose file was
 * closed. Its owner is asked to let go (REQ), and goes on until it does.
 * usage: mdev_life DIRECTORY-OF-A-TYPE (dmatest-1ch)
 */
#include "dmatest.h"
#include <sys/stat.h>
#include <sys/wait.h>

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
#define DEVICE "/sys/bus/mdev/devices/" UUID
#define DRIVER "/sys/bus/mdev/drivers/dmatest"
#define IOVA 0x10000

static const char *type;

static int put(const char *path, const char *text)
{
    int file = must(open(path, O_WRONLY | O_CLOEXEC));
    ssize_t written = write(file, text, strlen(text));
    int error = errno;
    close(file);
    errno = error;
    return written < 0 ? -1 : 0;
}

static void create(void)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/create", type);
    must(put(path, UUID));
}

static unsigned available(void)
{
    char text[32];
    if (!sysfs_text(text, sizeof(text), "%s/available_instances", type))
        fail("expected %s/available_instances", type);
    return (unsigned)atoi(text);
}

static bool exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0;
}

/* A program that writes to an attribute and ends when the write has returned; it has no file and mapping of ours. */
static pid_t writer(const char *path, const char *text)
{
    pid_t child = fork();
    must(child);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "printf %s \"$1\" > \"$2\"", "writer", text, path, NULL);
        _exit(127);
    }
    return child;
}

static void await(pid_t child)
{
    int status;
    expect_eq(waitpid(child, &status, 0), child);
    expect_eq(status, 0);
}

static void an_open_file(void)
{
    create();
    unsigned free = available();
    int iommu = open_iommu(), request = new_eventfd();
    struct dmatest test = open_dmatest(UUID, iommu, BY_PIO);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(test.device.fd, &pt));
    uint8_t *memory = pages(1);
    must(map_at(iommu, ioas, memory, PAGE, IOVA, RW));
    must(set_irqs(test.device.fd, VFIO_PCI_REQ_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &request));

    pid_t child = writer(DEVICE "/remove", "1");
    expect(wait_event(request) >= 1); /* the owner is asked, after the names are gone */
    expect(!exists(DEVICE) && !exists(DRIVER "/" UUID));
    expect(!has_ended_well(child));
    expect_dma(&test, IOVA, PAGE, DMATEST_TO_DEVICE); /* it goes on */
    expect_eq(available(), free);
    must(close(test.device.fd));
    await(child);
    expect_eq(available(), free + 1);
    must(close(iommu));
    must(close(request));
    printf("an open file, whose owner is asked: ok\n");
}

static void a_mapping(void)
{
    create();
    unsigned free = available();
    int iommu = open_iommu();
    struct dmatest test = open_dmatest(UUID, iommu, BY_PIO);
    volatile uint32_t *registers =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, test.device.fd, (off_t)test.registers.offset);
    expect(registers != MAP_FAILED);
    must(close(test.device.fd));
    pid_t child = writer(DEVICE "/remove", "1");
    wait_until(!exists(DEVICE));
    expect(!has_ended_well(child));
    registers[DMATEST_LENGTH / 4] = 64; /* the mapping still works */
    expect_eq(registers[DMATEST_LENGTH / 4], 64);
    expect_eq(available(), free);
    must(munmap((void *)registers, PAGE));
    await(child);
    expect_eq(available(), free + 1);
    must(close(iommu));
    printf("a mapping whose file is closed: ok\n");
}

static void a_driver(void)
{
    char text[64];
    create();
    expect(exists(DRIVER "/" UUID) && exists(DEVICE "/driver"));
    expect_errno(put(DRIVER "/bind", UUID), ENODEV);
    int iommu = open_iommu(), request = new_eventfd();
    struct device device = open_device(UUID, iommu);
    must(set_irqs(device.fd, VFIO_PCI_REQ_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &request));
    pid_t child = writer(DRIVER "/unbind", UUID);
    expect(wait_event(request) >= 1);
    expect(exists(DEVICE) && !exists(DEVICE "/driver") && !exists(DEVICE "/vfio-dev"));
    expect(!has_ended_well(child));
    must(close(device.fd));
    await(child);
    expect(sysfs_text(text, sizeof(text), DEVICE "/uevent") && !text[0]);
    expect_errno(put(DRIVER "/unbind", UUID), ENODEV);
    expect_errno(put(DRIVER "/bind", UUID), ENODEV); /* no driver takes what it did not create */
    must(put(DEVICE "/remove", "1"));
    expect(!exists(DEVICE));
    must(close(iommu));
    must(close(request));
    printf("a driver that is unbound: ok\n");
}

int main(int argc, char **argv)
{
    type = argument(argc, argv, 1, "directory of the type");
    unsigned free = available();
    an_open_file();
    a_mapping();
    a_driver();
    expect_eq(available(), free);
    printf("mdev_life: all as it must be\n");
    return 0;
}
