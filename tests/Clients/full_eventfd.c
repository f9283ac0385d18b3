/* SPDX-License-Identifier: MIT */
/*
 * A device signals an eventfd whose counter the program fills again and again. The device goes on, it can be closed,
 * and another process is served meanwhile.
 * usage: full_eventfd BDF ROUNDS (a dmatest)
 */
#include "dmatest.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define IOVA 0x10000
#define LONGEST_OPEN 2.0 /* seconds, on a busy machine */

static int event;
static volatile bool done;

static void *fill_counter(void *unused)
{
    (void)unused;
    uint64_t most = UINT64_MAX - 1;
    while (!done)
        expect_eq(write(event, &most, sizeof(most)), sizeof(most)); /* blocks while there is no room */
    return NULL;
}

static void empty_counter(void)
{
    uint64_t count;
    expect_eq(read(event, &count, sizeof(count)), sizeof(count));
}

/* another program, which opens files that are unrelated to the device */
static pid_t start_innocent(const int *stop)
{
    pid_t child = must(fork());
    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(close(stop[1]));
    struct pollfd end = {.fd = stop[0], .events = POLLIN};
    while (!poll(&end, 1, 1)) {
        double start = now();
        close(must(open("/etc/hostname", O_RDONLY | O_CLOEXEC)));
        expect(now() - start < LONGEST_OPEN);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest");
    int rounds = atoi(argument(argc, argv, 2, "how many rounds"));
    int stop[2], status;
    must(pipe(stop));
    pid_t innocent = start_innocent(stop);

    int iommu = open_iommu();
    struct dmatest test = open_dmatest(bdf, iommu, BY_MMAP);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(test.device.fd, &pt));
    must(map_at(iommu, ioas, pages(1), PAGE, IOVA, RW));
    event = must(eventfd(0, EFD_CLOEXEC)); /* it blocks: that is the point */
    must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    bar_write32(&test.registers, DMATEST_VECTOR, 0);

    pthread_t filler;
    expect(!pthread_create(&filler, NULL, fill_counter, NULL));
    for (int round = 0; round < rounds; round++) {
        empty_counter(); /* and the filler fills it, at any moment of the signal */
        expect_dma(&test, IOVA, 4, DMATEST_TO_DEVICE); /* starts only after the previous signal is over */
    }
    printf("signals to a full eventfd: ok\n");

    must(close(test.device.fd));
    done = true;
    while (pthread_tryjoin_np(filler, NULL)) {
        struct pollfd full = {.fd = event, .events = POLLIN};
        if (poll(&full, 1, 1) == 1)
            empty_counter();
    }
    must(close(stop[1]));
    expect_eq(waitpid(innocent, &status, 0), innocent);
    expect_eq(status, 0);
    printf("another process: ok\n");
    printf("full_eventfd: all as it must be\n");
    return 0;
}
