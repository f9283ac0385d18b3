/* SPDX-License-Identifier: MIT */
/* The entries of a 4-level table of pages. Tables stay once they exist. */
#ifndef ENTRIES_H
#define ENTRIES_H

#include "common.h"
#include <stdint.h>

static inline uint64_t *entry(uint64_t *table, uint64_t iova)
{
    for (int shift = 39; shift > 12; shift -= 9) {
        uint64_t *slot = &table[iova >> shift & 511];
        if (__builtin_expect(!*slot, 0))
            *slot = (uint64_t)reserve(PAGE) | 3;
        table = (uint64_t *)(*slot & ~0xffful);
    }
    return &table[iova >> 12 & 511];
}

#endif
