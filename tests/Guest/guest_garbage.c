/* SPDX-License-Identifier: MIT */
/*
 * In a guest, with the module ioasis_dmatest: page tables that are garbage, and a driver that forgets to invalidate.
 * The device faults or reads something of the guest's; it and everything else go on. usage: guest_garbage ROUNDS
 */
#include "guest.h"

#include <sys/prctl.h>

static int test;
static uint64_t state = 88172645463325252u; /* xorshift64 */

static uint64_t number(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* a copy of 64 bytes while the entry of a page is another; the true one comes back in it */
static uint32_t copy_while(const void *spoiled, uint32_t level, uint64_t *entry, const void *from, const void *to)
{
    struct ioasis_dmatest_spoiled_copy call = {
        .copy = {.from = addr(from), .to = addr(to), .length = 64}, .address = addr(spoiled), .entry = *entry,
            .level = level};
    must(ioctl(test, IOASIS_DMATEST_SPOILED_COPY, &call));
    *entry = call.entry;
    return call.copy.status;
}

/* the kernel changes the entry itself, and invalidates */
static void invalidate(uint8_t *page)
{
    must(mprotect(page, PAGE, PROT_READ));
    must(mprotect(page, PAGE, PROT_READ | PROT_WRITE));
    *(volatile uint8_t *)page = *page;
}

/*
 * What an entry above may be without leading the walk into the guest's own memory, whose bits it would set: that is
 * what a guest does to itself.
 */
static uint64_t garbage_above(void)
{
    uint64_t beyond = (number() & 0x000fffffffe00000u) | 1ull << 40;
    switch (number() % 4) {
    case 0:
        return number() & ~1ull;                 /* not present */
    case 1:
        return beyond | 7;                       /* a table where there is no memory */
    case 2:
        return 0xfee00007;                       /* a table where interrupts are */
    default:
        return (number() & ~0x1fe000ull) | 0x87; /* a leaf of 2 MiB somewhere, reserved bits and all */
    }
}

static void garbage(uint8_t *page, uint8_t *to, int rounds)
{
    int faults = 0;
    for (int round = 0; round < rounds; round++) {
        uint32_t level = 1 + round % 2;
        uint64_t somewhere = (number() & 0x0ffff000) | 0x27; /* some page of the guest's memory */
        uint64_t entry = level == 2 ? garbage_above() : number() % 2 ? number() : somewhere;
        uint32_t status = copy_while(page, level, &entry, page, to);
        expect(status == DONE || status == FAULT);
        faults += status == FAULT;
        invalidate(page);
    }
    expect(faults > rounds / 2 && faults < rounds);
    printf("garbage: ok, %d of %d faulted\n", faults, rounds);
}

static void forgotten_invalidation(uint8_t *page, uint8_t *other, uint8_t *to)
{
    int kept = 0;
    for (uint32_t round = 0; round < 20; round++) {
        fill(page, 64, 1);
        fill(other, 64, 2);
        uint64_t entry = 0;
        /* tells the other's entry; and the translation of the page may be kept now */
        expect_eq(copy_while(other, 1, &entry, page, to), DONE);
        expect_filled(to, 64, 1);
        expect_eq(copy_while(page, 1, &entry, page, to), DONE);
        uint8_t wanted[64];
        fill(wanted, 64, 1);
        bool was_kept = !memcmp(to, wanted, 64);
        kept += was_kept;
        if (!was_kept)
            expect_filled(to, 64, 2); /* nothing else */
        invalidate(page);
        expect_eq(copy(test, page, to, 64), DONE);
        expect_filled(to, 64, 1);
    }
    printf("an invalidation that was forgotten: ok, kept %d times of 20\n", kept);
}

int main(int argc, char **argv)
{
    int rounds = atoi(argument(argc, argv, 1, "how many rounds"));
    test = open_test();
    /* 2 MiB of its own: nothing else hangs on the entry above; no large page */
    must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    uint8_t *memory = touched(2048);
    uint8_t *alone = (uint8_t *)((addr(memory) + (2ul << 20)) & ~((2ul << 20) - 1)), *to = touched(1),
        *other = touched(1);
    garbage(alone, to, rounds);
    forgotten_invalidation(alone, other, to);
    expect_copy(test, alone, to, PAGE, 7);
    printf("guest_garbage: all as it must be\n");
    return 0;
}
