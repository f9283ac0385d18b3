/* SPDX-License-Identifier: MIT */
/*
 * Two mdevs of one dmatest, each another process's. What one of them unmaps, resets, closes, or loses by being killed,
 * is not seen by the other, whose DMA goes on all the time.
 * usage: mdev_parts UUID UUID PARENT (two mdevs of the type dmatest-1ch, and the address of their parent)
 */
#include <signal.h>
#include <sys/wait.h>

#include "dmatest.h"

#define IOVA 0x10000
#define ROUNDS 1000 /* of 1024 accesses: a million */

struct owner {
    int iommu;
    uint32_t ioas;
    uint8_t *memory;
    struct dmatest test;
};

static struct owner own(const char *uuid, uint8_t value)
{
    struct owner owner = {.iommu = open_iommu(), .memory = pages(3)};
    owner.ioas = ioas_alloc(owner.iommu);
    owner.test = open_dmatest(uuid, owner.iommu, BY_PIO);
    expect_eq(owner.test.device.model, DMATEST_MDEV_MODEL);
    uint32_t pt = owner.ioas;
    must(attach(owner.test.device.fd, &pt));
    uint8_t bytes[PAGE];
    memset(bytes, value, sizeof(bytes));
    buffer_write(&owner.test, 0, bytes, sizeof(bytes));
    bar_write32(&owner.test.registers, DMATEST_PIECE, 4);
    return owner;
}

/* the page in the middle; those beside it show what goes astray */
static void map_page(const struct owner *owner)
{
    memset(owner->memory, 0, 3 * PAGE);
    must(map_at(owner->iommu, owner->ioas, owner->memory + PAGE, PAGE, IOVA, RW));
}

static void expect_bytes(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        expect_eq(bytes[i], value);
}

static void write_on(const struct owner *owner, uint32_t rounds)
{
    bar_write32(&owner->test.registers, DMATEST_REPEAT, rounds - 1);
    dma_start(&owner->test, IOVA, PAGE, 0);
    wait_until(*(volatile uint8_t *)(owner->memory + PAGE) != 0);
}

/* another process that has a part, and says when its DMA runs */
static pid_t other(const char *uuid, int *says, bool forever)
{
    int ends[2];
    must(pipe(ends));
    pid_t child = fork();
    must(child);
    if (child == 0) {
        struct owner owner = own(uuid, 0x22);
        map_page(&owner);
        write_on(&owner, forever ? 0xffffffff : ROUNDS);
        expect_eq(write(ends[1], "x", 1), 1);
        expect_eq(dma_wait(&owner.test), DONE);
        expect(bar_read64(&owner.test.registers, DMATEST_ACCESSES) >= ROUNDS * 1024); /* a killed one's count too */
        expect_bytes(owner.memory, PAGE, 0);
        expect_bytes(owner.memory + PAGE, PAGE, 0x22);
        expect_bytes(owner.memory + 2 * PAGE, PAGE, 0);
        _exit(0);
    }

    close(ends[1]);
    char byte;
    expect_eq(read(ends[0], &byte, 1), 1);
    *says = ends[0];
    return child;
}

int main(int argc, char **argv)
{
    const char *mine = argument(argc, argv, 1, "UUID of an mdev"), *others = argument(argc, argv, 2, "another's");
    const char *parent = argument(argc, argv, 3, "address of their parent");
    int says;
    pid_t child = other(others, &says, false);
    struct owner owner = own(mine, 0x11);

    int unmaps = 0;
    for (; !has_ended_well(child); unmaps++) {
        map_page(&owner);
        write_on(&owner, ROUNDS);
        expect_eq(unmap(owner.iommu, owner.ioas, IOVA, PAGE), PAGE);
        memset(owner.memory, 0, 3 * PAGE);
        expect_eq(dma_wait(&owner.test), FAULT);
        expect_eq(bar_read32(&owner.test.registers, DMATEST_REASON), NOT_MAPPED);
        expect_bytes(owner.memory, 3 * PAGE, 0);
    }
    expect(unmaps > 0);
    printf("unmaps beside a million accesses: ok\n");

    child = other(others, &says, true);
    map_page(&owner);
    must(ioctl(owner.test.device.fd, VFIO_DEVICE_RESET));
    bus_master(&owner.test.device, false);
    expect_eq(dma(&owner.test, IOVA, PAGE, DMATEST_TO_DEVICE), FAULT);
    expect_eq(bar_read32(&owner.test.registers, DMATEST_REASON), BUS_MASTER_OFF);
    bus_master(&owner.test.device, true);
    expect_dma(&owner.test, IOVA, PAGE, DMATEST_TO_DEVICE);
    expect(!has_ended_well(child));
    int iommu = open_iommu(), function = open_cdev(parent);
    expect_errno(bind_iommufd(function, iommu, NULL), EBUSY); /* while programs have parts of it */
    must(close(function));
    must(kill(child, SIGKILL));
    int status;
    expect_eq(waitpid(child, &status, 0), child);
    expect_dma(&owner.test, IOVA, PAGE, DMATEST_TO_DEVICE);
    printf("reset, bus mastering, and a killed neighbour: ok\n");

    child = other(others, &says, false); /* the part works again */
    while (!has_ended_well(child))
        expect_dma(&owner.test, IOVA, PAGE, DMATEST_TO_DEVICE);
    printf("mdev_parts: all as it must be\n");
    return 0;
}
