/* SPDX-License-Identifier: MIT */
/*
 * C's cost of a nested walk without caches. An IOVA goes through 4 levels of a guest's first stage. Each entry has a
 * guest-physical address, which 4 levels of a second stage translate; so has the page. That makes 24 references. Only
 * what a read needs is checked: present and user in the first stage, readable in the second. Random pages, 4 KiB each.
 * usage: nested [PAGES]      default 1024
 */
#include "common.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SEQUENCE (1u << 16)
#define LOOKUPS SEQUENCE /* few, so that other load affects only some rounds */
#define ROUNDS 100
#define ADDRESS 0x000ffffffffff000ul

static uint64_t *second; /* the root of the second stage */
static uint64_t next_gpa = 0x100000000ul;

static inline uint64_t *host(uint64_t gpa)
{
    const uint64_t *table = second;
    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t entry = table[gpa >> shift & 511];
        if (__builtin_expect(!(entry & 1), 0))
            return NULL;
        table = (const uint64_t *)(entry & ADDRESS);
    }
    return (uint64_t *)((uint64_t)table + gpa % PAGE);
}

/* Makes a page of guest memory, mapped by the second stage; returns its guest-physical address. */
static uint64_t guest_page(void)
{
    uint64_t gpa = next_gpa, *table = second;
    next_gpa += PAGE;
    for (int shift = 39; shift > 12; shift -= 9) {
        uint64_t *slot = &table[gpa >> shift & 511];
        if (!*slot)
            *slot = (uint64_t)reserve(PAGE) | 3;
        table = (uint64_t *)(*slot & ADDRESS);
    }
    table[gpa >> 12 & 511] = (uint64_t)reserve(PAGE) | 3;
    return gpa;
}

static void map(uint64_t root, uint64_t iova)
{
    uint64_t table = root;
    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t *slot = &host(table)[iova >> shift & 511];
        if (!*slot)
            *slot = guest_page() | 0x67; /* P, R/W, U/S, A, D */
        table = *slot & ADDRESS;
    }
}

static inline uint64_t *walk(uint64_t root, uint64_t iova)
{
    uint64_t table = root;
    for (int shift = 39; shift >= 12; shift -= 9) {
        const uint64_t *entry = host(table | (iova >> shift & 511) * 8);
        if (__builtin_expect(!entry || (*entry & 0x25) != 0x25, 0)) /* P, U/S, and A need not be set */
            return NULL;
        table = *entry & ADDRESS;
    }
    return host(table | iova % PAGE);
}

int main(int argc, char **argv)
{
    uint64_t pages = argc > 1 ? strtoull(argv[1], NULL, 0) : 1024, sum = 0;
    const uint64_t base = 0x40000000;
    second = reserve(PAGE);
    uint64_t root = guest_page();
    for (uint64_t i = 0; i < pages; i++)
        map(root, base + i * PAGE);
    uint64_t *sequence = malloc(SEQUENCE * sizeof(*sequence));
    srand(1);
    for (unsigned i = 0; i < SEQUENCE; i++)
        sequence[i] = base + ((uint64_t)rand() % pages) * PAGE + ((uint64_t)rand() % 64) * 64;

    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (unsigned i = 0; i < LOOKUPS; i++) {
            uint64_t *at = walk(root, sequence[i % SEQUENCE]);
            if (!at)
                return 1;
            sum += (uint64_t)at;
        }
        double each = (now() - start) / LOOKUPS;
        best = each < best ? each : best;
    }
    printf("%-44s %6.2f ns\n", "nested walk, 24 references", best);
    return sum == 42; /* never true; keeps the sum in use */
}
