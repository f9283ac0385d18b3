/* SPDX-License-Identifier: MIT */
/* A lock that nobody else wants: one atomic instruction to take it, one to release it, as ours have. */
#ifndef SPINLOCK_H
#define SPINLOCK_H

#include <stdbool.h>

static inline void take(int *lock)
{
    int free = 0;
    while (!__atomic_compare_exchange_n(lock, &free, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        free = 0;
}

static inline void release(int *lock)
{
    __atomic_exchange_n(lock, 0, __ATOMIC_SEQ_CST);
}

#endif
