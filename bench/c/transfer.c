/* SPDX-License-Identifier: MIT */
/*
 * C's cost of 1 MiB into a program's memory: memcpy into a memfd that both have mapped, also one of huge pages; into
 * private memory process_vm_writev, and writes of /proc/PID/mem in pieces as ours.
 * usage: transfer               measures all, huge pages if there are any
 *        transfer hold          has 1 MiB of private memory, prints its address, ends with standard input
 */
#include "common.h"
#include <fcntl.h>
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
#define PIECE (256ul << 10)

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

/* a memfd of one huge page; NULL if there is none */
static void *huge_block(void)
{
    int file = memfd_create("huge", MFD_HUGETLB);
    if (file < 0 || ftruncate(file, 2 << 20))
        return NULL;
    void *memory = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        return NULL;
    memset(memory, 1, LENGTH);
    return memory;
}

static double timed_copy(void *to, const void *from)
{
    double start = now();
    memcpy(to, from, LENGTH);
    __asm__ volatile("" : : "r"(to) : "memory");
    return now() - start;
}

static double timed_pieces(int file, void *to, const uint8_t *from)
{
    double start = now();
    for (size_t done = 0; done < LENGTH; done += PIECE)
        if (pwrite(file, from + done, PIECE, (off_t)((uintptr_t)to + done)) != (ssize_t)PIECE)
            exit(1);
    return now() - start;
}

static double least(double a, double b)
{
    return a < b ? a : b;
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
    void *shared = block(MAP_SHARED, file), *source = block(MAP_PRIVATE | MAP_ANONYMOUS, -1), *huge = huge_block();
    pid_t child = fork();
    if (!child) {
        memset(theirs, 2, LENGTH);
        pause();
    }
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/mem", child);
    int memory = open(path, O_RDWR);
    double copy = 1e18, huge_copy = 1e18, write = 1e18, pieces = 1e18;
    struct iovec here = {source, LENGTH}, there = {theirs, LENGTH};
    for (int round = 0; round < ROUNDS; round++) {
        copy = least(copy, timed_copy(shared, source));
        if (huge)
            huge_copy = least(huge_copy, timed_copy(huge, source));
        double start = now();
        if (process_vm_writev(child, &here, 1, &there, 1, 0) != (ssize_t)LENGTH)
            return 1;
        write = least(write, now() - start);
        pieces = least(pieces, timed_pieces(memory, theirs, source));
    }
    kill(child, 9);
    waitpid(child, NULL, 0);
    printf("%-44s %6.2f ns\n", "memcpy of 1 MiB", copy);
    if (huge)
        printf("%-44s %6.2f ns\n", "memcpy of 1 MiB into a huge page", huge_copy);
    printf("%-44s %6.2f ns\n", "process_vm_writev of 1 MiB", write);
    printf("%-44s %6.2f ns\n", "1 MiB through /proc/PID/mem", pieces);
    return 0;
}
