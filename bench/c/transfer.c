/* SPDX-License-Identifier: MIT */
/*
 * C's cost of 1 MiB into a program's memory: memcpy into a memfd that both have mapped, and process_vm_writev into
 * private memory.
 * usage: transfer               measures both
 *        transfer hold          has 1 MiB of private memory, prints its address, ends with standard input
 */
#include "common.h"
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH (1ul << 20)
#define ROUNDS 400

static void *block(int flags, int file)
{
    void *memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    memset(memory, 1, LENGTH);
    return memory;
}

int main(int argc, char **argv)
{
    void *theirs = block(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (argc > 1 && !strcmp(argv[1], "hold")) {
        printf("%d %ju\n", getpid(), (uintmax_t)(uintptr_t)theirs);
        fflush(stdout);
        return getchar() == EOF ? 0 : 1;
    }

    int file = memfd_create("shared", 0);
    if (file < 0 || ftruncate(file, LENGTH))
        return 1;
    void *shared = block(MAP_SHARED, file), *source = block(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    pid_t child = fork();
    if (!child) {
        memset(theirs, 2, LENGTH);
        pause();
    }
    double copy = 1e18, write = 1e18;
    struct iovec here = {source, LENGTH}, there = {theirs, LENGTH};
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        memcpy(shared, source, LENGTH);
        __asm__ volatile("" : : "r"(shared) : "memory");
        double middle = now();
        if (process_vm_writev(child, &here, 1, &there, 1, 0) != (ssize_t)LENGTH)
            return 1;
        double end = now();
        if (middle - start < copy)
            copy = middle - start;
        if (end - middle < write)
            write = end - middle;
    }
    kill(child, 9);
    waitpid(child, NULL, 0);
    printf("%-44s %6.2f ns\n", "memcpy of 1 MiB", copy);
    printf("%-44s %6.2f ns\n", "process_vm_writev of 1 MiB", write);
    return 0;
}
