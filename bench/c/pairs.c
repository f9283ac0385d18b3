/* SPDX-License-Identifier: MIT */
/*
 * C's cost of a map and an unmap of 4 KiB among others: walk to the entry of a 4-level table and set it, walk to it and
 * clear it. Nothing is checked, counted or signalled. Random gaps; tables stay once they exist.
 * usage: pairs [PAGES]      default 1024
 */
#include "entries.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SEQUENCE (1u << 12)
#define PAIRS (1u << 14) /* few, so that other load affects only some rounds */
#define ROUNDS 150

static uint64_t *root;

static inline void barrier(void)
{
    __asm__ volatile("" : : : "memory"); /* a walker must be able to see each one */
}

int main(int argc, char **argv)
{
    uint64_t pages = argc > 1 ? strtoull(argv[1], NULL, 0) : 1024;
    const uint64_t base = 0x100001000;
    static uint64_t gaps[SEQUENCE];
    root = reserve(PAGE);
    for (uint64_t i = 0; i < pages; i++)
        *entry(root, base + i * 2 * PAGE) = (i + 1) * PAGE | 3;
    srand(1);
    for (unsigned i = 0; i < SEQUENCE; i++)
        gaps[i] = base + ((uint64_t)rand() % pages * 2 + 1) * PAGE;

    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (unsigned i = 0; i < PAIRS; i++) {
            uint64_t iova = gaps[i % SEQUENCE];
            *entry(root, iova) = PAGE | 3;
            barrier();
            *entry(root, iova) = 0;
            barrier();
        }
        double each = (now() - start) / PAIRS;
        best = each < best ? each : best;
    }
    printf("%-44s %6.2f ns\n", "4-level entries set and cleared", best);
    return 0;
}
