/* SPDX-License-Identifier: MIT */
/*
 * After an exec a process is another program, even if it is the same one at the same addresses; and a process that
 * shares the former memory lives on.
 * usage: exec_memory BDF
 */
#include <signal.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dmatest.h"

#define PLACE ((void *)0x500000000000)
#define FIRST_PROGRAM 1
#define SECOND_PROGRAM 2
#define HELPER "EXEC_MEMORY_HELPER"

static char stack[65536];

static int keep_memory(void *nothing)
{
    (void)nothing;
    for (;;)
        syscall(SYS_pause);
    return 0;
}

static uint8_t *at_place(uint32_t seed)
{
    uint8_t *memory = mmap(PLACE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    expect(memory == PLACE);
    fill(memory, PAGE, seed);
    return memory;
}

static void first(char **argv)
{
    int iommu = must(open("/dev/iommu", O_RDWR)); /* for the second program to see */
    at_place(FIRST_PROGRAM);
    ioas_alloc(iommu); /* now the memory is known */
    char text[32];
    int helper = must(clone(keep_memory, stack + sizeof(stack), CLONE_VM, NULL));
    /* arguments and environment of the same length, so that everything stays at its address */
    snprintf(text, sizeof(text), "%010d:%04d", helper, iommu);
    must(setenv(HELPER, text, 1));
    must(execv("/proc/self/exe", argv));
}

static void second(const char *bdf, int helper, int iommu)
{
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    uint8_t *memory = at_place(SECOND_PROGRAM), bytes[256];
    struct dmatest test = open_dmatest(bdf, iommu, BY_PIO);
    must(attach(test.device.fd, &pt));
    must(map_at(iommu, ioas, memory, PAGE, 0x100000, RW));
    expect_dma(&test, 0x100000, sizeof(bytes), DMATEST_TO_DEVICE);
    buffer_read(&test, 0, bytes, sizeof(bytes));
    expect_filled(bytes, sizeof(bytes), SECOND_PROGRAM);
    must(kill(helper, SIGKILL));
    expect_eq(waitpid(helper, NULL, __WALL), helper);
    expect_dma(&test, 0x100000, sizeof(bytes), DMATEST_TO_DEVICE);
    printf("exec_memory: all as it must be\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF"), *text = getenv(HELPER);
    if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
        must(setenv(HELPER, "0000000000:0000", 1));
        must(personality(ADDR_NO_RANDOMIZE));
        must(execv("/proc/self/exe", argv));
    }
    int helper = 0, iommu = 0;
    expect_eq(sscanf(text, "%d:%d", &helper, &iommu), 2);
    if (helper)
        second(bdf, helper, iommu);
    else
        first(argv);
    return 0;
}
