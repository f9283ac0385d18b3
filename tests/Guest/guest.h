/* SPDX-License-Identifier: MIT */
/* What the programs of guests share: the module ioasis_dmatest, whose device works on the pointers of the process. */
#ifndef GUEST_H
#define GUEST_H

#include "../Clients/client.h"
#include "ioasis_dmatest/ioasis_dmatest.h"

#define DONE 1
#define FAULT 2
#define LENGTH 4096u

static uint32_t pasid; /* the last copy's */

static inline int open_test(void)
{
    return must(open("/dev/ioasis_dmatest", O_RDWR | O_CLOEXEC));
}

static inline uint32_t copy(int test, const volatile void *from, const volatile void *to, uint32_t length)
{
    struct ioasis_dmatest_copy arguments = {.from = addr(from), .to = addr(to), .length = length};
    must(ioctl(test, IOASIS_DMATEST_COPY, &arguments));
    pasid = arguments.pasid;
    return arguments.status;
}

/* There are no page requests: what the device is to reach must be present, and writable where it writes. */
static inline uint8_t *touched(size_t count)
{
    uint8_t *memory = pages(count);
    memset(memory, 0xee, count * PAGE);
    return memory;
}

static inline void expect_copy(int test, uint8_t *from, uint8_t *to, uint32_t length, uint32_t seed)
{
    fill(from, length, seed);
    memset(to, 0, length);
    expect_eq(copy(test, from, to, length), DONE);
    expect_filled(to, length, seed);
}

#endif
