/* SPDX-License-Identifier: MIT */
/* A device uses a program's own pointers, and reaches nothing that the program could not. usage: sva_pointers BDF */
#include "sva.h"
#include <pthread.h>
#include <sys/wait.h>

enum { FEATURES = 0x30, ANSWER = 0x40, REQUESTS = 0x48 };
#define USE_PRI 2
#define ANSWERED_INVALID 3

static struct dmatest test;
static int iommu;

static int hwpt_process(uint32_t flags, uint32_t pt, struct ioasis_hwpt_process data, uint32_t *id)
{
    return hwpt_process_of(iommu, test.device.id, flags, pt, data, id);
}

static int attach_pasid(uint32_t pasid, uint32_t pt)
{
    return attach_pasid_of(test.device.fd, pasid, pt);
}

static int detach_pasid(uint32_t pasid)
{
    return detach_pasid_of(test.device.fd, pasid);
}

static void *map(size_t length)
{
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(memory != MAP_FAILED);
    return memory;
}

/* the device copies from one of the program's pointers to another */
static void copy(const void *from, void *to, uint32_t length)
{
    expect_dma(&test, addr(from), length, DMATEST_TO_DEVICE);
    expect_dma(&test, addr(to), length, 0);
}

static volatile bool stop;

/* maps and unmaps a page at one address, filled with another byte each time */
static void *remapper(void *place)
{
    for (unsigned round = 1; !stop; round++) {
        uint8_t *page = mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        expect(page == place);
        memset(page, (int)(round | 1), PAGE);
        must(munmap(page, PAGE));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static uint8_t wanted[PAGE];
    uint32_t hwpt, other;
    iommu = open_iommu();
    test = open_dmatest(argument(argc, argv, 1, "BDF of a dmatest"), iommu, BY_PIO);
    bus_master(&test.device, true);

    expect_errno(hwpt_process(IOMMU_HWPT_ALLOC_PASID, 0, (struct ioasis_hwpt_process){.flags = 1}, &other), EOPNOTSUPP);
    expect_errno(hwpt_process(IOMMU_HWPT_ALLOC_NEST_PARENT, 0, (struct ioasis_hwpt_process){0}, &other), EOPNOTSUPP);
    expect_errno(hwpt_process(IOMMU_HWPT_ALLOC_PASID, 1, (struct ioasis_hwpt_process){0}, &other), EINVAL);
    must(hwpt_process(IOMMU_HWPT_ALLOC_PASID, 0, (struct ioasis_hwpt_process){0}, &hwpt));
    other = hwpt;
    if (is_mdev(argv[1])) { /* which has a PASID for it */
        must(attach(test.device.fd, &other));
        must(detach(test.device.fd));
    } else {
        expect_errno(attach(test.device.fd, &other), EINVAL); /* a requester ID cannot use a process's address space */
    }
    must(attach_pasid(77, hwpt));
    bar_write32(&test.registers, DMATEST_PASID, DMATEST_PASID_ENABLE | 77);
    printf("bound, and nothing else than that can be: ok\n");

    /* allocated, on the stack, static, not at the start of a page, untouched */
    uint8_t *heap = malloc(3 * PAGE), stack[100], *fresh = map(PAGE);
    fill(heap, 3 * PAGE, 1);
    copy(heap + 123, wanted, 4000);
    expect(!memcmp(heap + 123, wanted, 4000));
    copy(heap + 5000, stack, sizeof(stack));
    expect(!memcmp(heap + 5000, stack, sizeof(stack)));
    copy(heap, fresh, PAGE);
    expect(!memcmp(heap, fresh, PAGE));
    printf("pointers of every kind: ok\n");

    must(mprotect(fresh, PAGE, PROT_READ));
    expect_fault(&test, addr(fresh), 64, 0, NOT_MAPPED);
    copy(fresh, stack, 64);
    must(mprotect(fresh, PAGE, PROT_NONE));
    expect_fault(&test, addr(fresh), 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    must(mprotect(fresh, PAGE, PROT_READ | PROT_WRITE));
    must(madvise(fresh, PAGE, MADV_DONTNEED));
    copy(fresh, stack, 64);
    for (unsigned i = 0; i < 64; i++)
        expect_eq(stack[i], 0);
    copy(heap, fresh, 64);
    uint8_t *moved = mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (uint8_t *)map(2 * PAGE) + PAGE);
    expect(moved != MAP_FAILED);
    expect_fault(&test, addr(fresh), 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    copy(moved, stack, 64);
    expect(!memcmp(heap, stack, 64));
    must(munmap(moved, PAGE));
    expect_fault(&test, addr(moved), 64, 0, NOT_MAPPED);
    expect_fault(&test, 0xffff800000000000, 64, DMATEST_TO_DEVICE, BEYOND_WIDTH);
    printf("protected, discarded, moved and unmapped: ok\n");

    /* if the device requests pages, missing ones are faulted in, and forbidden ones are reported */
    bar_write32(&test.registers, FEATURES, USE_PRI);
    expect_fault(&test, addr(moved), 64, 0, NOT_MAPPED);
    expect_eq(bar_read32(&test.registers, ANSWER), ANSWERED_INVALID);
    copy(heap, stack, 64);
    uint64_t asked = bar_read64(&test.registers, REQUESTS);
    uint8_t *absent = map(2 * PAGE);
    copy(heap, absent, 64);
    expect_eq(bar_read64(&test.registers, REQUESTS), asked + 1);
    expect(!memcmp(heap, absent, 64));
    must(madvise(absent, PAGE, MADV_DONTNEED));
    copy(absent + PAGE - 32, stack, 64); /* of two pages */
    expect_eq(bar_read64(&test.registers, REQUESTS), asked + 3);
    expect_eq(bar_read32(&test.registers, ANSWER), 0); /* of the last command, which had none to request */
    bar_write32(&test.registers, FEATURES, 0);
    printf("page requests: ok\n");

    /* a child has its own address space; this one is still the parent's */
    pid_t child = must(fork());
    if (!child) {
        memset(heap, 0xcc, PAGE);
        _exit(0);
    }
    int status;
    must(waitpid(child, &status, 0));
    expect_eq(status, 0);
    copy(heap, stack, 64);
    expect(!memcmp(heap, stack, 64));
    printf("fork: ok\n");

    pthread_t thread;
    uint8_t *place = map(PAGE);
    expect_eq(pthread_create(&thread, NULL, remapper, place), 0);
    unsigned seen = 0;
    for (int round = 0; round < 2000; round++)
        seen += dma(&test, addr(place), 64, round % 2 ? DMATEST_TO_DEVICE : 0) == DONE;
    stop = true;
    expect_eq(pthread_join(thread, NULL), 0);
    expect_fault(&test, addr(place), 64, 0, NOT_MAPPED);
    printf("%s while it is mapped and unmapped: ok\n", seen ? "reached" : "never reached");

    must(detach_pasid(77));
    expect_fault(&test, addr(heap), 64, DMATEST_TO_DEVICE, BLOCKED);
    must(destroy(iommu, hwpt));
    printf("sva_pointers: all as it must be\n");
    return 0;
}
