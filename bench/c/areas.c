/* SPDX-License-Identifier: MIT */
/*
 * C's cost of a map and an unmap of 4 KiB among others with the steps that an IOAS takes: under the lock of its areas,
 * the area is found, added or removed in a tree, its page is charged to a user and a process, and under a second lock
 * its entry is set or cleared in a 4-level table. Each call holds the memory of its structure meanwhile. The tree is
 * ours (RangeMap): 64 children, 16 areas in a leaf, of which half are there. Random gaps. Nothing is read from a
 * program, checked, told to observers or charged for its size, and no node is made or freed.
 * usage: areas [AREAS]      default 1024
 */
#include "entries.h"
#include "spinlock.h"
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SEQUENCE (1u << 12)
#define PAIRS (1u << 14) /* few, so that other load affects only some rounds */
#define ROUNDS 150
#define BASE 0x100001000ul
#define LEAF 16
#define INNER 64

struct leaf {
    uint64_t first[LEAF], last[LEAF], value[LEAF];
    struct leaf *next;
    int count;
};

struct inner {
    uint64_t key[INNER];
    void *child[INNER];
    int count;
};

static void *root;
static int height; /* levels above the leaves */
static uint64_t *table;
static int areas_lock, table_lock;
static int64_t structure, block, user, process; /* counts */

/* how many keys are at or below an address; those that are not used are INT64_MAX */
__attribute__((target("avx2"))) static int at_or_below(const uint64_t *keys, int count, uint64_t address)
{
    __m256i limit = _mm256_set1_epi64x((int64_t)address + 1), found = _mm256_setzero_si256();
    for (int i = 0; i < count; i += 4)
        found = _mm256_sub_epi64(
            found, _mm256_cmpgt_epi64(limit, _mm256_loadu_si256((const __m256i *)(const void *)&keys[i])));
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(found), _mm256_extracti128_si256(found, 1));
    return (int)(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

static struct leaf *find(uint64_t address)
{
    void *node = root;
    for (int level = 0; level < height; level++) {
        struct inner *inner = node;
        node = inner->child[at_or_below(inner->key, inner->count, address) - 1];
    }
    return node;
}

static bool charge(int64_t *count, int64_t limit)
{
    int64_t now = __atomic_load_n(count, __ATOMIC_RELAXED);
    do {
        if (now >= limit)
            return false;
    } while (!__atomic_compare_exchange_n(count, &now, now + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return true;
}

static bool map(uint64_t iova, uint64_t address)
{
    __atomic_fetch_add(&structure, 1, __ATOMIC_SEQ_CST);
    take(&areas_lock);
    struct leaf *leaf = find(iova);
    int at = at_or_below(leaf->first, leaf->count, iova);
    uint64_t next = at < leaf->count ? leaf->first[at] : leaf->next ? leaf->next->first[0] : UINT64_MAX;
    bool free = (at == 0 || leaf->last[at - 1] < iova) && next > iova + PAGE - 1 && leaf->count < LEAF;
    if (free && charge(&user, 1l << 40)) {
        __atomic_fetch_add(&process, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&block, 1, __ATOMIC_SEQ_CST);
        take(&table_lock);
        __atomic_store_n(entry(table, iova), address | 3, __ATOMIC_RELEASE);
        release(&table_lock);
        for (int i = leaf->count++; i > at; i--) {
            leaf->first[i] = leaf->first[i - 1];
            leaf->last[i] = leaf->last[i - 1];
            leaf->value[i] = leaf->value[i - 1];
        }
        leaf->first[at] = iova;
        leaf->last[at] = iova + PAGE - 1;
        leaf->value[at] = address;
    }
    release(&areas_lock);
    __atomic_fetch_sub(&structure, 1, __ATOMIC_SEQ_CST);
    return free;
}

static bool unmap(uint64_t iova)
{
    __atomic_fetch_add(&structure, 1, __ATOMIC_SEQ_CST);
    take(&areas_lock);
    struct leaf *leaf = find(iova);
    int at = at_or_below(leaf->first, leaf->count, iova) - 1;
    bool found = at >= 0 && leaf->first[at] == iova && leaf->last[at] == iova + PAGE - 1;
    if (found) {
        leaf->count--;
        for (int i = at; i < leaf->count; i++) {
            leaf->first[i] = leaf->first[i + 1];
            leaf->last[i] = leaf->last[i + 1];
            leaf->value[i] = leaf->value[i + 1];
        }
        leaf->first[leaf->count] = INT64_MAX;
        take(&table_lock);
        __atomic_store_n(entry(table, iova), 0, __ATOMIC_RELEASE);
        release(&table_lock);
        __atomic_fetch_sub(&block, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_sub(&user, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_sub(&process, 1, __ATOMIC_SEQ_CST);
    }
    release(&areas_lock);
    __atomic_fetch_sub(&structure, 1, __ATOMIC_SEQ_CST);
    return found;
}

/* a tree of areas with a page between each and the next, half full */
static void build(uint64_t areas)
{
    uint64_t count = (areas + LEAF / 2 - 1) / (LEAF / 2);
    void **nodes = calloc(count, sizeof(*nodes));
    uint64_t *keys = calloc(count, sizeof(*keys));
    if (!nodes || !keys)
        exit(1);
    struct leaf *before = NULL;
    for (uint64_t n = 0, area = 0; n < count; n++) {
        struct leaf *leaf = calloc(1, sizeof(*leaf));
        if (!leaf)
            exit(1);
        for (int i = 0; i < LEAF; i++)
            leaf->first[i] = INT64_MAX;
        for (; leaf->count < LEAF / 2 && area < areas; area++, leaf->count++) {
            uint64_t iova = BASE + area * 2 * PAGE;
            leaf->first[leaf->count] = iova;
            leaf->last[leaf->count] = iova + PAGE - 1;
            *entry(table, iova) = (area + 1) * PAGE | 3;
        }
        if (before)
            before->next = leaf;
        nodes[n] = before = leaf;
        keys[n] = n ? leaf->first[0] : 0;
    }
    for (; count > 1; height++) {
        uint64_t above = (count + INNER / 2 - 1) / (INNER / 2);
        for (uint64_t n = 0; n < above; n++) {
            struct inner *inner = calloc(1, sizeof(*inner));
            if (!inner)
                exit(1);
            for (int i = 0; i < INNER; i++)
                inner->key[i] = INT64_MAX;
            for (; inner->count < INNER / 2 && n * (INNER / 2) + (uint64_t)inner->count < count; inner->count++) {
                inner->key[inner->count] = keys[n * (INNER / 2) + (uint64_t)inner->count];
                inner->child[inner->count] = nodes[n * (INNER / 2) + (uint64_t)inner->count];
            }
            uint64_t key = inner->key[0];
            nodes[n] = inner;
            keys[n] = key;
        }
        count = above;
    }
    root = nodes[0];
}

int main(int argc, char **argv)
{
    uint64_t areas = argc > 1 ? strtoull(argv[1], NULL, 0) : 1024;
    static uint64_t gaps[SEQUENCE];
    if (!__builtin_cpu_supports("avx2")) {
        fprintf(stderr, "areas: the processor has no AVX2\n");
        return 1;
    }
    table = reserve(PAGE);
    build(areas);
    srand(1);
    for (unsigned i = 0; i < SEQUENCE; i++)
        gaps[i] = BASE + ((uint64_t)rand() % areas * 2 + 1) * PAGE;

    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (unsigned i = 0; i < PAIRS; i++)
            if (!map(gaps[i % SEQUENCE], PAGE) || !unmap(gaps[i % SEQUENCE]))
                return 1;
        double each = (now() - start) / PAIRS;
        best = each < best ? each : best;
    }
    printf("%-44s %6.2f ns\n", "a map and an unmap with the steps of ours", best);
    return 0;
}
