/* SPDX-License-Identifier: MIT */
/*
 * Programs that bind devices to themselves, map, attach PASIDs and have DMA running, each killed at a random moment.
 * usage: sva_killed BDF BDF      reads commands, one word per line, and prints "done" after each:
 *   NUMBER     runs and kills this many programs, two at a time, one on each device
 *   check      finds both devices free: no PASID is attached, each can be, DMA works, and all PASIDs of programs are
 *   free
 *        sva_killed work BDF SEED  is such a program: writes a byte to standard output after each step
 */
#include "sva.h"
#include "sva_node.h"
#include <signal.h>
#include <sys/wait.h>

enum { PASIDS = 40, CHANNELS = 4, MOST_STEPS = 30, OWNED_FIRST = 1000, OWNED_LAST = 1015, ENDLESS = 0x7fffffff };

static void step(void)
{
    must(write(1, "", 1));
}

/* a call of a killed program may keep the device until the call is over */
static struct dmatest open_freed(const char *bdf, int iommu, enum how how)
{
    int cdev = open_cdev(bdf);
    uint32_t id = 0;
    wait_until(!bind_iommufd(cdev, iommu, &id));
    return dmatest_from(device_bound(cdev, id), how);
}

/* everything that holds something in the supervisor; never ends by itself */
static void work(const char *bdf, unsigned seed)
{
    srand(seed);
    int iommu = open_iommu();
    step();
    struct dmatest test = open_freed(bdf, iommu, seed % 8 ? BY_PIO : BY_MMAP);
    step();
    uint32_t ioas = ioas_alloc(iommu);
    struct iommu_hwpt_alloc alloc = {
        .size = sizeof(alloc), .flags = IOMMU_HWPT_ALLOC_PASID, .dev_id = test.device.id, .pt_id = ioas};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc)); /* beside PASIDs nothing else can be attached */
    must(attach(test.device.fd, &alloc.out_hwpt_id));
    uint8_t *memory = pages(16);
    must(map_at(iommu, ioas, memory, 8 * PAGE, 0x10000, RW));
    step();
    int file = must(memfd_create("sva_killed", MFD_CLOEXEC));
    must(ftruncate(file, 4 * PAGE));
    struct iommu_ioas_map_file map = {
        .size = sizeof(map), .flags = RW, .ioas_id = ioas, .fd = file, .length = 4 * PAGE};
    must(ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map));
    uint8_t *shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    expect(shared != MAP_FAILED);
    step();
    int events[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        events[i] = new_eventfd();
    must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, CHANNELS, events));
    step();
    uint32_t pasids[CHANNELS];
    int sva = open_sva();
    for (int i = 0; i < 3; i++)
        pasids[CHANNELS - 1] = (uint32_t)must(sva_alloc(sva, OWNED_FIRST, OWNED_LAST));
    step();
    must(attach_sva(&test.device, sva, pasids[CHANNELS - 1]));
    must(sva_bind_process(sva, pasids[CHANNELS - 1]));
    step();
    for (unsigned number = 0; number < CHANNELS; number++) {
        if (number < CHANNELS - 1) {
            pasids[number] = 1 + (number * PASIDS + (unsigned)rand() % PASIDS) / CHANNELS;
            sva_bind(iommu, &test, pasids[number]);
            step();
        }
        struct dmatest channel = sva_channel(&test, number, pasids[number]);
        bar_write32(&channel.registers, DMATEST_VECTOR, number);
        bar_write32(&channel.registers, DMATEST_PIECE, 64);
        bar_write32(&channel.registers, DMATEST_REPEAT, ENDLESS);
        dma_start(&channel, addr(number % 2 ? shared : memory + 8 * PAGE), 4 * PAGE / 4, 0);
        step();
    }
    for (;;) {
        uint32_t number = (uint32_t)rand() % (CHANNELS - 1);
        must(munmap(memory + 8 * PAGE, PAGE));
        expect(mmap(memory + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
            MAP_FAILED);
        step();
        must(detach_pasid_of(test.device.fd, pasids[number]));
        step();
        sva_bind(iommu, &test, pasids[number]);
        step();
    }
}

struct victim {
    pid_t pid;
    int steps;
    unsigned left; /* steps left before it is killed */
};

static struct victim start(const char *self, const char *bdf, unsigned seed)
{
    int pipe_fds[2];
    must(pipe2(pipe_fds, O_CLOEXEC));
    struct victim victim = {.pid = must(fork()), .steps = pipe_fds[0], .left = (unsigned)rand() % MOST_STEPS};
    if (!victim.pid) {
        char text[16];
        snprintf(text, sizeof(text), "%u", seed);
        must(dup2(pipe_fds[1], 1));
        must(execl(self, self, "work", bdf, text, NULL));
    }
    close(pipe_fds[1]);
    return victim;
}

/* at that step, or between it and the next */
static void end(struct victim *victim)
{
    char byte;
    for (; victim->left; victim->left--)
        expect_eq(read(victim->steps, &byte, 1), 1);
    for (int spin = rand() % 2000; spin; spin--)
        __asm__ volatile("pause");
    must(kill(victim->pid, SIGKILL));
    int status;
    expect_eq(waitpid(victim->pid, &status, 0), victim->pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail("expected a program to live until it is killed, came status 0x%x", status);
    close(victim->steps);
}

static void check(const char *bdf)
{
    int iommu = open_iommu();
    struct dmatest test = open_freed(bdf, iommu, BY_PIO);
    static volatile uint8_t bytes[PASIDS + 2];
    for (uint32_t pasid = 1; pasid <= PASIDS + 1; pasid++) {
        struct dmatest channel = sva_channel(&test, pasid % CHANNELS, pasid);
        uint8_t value = (uint8_t)pasid;
        bar_write32(&channel.registers, DMATEST_PIECE, 0);
        bar_write32(&channel.registers, DMATEST_REPEAT, 0);
        bar_write32(&channel.registers, DMATEST_VECTOR, DMATEST_NO_VECTOR);
        expect_fault(&channel, addr(&bytes[pasid]), 1, 0, BLOCKED);
        sva_bind(iommu, &test, pasid);
        buffer_write(&test, 0, &value, 1);
        expect_dma(&channel, addr(&bytes[pasid]), 1, 0);
        expect_eq(bytes[pasid], value);
    }
    close(test.device.fd);
    close(iommu);
    int sva = open_sva();
    for (int64_t pasid = OWNED_FIRST; pasid <= OWNED_LAST; pasid++) {
        int64_t got;
        /* a call of a killed program may not be over */
        wait_until((got = sva_alloc(sva, (uint32_t)pasid, (uint32_t)pasid)) == pasid);
    }
    close(sva);
}

int main(int argc, char **argv)
{
    char line[32];
    const char *bdfs[2] = {argument(argc, argv, 1, "BDF"), argument(argc, argv, 2, "BDF")};
    if (!strcmp(bdfs[0], "work"))
        work(bdfs[1], (unsigned)atoi(argv[3]));
    unsigned seed = 0;
    while (fgets(line, sizeof(line), stdin)) {
        struct victim victims[2];
        unsigned count = (unsigned)atoi(line);
        for (unsigned i = 0; i < count; i++) {
            if (i >= 2)
                end(&victims[i % 2]);
            victims[i % 2] = start(argv[0], bdfs[i % 2], ++seed);
        }
        for (unsigned i = 0; i < (count < 2 ? count : 2); i++)
            end(&victims[i]);
        if (!count) {
            check(bdfs[0]);
            check(bdfs[1]);
        }
        printf("done\n");
    }
    printf("sva_killed: %u programs killed\n", seed);
    return 0;
}
