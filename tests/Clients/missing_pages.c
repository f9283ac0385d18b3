/* SPDX-License-Identifier: MIT */
/*
 * Memory whose pages somebody must provide, here a userfaultfd that this program serves when it likes. A thread that
 * needs a page waits for it, and nobody else does. Exit code 77: this program may not have a userfaultfd that the
 * kernel's own accesses wait for.
 * usage: missing_pages BDF
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dmatest.h"

#define AREA_PAGES 4
#define AREA (AREA_PAGES * PAGE)
#define IOVA 0x100000

static int new_faults(void)
{
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    struct uffdio_api api = {.api = UFFD_API};
    if (faults < 0) {
        printf("userfaultfd: %s\n", strerror(errno));
        exit(77);
    }
    must(ioctl(faults, UFFDIO_API, &api));
    return faults;
}

static uint8_t *missing_area(int faults)
{
    uint8_t *area = pages(AREA_PAGES);
    struct uffdio_register request = {.range = {addr(area), AREA}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    must(ioctl(faults, UFFDIO_REGISTER, &request));
    return area;
}

/* somebody waits for this page, and for no other */
static void expect_wait(int faults, const uint8_t *page)
{
    struct pollfd poll_fd = {.fd = faults, .events = POLLIN};
    struct uffd_msg message;
    expect_eq(poll(&poll_fd, 1, PATIENCE_SECONDS * 1000), 1);
    expect_eq(read(faults, &message, sizeof(message)), sizeof(message));
    expect_eq(message.event, UFFD_EVENT_PAGEFAULT);
    expect_eq(message.arg.pagefault.address & ~(PAGE - 1), addr(page));
}

static void bring(int faults, const uint8_t *page, uint32_t seed)
{
    static uint8_t bytes[PAGE] __attribute__((aligned(4096)));
    fill(bytes, PAGE, seed);
    struct uffdio_copy copy = {.dst = addr(page), .src = addr(bytes), .len = PAGE};
    must(ioctl(faults, UFFDIO_COPY, &copy));
}

static void take_away(uint8_t *page)
{
    must(madvise(page, PAGE, MADV_DONTNEED));
}

/* calls that must not wait for the page, or they would never end */
static void expect_service(void)
{
    static uint8_t other[PAGE];
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    must(map_at(iommu, ioas, other, PAGE, 0x10000, RW));
    expect_eq(unmap(iommu, ioas, 0x10000, PAGE), PAGE);
    must(close(iommu));
}

static void expect_service_of_another_program(void)
{
    fflush(stdout);
    pid_t child = must(fork());
    int status;
    if (!child) {
        alarm(PATIENCE_SECONDS);
        expect_service();
        _exit(0);
    }
    expect_eq(waitpid(child, &status, 0), child);
    expect_eq(status, 0);
}

struct map_call {
    int iommu;
    uint32_t ioas;
    const uint8_t *memory;
    uint64_t length;
    int result;
};

static void *map_in_a_thread(void *argument)
{
    struct map_call *call = argument;
    call->result = map_at(call->iommu, call->ioas, call->memory, call->length, IOVA, RW);
    return NULL;
}

/* a map waits for each page, as pinning does */
static void map_and_bring(int faults, int iommu, uint32_t ioas, uint8_t *area, uint32_t count, uint32_t seed)
{
    struct map_call call = {.iommu = iommu, .ioas = ioas, .memory = area, .length = count * PAGE};
    pthread_t thread;
    must(pthread_create(&thread, NULL, map_in_a_thread, &call) ? -1 : 0);
    for (uint32_t i = 0; i < count; i++) {
        expect_wait(faults, area + i * PAGE);
        if (i == 0) {
            expect_service();
            uint32_t same = ioas_alloc(iommu); /* of the same context, too */
            must(destroy(iommu, same));
            expect_service_of_another_program();
        }
        bring(faults, area + i * PAGE, seed + i);
    }
    expect_eq(pthread_join(thread, NULL), 0);
    expect_eq(call.result, 0);
}

static void expect_in_device(const struct dmatest *test, size_t length, uint32_t seed)
{
    uint8_t bytes[PAGE];
    buffer_read(test, 0, bytes, length);
    expect_filled(bytes, length, seed);
}

/* the device reads the first page, which must be provided again */
static void start_on_missing(const struct dmatest *test, int faults, uint8_t *area)
{
    take_away(area);
    dma_start(test, IOVA, 256, DMATEST_TO_DEVICE);
    expect_wait(faults, area);
    expect(bar_read32(&test->registers, DMATEST_COMMAND) & DMATEST_START);
}

/* a program is killed while its device waits, and the page never comes: this program keeps the userfaultfd */
static void expect_killed_program_frees(const char *bdf)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    fflush(stdout);
    pid_t child = must(fork());
    if (!child) {
        int iommu = open_iommu(), faults = new_faults();
        uint32_t ioas = ioas_alloc(iommu), pt = ioas;
        struct dmatest test = open_dmatest(bdf, iommu, BY_PIO);
        must(attach(test.device.fd, &pt));
        uint8_t *area = missing_area(faults);
        bring(faults, area, 1);
        must(map_at(iommu, ioas, area, PAGE, IOVA, RW));
        start_on_missing(&test, faults, area);
        expect_eq(write(ends[1], &faults, sizeof(faults)), sizeof(faults));
        for (;;)
            pause();
    }
    int number;
    expect_eq(read(ends[0], &number, sizeof(number)), sizeof(number));
    int process = must((int)syscall(SYS_pidfd_open, child, 0));
    int kept = must((int)syscall(SYS_pidfd_getfd, process, number, 0));
    must(kill(child, SIGKILL));
    expect_eq(waitpid(child, NULL, 0), child);
    int iommu = open_iommu(), cdev;
    wait_until((cdev = open_cdev(bdf)) >= 0 && (bind_iommufd(cdev, iommu, NULL) == 0 || close(cdev)));
    must(close(cdev));
    must(close(kept));
    must(close(process));
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    int iommu = open_iommu(), faults = new_faults();
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    struct dmatest test = open_dmatest(bdf, iommu, BY_PIO);
    must(attach(test.device.fd, &pt));
    uint8_t *area = missing_area(faults);

    map_and_bring(faults, iommu, ioas, area, 2, 1);
    expect_dma(&test, IOVA + PAGE, 256, DMATEST_TO_DEVICE);
    expect_in_device(&test, 256, 2);
    printf("a map waits: ok\n");

    start_on_missing(&test, faults, area);
    expect_service();
    expect_service_of_another_program();
    bring(faults, area, 3);
    expect_eq(dma_wait(&test), DONE);
    expect_in_device(&test, 256, 3);
    take_away(area);
    dma_start(&test, IOVA, 64, 0);
    expect_wait(faults, area);
    bring(faults, area, 5);
    expect_eq(dma_wait(&test), DONE);
    expect_filled(area, 64, 3); /* the data that the device had read */
    printf("a device waits: ok\n");

    /* whoever removes the mapping waits for nobody, and the device finds it gone */
    start_on_missing(&test, faults, area);
    expect_eq(unmap(iommu, ioas, IOVA, 2 * PAGE), 2 * PAGE);
    bring(faults, area, 6);
    expect_eq(dma_wait(&test), FAULT);
    expect_eq(bar_read32(&test.registers, DMATEST_REASON), NOT_MAPPED);
    printf("an unmap does not wait: ok\n");

    must(map_at(iommu, ioas, area, PAGE, IOVA, RW));
    start_on_missing(&test, faults, area);
    must(ioctl(test.device.fd, VFIO_DEVICE_RESET));
    expect_eq(bar_read32(&test.registers, DMATEST_COMMAND) & DMATEST_START, 0);
    bring(faults, area, 7);
    bus_master(&test.device, true);
    expect_dma(&test, IOVA, 256, DMATEST_TO_DEVICE);
    expect_in_device(&test, 256, 7);
    start_on_missing(&test, faults, area);
    must(close(test.device.fd));
    test = open_dmatest(bdf, iommu, BY_PIO);
    bring(faults, area, 8);
    printf("neither do reset and close: ok\n");

    /* attaching faults in earlier mappings */
    must(close(test.device.fd));
    int second = open_iommu();
    uint32_t later = ioas_alloc(second);
    must(map_at(second, later, area + 2 * PAGE, PAGE, IOVA, RW));
    bring(faults, area + 2 * PAGE, 9);
    test = open_dmatest(bdf, second, BY_PIO);
    must(attach(test.device.fd, &later));
    expect_dma(&test, IOVA, 256, DMATEST_TO_DEVICE);
    expect_in_device(&test, 256, 9);
    must(close(test.device.fd));
    must(close(second));

    expect_killed_program_frees(bdf);
    printf("a killed program holds nothing: ok\n");
    printf("missing_pages: all as it must be\n");
    return 0;
}
