/* SPDX-License-Identifier: MIT */
/*
 * A device is bound to a process only as long as that process lives: a child is another one, and so is the program
 * after an exec.
 * usage: sva_lives BDF
 */
#include "sva.h"
#include <signal.h>
#include <sys/personality.h>
#include <sys/wait.h>

enum { PASID = 5, ENDLESS = 0x7fffffff };
#define PLACE ((uint8_t *)0x500000000000)

static uint8_t *map_place(void)
{
    uint8_t *page = mmap(PLACE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    expect(page == PLACE);
    return page;
}

static void pattern(const struct dmatest *test, int value)
{
    uint8_t bytes[64];
    memset(bytes, value, sizeof(bytes));
    buffer_write(test, 0, bytes, sizeof(bytes));
}

/* the device writes its first 64 bytes to the page, over and over */
static void begin(const struct dmatest *test)
{
    bar_write32(&test->registers, DMATEST_REPEAT, ENDLESS);
    dma_start(test, addr(PLACE), 64, 0);
}

static void expect_ended(const struct dmatest *test)
{
    expect_eq(dma_wait(test), FAULT);
    expect_eq(bar_read32(&test->registers, DMATEST_REASON), NOT_MAPPED);
    bar_write32(&test->registers, DMATEST_REPEAT, 0);
    expect_fault(test, addr(PLACE), 64, 0, NOT_MAPPED);
    expect_fault(test, addr(PLACE), 64, DMATEST_TO_DEVICE, NOT_MAPPED);
}

static void expect_works(const struct dmatest *test, int iommu, uint32_t pasid)
{
    sva_bind(iommu, test, pasid);
    struct dmatest channel = sva_channel(test, 1, pasid);
    static volatile uint8_t byte;
    pattern(test, 0x77);
    expect_dma(&channel, addr(&byte), 1, 0);
    expect_eq(byte, 0x77);
    must(detach_pasid_of(test->device.fd, pasid));
}

/* a child binds itself, and ends in one of several ways while the device is working */
static void child_ends(const struct dmatest *test, int iommu, int how)
{
    int working[2];
    must(pipe(working));
    pattern(test, 1);
    pid_t child = must(fork());
    if (!child) {
        volatile uint8_t *page = map_place();
        sva_bind(iommu, test, PASID);
        begin(test);
        wait_until(*page == 1);
        must(write(working[1], "", 1));
        if (how == SIGKILL)
            for (;;)
                pause();
        if (how)
            raise(how);
        _exit(0);
    }
    char byte;
    expect_eq(read(working[0], &byte, 1), 1);
    if (how == SIGKILL)
        must(kill(child, how));
    int status;
    must(waitpid(child, &status, 0));
    expect_eq(how ? WTERMSIG(status) : WEXITSTATUS(status), how);
    uint8_t *page = map_place(); /* the same address in another process */
    expect_ended(test);
    for (unsigned i = 0; i < PAGE; i++)
        expect_eq(page[i], 0);
    must(munmap(page, PAGE));
    must(detach_pasid_of(test->device.fd, PASID));
    expect_works(test, iommu, PASID + 1);
    close(working[0]);
    close(working[1]);
}

/* a child's memory is its own from the fork on; the device still uses the parent's */
static void forks(const struct dmatest *test, int iommu)
{
    int ask[2], answer[2];
    must(pipe(ask));
    must(pipe(answer));
    volatile uint8_t *page = map_place();
    pattern(test, 2);
    sva_bind(iommu, test, PASID);
    begin(test);
    wait_until(*page == 2);
    pid_t child = must(fork());
    if (!child) {
        char byte;
        close(ask[1]);
        while (read(ask[0], &byte, 1) == 1) {
            for (unsigned i = 0; i < 64; i++)
                expect_eq(page[i], 2);
            for (unsigned i = 64; i < PAGE; i++)
                expect_eq(page[i], 0);
            must(write(answer[1], "", 1));
        }
        _exit(0);
    }
    close(ask[0]);
    for (int value = 3; value < 200; value++) {
        char byte;
        pattern(test, value);
        wait_until(*page == value);
        must(write(ask[1], "", 1));
        if (read(answer[0], &byte, 1) != 1)
            fail("expected the child's memory to stay as it was");
        if (value == 100) { /* the parent's end does not bind the child */
            must(munmap((void *)page, PAGE));
            expect_ended(test);
            expect(map_place() == page);
            begin(test);
        }
    }
    close(ask[1]);
    int status;
    must(waitpid(child, &status, 0));
    expect_eq(status, 0);
    must(munmap((void *)page, PAGE));
    expect_ended(test);
    must(detach_pasid_of(test->device.fd, PASID));
}

static void exec_as(const char *self, const char *what, const struct dmatest *test, int iommu)
{
    char device[16], context[16], id[16];
    snprintf(device, sizeof(device), "%d", must(dup(test->device.fd))); /* not closed by the exec */
    snprintf(context, sizeof(context), "%d", must(dup(iommu)));
    snprintf(id, sizeof(id), "%u", test->device.id);
    must(execl(self, self, what, device, context, id, NULL));
}

static struct dmatest inherited(char **argv)
{
    struct dmatest test = {.device = {.fd = atoi(argv[2]), .id = (uint32_t)atoi(argv[4])}};
    test.registers = open_bar(&test.device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
    test.buffer = open_bar(&test.device, VFIO_PCI_BAR2_REGION_INDEX, BY_PIO);
    return test;
}

/* the program after the exec: the old binding reaches nobody; it binds itself again */
static int after_exec(const struct dmatest *test, int iommu)
{
    uint8_t *page = map_place();
    expect_ended(test);
    for (unsigned i = 0; i < PAGE; i++)
        expect_eq(page[i], 0);
    expect_works(test, iommu, PASID + 1);
    return 0;
}

/* binds the program to the device, and execs another in its place */
static void bind_and_exec(const char *self, const struct dmatest *test, int iommu)
{
    volatile uint8_t *page = map_place();
    pattern(test, 9);
    sva_bind(iommu, test, PASID);
    begin(test);
    wait_until(*page == 9);
    exec_as(self, "after", test, iommu);
}

static void execs(const char *self, const struct dmatest *test, int iommu, bool alike)
{
    pid_t child = must(fork());
    if (!child) {
        if (!alike)
            bind_and_exec(self, test, iommu);
        must(personality(ADDR_NO_RANDOMIZE)); /* from here on, code and stack have the same addresses in each program */
        exec_as(self, "before", test, iommu);
    }
    int status;
    must(waitpid(child, &status, 0));
    expect_eq(status, 0);
    must(detach_pasid_of(test->device.fd, PASID));
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest");
    if (!strcmp(bdf, "before") || !strcmp(bdf, "after")) {
        struct dmatest given = inherited(argv);
        int context = atoi(argv[3]);
        if (!strcmp(bdf, "after"))
            return after_exec(&given, context);
        bind_and_exec(argv[0], &given, context);
    }
    int iommu = open_iommu();
    struct dmatest first = open_dmatest(bdf, iommu, BY_PIO), test = sva_channel(&first, 0, PASID);
    forks(&test, iommu);
    printf("fork: ok\n");
    for (int round = 0; round < 20; round++) {
        child_ends(&test, iommu, 0);
        child_ends(&test, iommu, SIGTERM);
        child_ends(&test, iommu, SIGKILL);
    }
    printf("exit and kill: ok\n");
    for (int round = 0; round < 10; round++)
        execs(argv[0], &test, iommu, false);
    printf("exec: ok\n");
    for (int round = 0; round < 10; round++)
        execs(argv[0], &test, iommu, true);
    printf("exec of a program that stands at the same addresses: ok\n");
    printf("sva_lives: all as it must be\n");
    return 0;
}
