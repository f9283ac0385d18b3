/* SPDX-License-Identifier: MIT */
/* The common part of the baselines: clock, memory and its pages. */
#ifndef COMMON_H
#define COMMON_H

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096ul

/* nanoseconds */
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline void *reserve(size_t bytes)
{
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        exit(1);
    return block;
}

#endif
