/* SPDX-License-Identifier: MIT */
/*
 * The process that serves the nodes, this program's parent, gets no more threads or descriptors for a while. A call
 * that needs one fails as if memory were short, or waits. When there are some again, everything works.
 * usage: scarce threads|descriptors BDF (a dmatest)
 */
#include "dmatest.h"
#include <sys/resource.h>
#include <sys/stat.h>

#define IOVA 0x10000
#define CHANNELS 4
#define MOST_MISSING 24 /* descriptors that anything here takes */

static pid_t server;
static int limited;
static struct rlimit usual;

static int lowest_free_descriptor(void)
{
    char path[64];
    struct stat info;
    for (int number = 0;; number++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", server, number);
        if (lstat(path, &info))
            return number;
    }
}

/* from now on the server gets this many more descriptors, or no thread */
static void make_scarce(int more)
{
    struct rlimit scarce = usual;
    scarce.rlim_cur = limited == RLIMIT_NPROC ? 1 : (rlim_t)(lowest_free_descriptor() + more);
    must(prlimit(server, (enum __rlimit_resource)limited, &scarce, NULL));
}

static void make_usual(void)
{
    must(prlimit(server, (enum __rlimit_resource)limited, &usual, NULL));
}

static void expect_want(const char *what, int error)
{
    if (error != ENOMEM && error != EMFILE && error != EAGAIN)
        fail("expected %s to fail for want of something, came %s", what, error_name(error));
}

static bool want_was_seen(int more)
{
    return limited == RLIMIT_NPROC ? more > 0 : more > MOST_MISSING;
}

static struct dmatest open_attached(const char *bdf, int iommu, uint32_t ioas)
{
    struct dmatest test = open_dmatest(bdf, iommu, BY_PIO);
    uint32_t pt = ioas;
    must(attach(test.device.fd, &pt));
    return test;
}

/* a thread polls a mapped BAR; if it cannot be polled, it cannot be mapped */
static void mapping(struct dmatest *test)
{
    int failures = 0;
    for (int more = 0; !want_was_seen(more); more++) {
        make_scarce(more);
        void *memory = mmap(
            NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, test->device.fd, (off_t)test->registers.offset);
        int error = errno;
        make_usual();
        if (memory != MAP_FAILED) {
            must(munmap(memory, PAGE));
            break;
        }
        expect_want("mmap", error);
        failures++;
    }
    expect(failures);
    struct bar mapped = test->registers;
    mapped.memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, test->device.fd, (off_t)mapped.offset);
    expect((void *)mapped.memory != MAP_FAILED);
    struct dmatest by_mapping = {.device = test->device, .registers = mapped, .buffer = test->buffer};
    expect_dma(&by_mapping, IOVA, 64, DMATEST_TO_DEVICE);
    must(munmap((void *)mapped.memory, PAGE));
    printf("mapping a BAR: ok\n");
}

/* a channel has a thread from its first command on; a command without one waits for it */
static void commands(struct dmatest *test)
{
    for (int channel = 1; channel < CHANNELS; channel++) {
        struct dmatest other = *test;
        other.registers.offset += (uint64_t)channel * DMATEST_CHANNEL;
        bar_write64(&other.registers, DMATEST_IOVA, IOVA);
        bar_write32(&other.registers, DMATEST_LENGTH, 64);
        make_scarce(channel - 1);
        uint32_t command = DMATEST_START | DMATEST_TO_DEVICE;
        ssize_t written = pwrite(
            other.device.fd, &command, sizeof(command), (off_t)(other.registers.offset + DMATEST_COMMAND));
        int error = errno;
        make_usual();
        if (written < 0) {
            expect_want("a command", error);
            bar_write32(&other.registers, DMATEST_COMMAND, command);
        }
        expect_eq(dma_wait(&other), DONE);
    }
    printf("commands: ok\n");
}

/* a thread waits for eventfds that stand for writes */
static void ioeventfds(struct dmatest *test)
{
    int event = new_eventfd(), failures = 0;
    struct vfio_device_ioeventfd request = {.argsz = sizeof(request),
                                            .flags = VFIO_DEVICE_IOEVENTFD_32,
                                            .offset = test->registers.offset + DMATEST_LENGTH,
                                            .data = 77,
                                            .fd = event};
    for (int more = 0; !want_was_seen(more); more++) {
        make_scarce(more);
        int result = ioctl(test->device.fd, VFIO_DEVICE_IOEVENTFD, &request);
        int error = errno;
        make_usual();
        if (!result)
            break;
        if (error == EEXIST)
            fail("expected a call that failed to have changed nothing");
        expect_want("IOEVENTFD", error);
        failures++;
    }
    expect(failures);
    if (ioctl(test->device.fd, VFIO_DEVICE_IOEVENTFD, &request))
        expect_eq(errno, EEXIST); /* it had succeeded with few descriptors */
    uint64_t one = 1;
    expect_eq(write(event, &one, sizeof(one)), sizeof(one));
    wait_until(bar_read32(&test->registers, DMATEST_LENGTH) == 77);
    printf("IOEVENTFD: ok\n");
}

int main(int argc, char **argv)
{
    limited = strcmp(argument(argc, argv, 1, "threads or descriptors"), "threads") ? RLIMIT_NOFILE : RLIMIT_NPROC;
    const char *bdf = argument(argc, argv, 2, "BDF of a dmatest");
    server = getppid();
    must(prlimit(server, (enum __rlimit_resource)limited, NULL, &usual));
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    must(map_at(iommu, ioas, pages(1), PAGE, IOVA, RW));

    struct dmatest test = open_attached(bdf, iommu, ioas);
    mapping(&test);
    commands(&test);
    ioeventfds(&test);
    must(close(test.device.fd));

    test = open_attached(bdf, iommu, ioas); /* and for the next program that opens the device */
    expect_dma(&test, IOVA, 64, DMATEST_TO_DEVICE);
    printf("scarce: all as it must be\n");
    return 0;
}
