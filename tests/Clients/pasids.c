/* SPDX-License-Identifier: MIT */
/*
 * PASIDs of a device, each with its own address space, beside the device's own: the same IOVA leads to different memory
 * for each. An unmap, move or detach of one PASID takes effect at once, and affects no other.
 * usage: pasids BDF
 */
#include "dmatest.h"

enum channel_register { CHANNEL = 0x100 /* apart */, PASID = 0x2c, BUFFER_OFFSET = 0x38 };
#define PASID_ENABLE 0x80000000u
#define SPACES 3
#define IOVA 0x100000u
#define LENGTH 1024u

static struct dmatest test;
static int iommu;
static const uint32_t pasids[SPACES] = {0 /* the device itself */, 1, 77};

struct space {
    uint32_t ioas, hwpt;
    uint8_t *memory;
};

static struct space space_alloc(void)
{
    struct space space = {.ioas = ioas_alloc(iommu), .memory = pages(4)};
    struct iommu_hwpt_alloc alloc = {
        .size = sizeof(alloc), .flags = IOMMU_HWPT_ALLOC_PASID, .dev_id = test.device.id, .pt_id = space.ioas};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc));
    space.hwpt = alloc.out_hwpt_id;
    must(map_at(iommu, space.ioas, space.memory, 4 * PAGE, IOVA, RW));
    return space;
}

static int attach_pasid(uint32_t pasid, uint32_t pt)
{
    return attach_pasid_of(test.device.fd, pasid, pt);
}

static int detach_pasid(uint32_t pasid)
{
    return detach_pasid_of(test.device.fd, pasid);
}

/* a command of the channel with the place's PASID; all places may be busy at once */
static void start(int place, uint32_t pasid, uint32_t direction)
{
    uint32_t base = (uint32_t)place * CHANNEL;
    bar_write64(&test.registers, base + DMATEST_IOVA, IOVA);
    bar_write32(&test.registers, base + DMATEST_LENGTH, LENGTH);
    bar_write32(&test.registers, base + PASID, pasid ? PASID_ENABLE | pasid : 0);
    bar_write32(&test.registers, base + BUFFER_OFFSET, (uint32_t)place * LENGTH);
    bar_write32(&test.registers, base + DMATEST_COMMAND, DMATEST_START | direction);
}

static uint32_t ended(int place)
{
    uint32_t base = (uint32_t)place * CHANNEL;
    wait_until(!(bar_read32(&test.registers, base + DMATEST_COMMAND) & DMATEST_START));
    return bar_read32(&test.registers, base + DMATEST_STATUS);
}

static uint32_t once(int place, uint32_t pasid, uint32_t direction)
{
    start(place, pasid, direction);
    return ended(place);
}

/* memory to the buffer in all spaces at once, then the buffer to memory: each its own */
static void both_ways(struct space *const spaces[SPACES], uint32_t seed)
{
    uint8_t bytes[LENGTH];
    for (uint32_t i = 0; i < SPACES; i++)
        fill(spaces[i]->memory, LENGTH, seed + i);
    for (int i = 0; i < SPACES; i++)
        start(i, pasids[i], DMATEST_TO_DEVICE);
    for (int i = 0; i < SPACES; i++)
        expect_eq(ended(i), DONE);
    for (uint32_t i = 0; i < SPACES; i++) {
        buffer_read(&test, i * LENGTH, bytes, LENGTH);
        expect_filled(bytes, LENGTH, seed + i);
        fill(bytes, LENGTH, seed + 100 + i);
        buffer_write(&test, i * LENGTH, bytes, LENGTH);
    }
    for (int i = 0; i < SPACES; i++)
        start(i, pasids[i], 0);
    for (int i = 0; i < SPACES; i++)
        expect_eq(ended(i), DONE);
    for (uint32_t i = 0; i < SPACES; i++)
        expect_filled(spaces[i]->memory, LENGTH, seed + 100 + i);
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest");
    iommu = open_iommu();
    test = open_dmatest(bdf, iommu, BY_PIO);

    struct space own = space_alloc(), first = space_alloc(), second = space_alloc(), third = space_alloc();
    struct space *spaces[SPACES] = {&own, &first, &second};
    uint32_t pt = own.hwpt;
    must(attach(test.device.fd, &pt));
    must(attach_pasid(pasids[1], first.hwpt));
    must(attach_pasid(pasids[2], second.hwpt));
    both_ways(spaces, 1);
    expect_eq(once(3, 78, DMATEST_TO_DEVICE), FAULT);
    printf("an address space for each PASID: ok\n");

    for (int round = 0; round < 5; round++) {
        must(unmap(iommu, first.ioas, IOVA, 4 * PAGE));
        expect_eq(once(1, pasids[1], DMATEST_TO_DEVICE), FAULT);
        expect_eq(once(2, pasids[2], DMATEST_TO_DEVICE), DONE);
        expect_eq(once(0, 0, DMATEST_TO_DEVICE), DONE);
        /* the same IOVA, new memory: a stale translation would show */
        first.memory = pages(4);
        must(map_at(iommu, first.ioas, first.memory, 4 * PAGE, IOVA, RW));
        both_ways(spaces, (uint32_t)round * 7);
    }
    printf("unmapped for one: ok\n");

    must(attach_pasid(pasids[1], third.hwpt));
    fill(first.memory, LENGTH, 200);
    spaces[1] = &third;
    both_ways(spaces, 50);
    expect_filled(first.memory, LENGTH, 200);
    printf("moved to another: ok\n");

    must(detach_pasid(pasids[1]));
    expect_eq(once(1, pasids[1], DMATEST_TO_DEVICE), FAULT);
    expect_eq(once(2, pasids[2], DMATEST_TO_DEVICE), DONE);
    must(detach_pasid(pasids[2]));
    expect_eq(once(2, pasids[2], DMATEST_TO_DEVICE), FAULT);
    expect_eq(once(0, 0, DMATEST_TO_DEVICE), DONE);
    must(destroy(iommu, third.hwpt));
    must(attach_pasid(pasids[1], first.hwpt));
    spaces[1] = &first;
    must(attach_pasid(pasids[2], second.hwpt));
    both_ways(spaces, 90);
    printf("detached and attached anew: ok\n");
    printf("pasids: all as it must be\n");
    return 0;
}
