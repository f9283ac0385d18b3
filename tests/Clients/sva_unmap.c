/* SPDX-License-Identifier: MIT */
/*
 * Devices write to a program's own pointers as fast as they can, while the program revokes the memory in every way.
 * usage: sva_unmap BDF BDF ACCESSES strict|lax
 *   strict: once munmap and its like have returned, no access that began earlier writes any more, anywhere
 *   lax: such an access ends on the page that it began on, and nowhere else; their number is printed
 * One of two threads revokes private memory, the other shared memory. Revoked memory is checked through whatever keeps
 * it: another mapping of the file, the place it was moved to, or itself, protected. Its address is given to new memory
 * that no later access can write, because it is read-only. The devices count ACCESSES, one for each piece of 24 bytes.
 */
#include "sva.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    DEVICES = 2, CHANNELS = 4, AREAS = 2, SLOTS = 4, SLOT = 2 * PAGE, PASID = 5, LENGTH = 4096, PIECE = 24,
    NOWHERE = -1
};

struct channel {
    struct dmatest test;
    int event;
    atomic_int at; /* the slot of its area that it writes to */
    uint64_t accesses;
};

struct area {
    bool shared;
    int file;
    uint8_t *memory;         /* SLOTS slots, with an inaccessible page before and after each */
    const uint8_t *view;     /* the same bytes of the file, mapped elsewhere */
    uint8_t *elsewhere;      /* address that a slot is moved to */
    atomic_bool open[SLOTS]; /* commands may start there */
    uint64_t taken, late;
};

static struct channel channels[DEVICES][CHANNELS];
static struct area areas[AREAS] = {{.shared = false}, {.shared = true}};
static atomic_ullong accesses;
static uint64_t wanted;
static bool strict;
static int iommu;

static bool enough(void)
{
    return atomic_load(&accesses) >= wanted;
}

static size_t offset_of(unsigned slot)
{
    return slot * (SLOT + PAGE) + PAGE;
}

static uint8_t *place(const struct area *area, unsigned slot)
{
    return area->memory + offset_of(slot);
}

/* channels 0 and 1 of each device work on the private area, 2 and 3 on the shared one */
static void *drive(void *argument)
{
    struct channel *channel = argument;
    long number = (channel - &channels[0][0]) % CHANNELS;
    struct area *area = &areas[number / 2];
    uint64_t before = bar_read64(&channel->test.registers, DMATEST_ACCESSES);
    bar_write32(&channel->test.registers, DMATEST_LENGTH, LENGTH);
    bar_write32(&channel->test.registers, DMATEST_PIECE, PIECE);
    bar_write32(&channel->test.registers, DMATEST_REPEAT, 3);
    bar_write32(&channel->test.registers, DMATEST_VECTOR, (uint32_t)number);
    for (unsigned slot = (unsigned)number; !enough(); slot = (slot + 1) % SLOTS) {
        atomic_store(&channel->at, (int)slot);
        if (!atomic_load(&area->open[slot])) {
            atomic_store(&channel->at, NOWHERE);
            sched_yield();
            continue;
        }
        /* half of it on each of the two pages, with one access across */
        bar_write64(&channel->test.registers, DMATEST_IOVA, addr(place(area, slot)) + PAGE - LENGTH / 2);
        bar_write32(&channel->test.registers, DMATEST_COMMAND, DMATEST_START);
        wait_event(channel->event);
        uint32_t status = bar_read32(&channel->test.registers, DMATEST_STATUS);
        if (status != DONE) {
            expect_eq(status, FAULT);
            expect_eq(bar_read32(&channel->test.registers, DMATEST_REASON), NOT_MAPPED);
        }
        atomic_store(&channel->at, NOWHERE);
        uint64_t count = bar_read64(&channel->test.registers, DMATEST_ACCESSES);
        atomic_fetch_add(&accesses, count - before);
        before = count;
    }
    return NULL;
}

/* a slot of the area that is being written to, NOWHERE if there is none; another one each time */
static int busy(unsigned area)
{
    static _Thread_local unsigned turn;
    for (unsigned i = 0; i < DEVICES * 2; i++) {
        turn++;
        int slot = atomic_load(&channels[turn / 2 % DEVICES][2 * area + turn % 2].at);
        if (slot != NOWHERE && *(volatile uint8_t *)(place(&areas[area], (unsigned)slot) + PAGE - LENGTH / 2))
            return slot;
    }
    return NOWHERE;
}

static unsigned writers(unsigned area, unsigned slot)
{
    unsigned count = 0;
    for (unsigned device = 0; device < DEVICES; device++)
        for (unsigned channel = 2 * area; channel < 2 * area + 2; channel++)
            count += atomic_load(&channels[device][channel].at) == (int)slot;
    return count;
}

static void *map(const struct area *area, void *at, unsigned slot, int protection)
{
    void *memory = area->shared && protection != PROT_READ
        ? mmap(at, SLOT, protection, MAP_SHARED | MAP_FIXED, area->file, (off_t)offset_of(slot))
        : mmap(at, SLOT, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    expect(memory == at);
    return memory;
}

static unsigned changed(const uint8_t *memory, const uint8_t *was)
{
    unsigned count = 0;
    for (unsigned page = 0; page < SLOT / PAGE; page++)
        count += memcmp(memory + page * PAGE, was + page * PAGE, PAGE) != 0;
    return count;
}

/* revokes a slot in one of the ways; returns the bytes that must stay unchanged from now on, and copies them */
static const uint8_t *take(const struct area *area, unsigned slot, unsigned way, uint8_t *was)
{
    static const uint8_t nothing[SLOT];
    uint8_t *memory = place(area, slot);
    const uint8_t *kept = area->shared ? area->view + offset_of(slot) : nothing;
    switch (way) {
    case 0: /* a protected slot */
        must(mprotect(memory, SLOT, PROT_READ));
        kept = memory;
        break;
    case 1: /* its address is reused at once */
        map(area, memory, slot, PROT_READ);
        break;
    case 2: /* moved away: nobody was told to write there */
        must(mremap(memory, SLOT, SLOT, MREMAP_MAYMOVE | MREMAP_FIXED, area->elsewhere) == area->elsewhere ? 0 : -1);
        kept = area->elsewhere;
        break;
    default:
        must(munmap(memory, SLOT));
    }
    memcpy(was, kept, SLOT);
    if (way >= 2)
        map(area, memory, slot, PROT_READ);
    return kept;
}

static void *unmapper(void *argument)
{
    static const uint8_t nothing[SLOT];
    struct area *area = argument;
    unsigned number = (unsigned)(area - areas);
    uint8_t was[SLOT];
    for (unsigned round = 0; !enough(); round++) {
        int found;
        while ((found = busy(number)) == NOWHERE && !enough())
            sched_yield();
        if (found == NOWHERE)
            break;
        unsigned slot = (unsigned)found, way = round % 4;
        uint8_t *memory = place(area, slot);
        unsigned most = 2 * DEVICES; /* each with at most one access under way */
        const uint8_t *kept = take(area, slot, way, was);
        atomic_store(&area->open[slot], false);
        while (writers(number, slot))
            sched_yield();
        unsigned late = changed(kept, was);
        if (way != 0)
            late += changed(memory, nothing);
        if (late > (strict ? 0 : most))
            fail("expected %s, came %u pages with late writes in way %u on %s memory",
                strict ? "none" : "one page for each channel at most", late, way, area->shared ? "shared" : "private");
        area->late += late;
        area->taken++;
        if (area->shared)
            must(pwrite(area->file, nothing, SLOT, (off_t)offset_of(slot)));
        map(area, memory, slot, PROT_READ | PROT_WRITE);
        atomic_store(&area->open[slot], true);
    }
    return NULL;
}

static void make_area(struct area *area)
{
    size_t length = offset_of(SLOTS);
    area->memory = pages(length / PAGE);
    area->elsewhere = pages(SLOT / PAGE);
    if (area->shared) {
        area->file = must(memfd_create("sva_unmap", MFD_CLOEXEC));
        must(ftruncate(area->file, (off_t)length));
        area->view = mmap(NULL, length, PROT_READ, MAP_SHARED, area->file, 0);
        expect(area->view != MAP_FAILED);
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        map(area, place(area, slot), slot, PROT_READ | PROT_WRITE);
        atomic_store(&area->open[slot], true);
    }
}

int main(int argc, char **argv)
{
    pthread_t drivers[DEVICES][CHANNELS], unmappers[AREAS];
    static uint8_t pattern[PAGE], nothing[PAGE];
    double start = now();
    iommu = open_iommu();
    wanted = strtoull(argument(argc, argv, 3, "accesses"), NULL, 0);
    strict = !strcmp(argument(argc, argv, 4, "strict or lax"), "strict");
    memset(pattern, 0xa5, sizeof(pattern));
    for (unsigned area = 0; area < AREAS; area++)
        make_area(&areas[area]);
    for (unsigned device = 0; device < DEVICES; device++) {
        struct dmatest test = open_dmatest(argument(argc, argv, 1 + (int)device, "BDF of a dmatest"), iommu, BY_PIO);
        buffer_write(&test, 0, pattern, sizeof(pattern));
        sva_bind(iommu, &test, PASID);
        int events[CHANNELS];
        for (unsigned number = 0; number < CHANNELS; number++) {
            struct channel *channel = &channels[device][number];
            *channel = (struct channel){
                .test = sva_channel(&test, number, PASID), .event = must(eventfd(0, EFD_CLOEXEC)), .at = NOWHERE};
            events[number] = channel->event;
        }
        must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, CHANNELS, events));
    }
    for (unsigned device = 0; device < DEVICES; device++)
        for (unsigned number = 0; number < CHANNELS; number++)
            expect_eq(pthread_create(&drivers[device][number], NULL, drive, &channels[device][number]), 0);
    for (unsigned area = 0; area < AREAS; area++)
        expect_eq(pthread_create(&unmappers[area], NULL, unmapper, &areas[area]), 0);
    for (unsigned area = 0; area < AREAS; area++)
        expect_eq(pthread_join(unmappers[area], NULL), 0);
    for (unsigned device = 0; device < DEVICES; device++)
        for (unsigned number = 0; number < CHANNELS; number++)
            expect_eq(pthread_join(drivers[device][number], NULL), 0);

    uint64_t late = 0, taken = 0;
    for (unsigned area = 0; area < AREAS; area++) {
        for (unsigned slot = 0; slot <= SLOTS; slot++)
            expect(!memcmp(areas[area].memory + slot * (SLOT + PAGE), nothing, PAGE));
        printf("%s: taken away %" PRIu64 " times, %" PRIu64 " pages with late writes\n", area ? "shared" : "private",
            areas[area].taken, areas[area].late);
        taken += areas[area].taken;
        late += areas[area].late;
    }
    printf("%llu accesses in %.1f s\n", (unsigned long long)atomic_load(&accesses), now() - start);
    expect(taken > 100);
    printf("sva_unmap: %s\n", late ? "late writes, each on its page" : "no late write");
    return 0;
}
