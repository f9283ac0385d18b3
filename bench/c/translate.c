/* SPDX-License-Identifier: MIT */
/*
 * C's cost of what port.Read does: find the memory of an IOVA, then copy 64 bytes from it. A hit in a software TLB of
 * 1024 entries; a warm walk of a 4-level table; the copy alone; and both look-ups with the copy. Random pages, 4 KiB
 * each. Also the walk with what makes ours safe against an unmap, and keeps what it found.
 * usage: translate [PAGES]      default 1024
 */
#include "common.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TLB 1024ul
#define SEQUENCE (1u << 16) /* of IOVAs, prepared so that their generation is not measured */
#define LOOKUPS SEQUENCE /* few, so that other load affects only some rounds */
#define ROUNDS 40 /* as many as ours */

struct entry { /* 32 bytes: two to a cache line */
    uint64_t tag, host, permissions, spare;
};

static struct entry tlb[TLB];
static uint64_t *root;
static uint64_t tables = 1;
static uint64_t *sequence;
static uint8_t *memory;

static void map(uint64_t iova, uint64_t host)
{
    uint64_t *table = root;
    for (int shift = 39; shift > 12; shift -= 9) {
        uint64_t *slot = &table[iova >> shift & 511];
        if (!*slot)
            *slot = (uint64_t)reserve(PAGE) | 3, tables++;
        table = (uint64_t *)(*slot & ~0xffful);
    }
    table[iova >> 12 & 511] = host | 3;
    tlb[iova / PAGE % TLB] = (struct entry){.tag = iova / PAGE, .host = host, .permissions = 3};
}

static inline void unmap(uint64_t iova)
{
    uint64_t *table = root;
    for (int shift = 39; shift > 12; shift -= 9)
        table = (uint64_t *)(table[iova >> shift & 511] & ~0xffful);
    table[iova >> 12 & 511] = 0;
}

static inline uint8_t *hit(uint64_t iova)
{
    const struct entry *entry = &tlb[iova / PAGE % TLB];
    if (__builtin_expect(entry->tag != iova / PAGE || !(entry->permissions & 1), 0))
        return NULL;
    return (uint8_t *)(entry->host + iova % PAGE);
}

static inline uint8_t *walk(uint64_t iova)
{
    const uint64_t *table = root;
    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t entry = table[iova >> shift & 511];
        if (__builtin_expect(!(entry & 1), 0))
            return NULL;
        table = (const uint64_t *)(entry & ~0xffful);
    }
    return (uint8_t *)((uint64_t)table + iova % PAGE);
}

/*
 * The same with the steps of a port: it is entered and left, asks its IOTLB first, sees whether it may walk at all,
 * and keeps what it found for the present generation.
 */
static struct {
    volatile uint64_t state, generation, last, isSlow;
    struct {
        uint64_t tag, key, delta, last;
    } kept[256];
} port = {.generation = 2, .last = ~0ul};

static uint8_t *__attribute__((noinline)) walk_and_keep(uint64_t iova, unsigned length)
{
    uint64_t key = port.generation;
    if (iova > port.last || port.isSlow)
        return NULL;
    uint8_t *host = walk(iova);
    uint64_t after = ~iova & (PAGE - 1);
    if (!host || length - 1 >= 256 << 10 || length - 1 > after)
        return NULL;
    uint64_t tag = iova >> 11, place = tag % 256;
    port.kept[place].tag = tag;
    port.kept[place].key = key;
    port.kept[place].delta = (uint64_t)host - iova;
    port.kept[place].last = (iova + after) | 3;
    return host;
}

static inline void port_read(uint64_t iova, uint8_t *to, unsigned length)
{
    uint64_t state = port.state, tag = iova >> 11, place = tag % 256;
    if (state & 1)
        abort();
    port.state = state + 1;
    uint8_t *host = port.kept[place].tag == tag && port.kept[place].key == port.generation &&
            (port.kept[place].last & 1) && length - 1 < 256 << 10 && length - 1 <= port.kept[place].last - iova
        ? (uint8_t *)(port.kept[place].delta + iova)
        : walk_and_keep(iova, length);
    if (!host)
        abort();
    memcpy(to, host, 64);
    __asm__ volatile("" : : "r"(to) : "memory");
    port.state = state + 2;
}

/* ns per iteration; results go into a sum, so that nothing is optimized away */
#define MEASURE(name, statement)                                                              \
    do {                                                                                      \
        double best = 1e18;                                                                   \
        for (int round = 0; round < ROUNDS; round++) {                                        \
            double start = now();                                                             \
            for (unsigned i = 0; i < LOOKUPS; i++) {                                          \
                uint64_t iova = sequence[i % SEQUENCE];                                       \
                statement;                                                                    \
            }                                                                                 \
            double each = (now() - start) / LOOKUPS;                                          \
            best = each < best ? each : best;                                                 \
        }                                                                                     \
        printf("%-44s %6.2f ns\n", name, best);                                               \
    } while (0)

int main(int argc, char **argv)
{
    uint64_t pages = argc > 1 ? strtoull(argv[1], NULL, 0) : 1024, sum = 0;
    uint8_t bytes[64];
    root = reserve(PAGE);
    memory = reserve(pages * PAGE);
    /* as a VMM requests for its guest; otherwise the host's 4 KiB pages dominate */
    madvise(memory, pages * PAGE, MADV_HUGEPAGE);
    memset(memory, 1, pages * PAGE);
    sequence = malloc(SEQUENCE * sizeof(*sequence));
    const uint64_t base = 0x40000000;
    for (uint64_t i = 0; i < pages; i++)
        map(base + i * PAGE, (uint64_t)memory + i * PAGE);
    srand(1);
    for (unsigned i = 0; i < SEQUENCE; i++) /* 64-byte slots; the TLB's sequence fits in the TLB */
        sequence[i] = base + ((uint64_t)rand() % pages) * PAGE + ((uint64_t)rand() % 64) * 64;
    printf("%lu pages\n", pages);

    if (pages <= TLB) {
        MEASURE("software TLB hit", sum += (uint64_t)hit(iova));
        uint64_t last = 0; /* each look-up depends on the last one: the processor does not know that this is always 0 */
        MEASURE("software TLB hit, one after the other", {
            __asm__ volatile("andq $0, %0" : "+r"(last));
            sum += last = (uint64_t)hit(iova + last);
        });
    }
    MEASURE("4-level walk", sum += (uint64_t)walk(iova));
#define COPY(from)                                                                            \
    do {                                                                                      \
        memcpy(bytes, from, 64);                                                              \
        __asm__ volatile("" : : "r"(bytes) : "memory"); /* forces the copy */                 \
    } while (0)
    MEASURE("memcpy of 64 bytes", COPY(memory + (iova - base)));
    if (pages <= TLB)
        MEASURE("software TLB hit, then memcpy of 64 bytes", COPY(hit(iova)));
    MEASURE("4-level walk, then memcpy of 64 bytes", COPY(walk(iova)));
    MEASURE("the same with the steps of a port", port_read(iova, bytes, 64));
    double start = now();
    for (uint64_t i = 0; i < pages; i++)
        unmap(base + i * PAGE);
    printf("%-44s %6.2f ns\n", "clearing 4-level entries", (now() - start) / (double)pages);
    printf("%-44s %6.2f bytes\n", "4-level table for each mapping", (double)(tables * PAGE) / (double)pages);
    return sum == 42; /* never true; keeps the sum in use */
}
