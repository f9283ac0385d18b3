/* SPDX-License-Identifier: MIT */
/*
 * In a guest, with the module ioasis_dmatest: the device copies between pointers of this process, of every kind, and of
 * two processes at once; what the process has not, or takes away, the device has not either. usage: guest_sva
 */
#include "guest.h"

#include <signal.h>
#include <sys/wait.h>

static uint8_t in_data[2 * LENGTH] = {1};

static void pointers_of_every_kind(int test)
{
    uint8_t on_stack[LENGTH];
    uint8_t *heap = malloc(2 * LENGTH), *mapped = touched(4);
    memset(heap, 1, 2 * LENGTH);
    expect_copy(test, heap, heap + LENGTH, LENGTH, 1);
    expect_copy(test, mapped, on_stack, sizeof(on_stack), 2);
    expect_copy(test, on_stack, in_data, sizeof(on_stack), 3);
    for (uint32_t length = 1; length < LENGTH; length = length * 3 + 1) /* odd places, across a page */
        expect_copy(test, mapped + 4 * PAGE - LENGTH - 7, mapped + PAGE - length / 2, length, length);
    free(heap);
    expect(pasid != 0);
    printf("pointers of every kind: ok, PASID %u\n", pasid);
}

static void what_the_process_has_not(int test)
{
    uint8_t *memory = touched(4);
    expect_copy(test, memory, memory + PAGE, LENGTH, 5);
    for (uint32_t round = 0; round < 20; round++) {
        /* the device has used it, and then it is gone: a translation that was kept would show */
        must(munmap(memory + PAGE, PAGE));
        expect_eq(copy(test, memory, memory + PAGE, LENGTH), FAULT);
        must((intptr_t)mmap(memory + PAGE, PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
        memory[PAGE] = 1;
        expect_copy(test, memory, memory + PAGE, LENGTH, round);
    }
    must(mprotect(memory + PAGE, PAGE, PROT_READ));
    expect_eq(copy(test, memory, memory + PAGE, LENGTH), FAULT);
    expect_eq(copy(test, memory + PAGE, memory + 2 * PAGE, LENGTH), DONE);
    must(mprotect(memory + PAGE, PAGE, PROT_READ | PROT_WRITE));
    memory[PAGE] = 1;
    expect_copy(test, memory, memory + PAGE, LENGTH, 9);
    expect_eq(copy(test, (void *)8, memory, 64), FAULT);
    expect_eq(copy(test, (void *)0xffffffff81000000, memory, 64), FAULT); /* the kernel's text */
    printf("what the process has not: ok\n");
}

/* the same addresses in each, and other bytes */
static void two_processes(void)
{
    int go[2];
    must(pipe(go));
    pid_t children[2];
    for (uint32_t i = 0; i < 2; i++)
        if (!(children[i] = must(fork()))) {
            char byte;
            int test = open_test();
            expect_eq(read(go[0], &byte, 1), 1);
            static uint8_t from[2 * LENGTH] = {1}, to[2 * LENGTH] = {1};
            memset(to, 1, sizeof(to)); /* no longer its parent's */
            for (uint32_t round = 0; round < 50; round++)
                expect_copy(test, from, to, LENGTH, round * 2 + i);
            exit(0);
        }
    must(write(go[1], "gg", 2));
    for (int i = 0; i < 2; i++) {
        int status;
        must(waitpid(children[i], &status, 0));
        expect_eq(status, 0);
    }
    printf("two processes: ok\n");
}

/* The file is its parent's still, whose address space goes on; one that dies with its binding takes it along. */
static void killed(void)
{
    for (int round = 0; round < 5; round++) {
        int ready[2];
        char byte;
        must(pipe(ready));
        pid_t child = must(fork());
        if (!child) {
            int test = open_test();
            uint8_t *memory = touched(2);
            expect_copy(test, memory, memory + PAGE, LENGTH, 3);
            must(write(ready[1], "r", 1));
            for (;;)
                copy(test, memory, memory + PAGE, LENGTH);
        }
        expect_eq(read(ready[0], &byte, 1), 1);
        must(kill(child, 9));
        int status;
        must(waitpid(child, &status, 0));
        expect(WIFSIGNALED(status));
        close(ready[0]);
        close(ready[1]);
    }
    printf("killed while the device works: ok\n");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    int test = open_test();
    pointers_of_every_kind(test);
    what_the_process_has_not(test);
    two_processes();
    killed();
    pointers_of_every_kind(test);
    printf("guest_sva: all as it must be\n");
    return 0;
}
