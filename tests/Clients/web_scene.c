/* SPDX-License-Identifier: MIT */
/*
 * Something of each kind for the page to show: address spaces, PASIDs, a nested page table with a stale translation,
 * the process's own pointers, page requests and faults. Then each line of its input is one step, which it answers with
 * "done STEP". It says "ready" and its process ID before. Addresses are the same in each run.
 * usage: web_scene BDF BDF   (two dmatests)
 */
#include "sva.h"

#define MEMORY ((uint8_t *)0x100000000) /* of the process, the same in each run */
#define GUEST_PAGES 1024UL
#define TABLES 0UL                      /* guest-physical: the first stage's root, its tables above it */
#define DATA (2UL << 20)                /* guest-physical: a page that a leaf of 2 MiB can begin at */
#define MANY_AT 0x10000000UL
#define LONGEST_STEP 32

enum entry_bits { PRESENT = 1, WRITE = 2, USER = 4, ACCESSED = 1 << 5, DIRTY = 1 << 6, LARGE = 1 << 7 };
enum pasids { OTHER_SPACE = 1, POINTERS, REQUESTS, FIRST_FREE = 100 };
enum features_register { FEATURES = 0x30, USE_PRI = 2 };

static int iommu;
static struct dmatest plain, nesting;
static uint32_t own, other, on_demand;       /* IOASes */
static uint32_t other_hwpt, demand_hwpt;
static uint32_t nested;
static int requests;                         /* the file of the queue of page requests */
static uint64_t *guest;
static uint32_t mapped, attached;            /* by steps */

static uint8_t *memory_at(size_t offset, size_t count)
{
    void *memory = mmap(MEMORY + offset, count * PAGE, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    expect(memory == MEMORY + offset);
    return memory;
}

static uint32_t hwpt_alloc(const struct dmatest *test, uint32_t flags, uint32_t pt, uint32_t fault)
{
    struct iommu_hwpt_alloc alloc = {
        .size = sizeof(alloc), .flags = flags, .dev_id = test->device.id, .pt_id = pt, .fault_id = fault};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc));
    return alloc.out_hwpt_id;
}

/* a device with its own address space, and three PASIDs: another space, the process, pages on demand */
static void plain_device(void)
{
    uint8_t *memory = memory_at(0, 64);
    own = ioas_alloc(iommu);
    must(map_at(iommu, own, memory, PAGE, 0x10000, IOMMU_IOAS_MAP_READABLE));
    must(map_at(iommu, own, memory + PAGE, 4 * PAGE, 0x20000, RW));
    must(map_at(iommu, own, memory + 5 * PAGE, PAGE, 0x40000, IOMMU_IOAS_MAP_WRITEABLE));
    uint32_t pt = hwpt_alloc(&plain, IOMMU_HWPT_ALLOC_PASID, own, 0);
    must(attach(plain.device.fd, &pt));

    other = ioas_alloc(iommu);
    must(map_at(iommu, other, memory + 8 * PAGE, 16 * PAGE, 0x100000, RW));
    other_hwpt = hwpt_alloc(&plain, IOMMU_HWPT_ALLOC_PASID, other, 0);
    must(attach_pasid_of(plain.device.fd, OTHER_SPACE, other_hwpt));

    sva_bind(iommu, &plain, POINTERS);

    struct iommu_fault_alloc queue = {.size = sizeof(queue)};
    must(ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &queue));
    requests = (int)queue.out_fault_fd;
    on_demand = ioas_alloc(iommu);
    demand_hwpt = hwpt_alloc(
        &plain, IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_FAULT_ID_VALID, on_demand, queue.out_fault_id);
    must(attach_pasid_of(plain.device.fd, REQUESTS, demand_hwpt));
}

static uint64_t *leaf(uint64_t iova)
{
    return &guest[3 * 512 + (iova >> 12)];
}

/* a device behind a first stage in the guest's memory */
static void nesting_device(void)
{
    int memory = must(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    must(ftruncate(memory, (off_t)(GUEST_PAGES * PAGE)));
    must(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
    guest = mmap(NULL, GUEST_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    expect(guest != MAP_FAILED);
    uint32_t space = ioas_alloc(iommu);
    struct iommu_ioas_map_file map = {.size = sizeof(map), .flags = RW | FIXED, .ioas_id = space, .fd = memory,
        .length = GUEST_PAGES * PAGE, .iova = 0};
    must(ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map));
    uint32_t parent = hwpt_alloc(&nesting, IOMMU_HWPT_ALLOC_NEST_PARENT, space, 0);

    for (uint64_t table = 0; table < 3; table++)
        guest[table * 512] = (TABLES + (table + 1) * PAGE) | PRESENT | WRITE | USER;
    guest[2 * 512 + 1] = DATA | LARGE | PRESENT | WRITE | USER; /* 2 MiB at 0x200000 */
    *leaf(0x1000) = (DATA + 0x5000) | PRESENT | WRITE | USER;
    *leaf(0x2000) = (DATA + 0x6000) | PRESENT | USER;
    *leaf(0x3000) = (DATA + 0x7000) | PRESENT | WRITE;
    *leaf(0x5000) = (DATA + 0x8000) | PRESENT | WRITE | USER;
    *leaf(0x6000) = (GUEST_PAGES * PAGE) | PRESENT | WRITE | USER; /* beyond the guest's memory */

    struct iommu_hwpt_vtd_s1 first_stage = {.pgtbl_addr = TABLES, .addr_width = 48};
    struct iommu_hwpt_alloc alloc = {.size = sizeof(alloc), .dev_id = nesting.device.id, .pt_id = parent,
        .data_type = IOMMU_HWPT_DATA_VTD_S1, .data_len = sizeof(first_stage), .data_uptr = addr(&first_stage)};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc));
    nested = alloc.out_hwpt_id;
    uint32_t pt = nested;
    must(attach(nesting.device.fd, &pt));
    expect_dma(&nesting, 0x1000, 64, 0);
    expect_dma(&nesting, 0x200000, 64, DMATEST_TO_DEVICE);
    /* the unit keeps the translation when the table already says something else */
    expect_dma(&nesting, 0x5000, 64, DMATEST_TO_DEVICE);
    *leaf(0x5000) = (DATA + 0x9000) | PRESENT | WRITE | USER;
}

static void faults(void)
{
    expect_fault(&plain, 0x50000, 64, 0, NOT_MAPPED);
    expect_fault(&plain, 0x10000, 64, 0, NO_PERMISSION);
    expect_fault(&nesting, 0x4000, 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    expect_fault(&nesting, 0x3000, 64, DMATEST_TO_DEVICE, NO_PERMISSION);
}

/* ---- the steps ---- */

static void map_one(void)
{
    must(map_at(iommu, own, MEMORY + 32 * PAGE, PAGE, MANY_AT + mapped++ * 2 * PAGE, RW));
}

static void unmap_one(void)
{
    expect(mapped);
    expect_eq(unmap(iommu, own, MANY_AT + --mapped * 2 * PAGE, PAGE), PAGE);
}

/* a request for a page; the device waits for its answer */
static void request(void)
{
    struct dmatest channel = sva_channel(&plain, 1, REQUESTS);
    bar_write32(&channel.registers, FEATURES, USE_PRI);
    dma_start(&channel, 0x300000, 64, 0);
    struct pollfd poll_fd = {.fd = requests, .events = POLLIN};
    expect_eq(poll(&poll_fd, 1, PATIENCE_SECONDS * 1000), 1);
}

static void answer(void)
{
    struct iommu_hwpt_pgfault fault;
    expect_eq(read(requests, &fault, sizeof(fault)), sizeof(fault));
    must(map_at(iommu, on_demand, MEMORY + 40 * PAGE, PAGE, 0x300000, RW));
    struct iommu_hwpt_page_response response = {.cookie = fault.cookie, .code = IOMMUFD_PAGE_RESP_SUCCESS};
    expect_eq(write(requests, &response, sizeof(response)), sizeof(response));
    struct dmatest channel = sva_channel(&plain, 1, REQUESTS);
    expect_eq(dma_wait(&channel), DONE);
    expect_eq(unmap(iommu, on_demand, 0x300000, PAGE), PAGE);
}

static void invalidate(void)
{
    struct iommu_hwpt_vtd_s1_invalidate page = {.addr = 0x5000, .npages = 1, .flags = IOMMU_VTD_INV_FLAGS_LEAF};
    struct iommu_hwpt_invalidate arguments = {.size = sizeof(arguments), .hwpt_id = nested, .data_uptr = addr(&page),
        .data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, .entry_len = sizeof(page), .entry_num = 1};
    must(ioctl(iommu, IOMMU_HWPT_INVALIDATE, &arguments));
}

static void step(const char *name)
{
    if (!strcmp(name, "map")) {
        map_one();
    } else if (!strcmp(name, "unmap")) {
        unmap_one();
    } else if (!strcmp(name, "maps")) {
        for (int i = 0; i < 100; i++)
            map_one();
    } else if (!strcmp(name, "dma")) {
        expect_dma(&plain, 0x20000, 64, 0);
    } else if (!strcmp(name, "dmas")) {
        for (int i = 0; i < 100; i++)
            expect_dma(&plain, 0x20000, 64, 0);
    } else if (!strcmp(name, "fault")) {
        expect_fault(&plain, 0x60000, 64, 0, NOT_MAPPED);
    } else if (!strcmp(name, "request")) {
        request();
    } else if (!strcmp(name, "answer")) {
        answer();
    } else if (!strcmp(name, "invalidate")) {
        invalidate();
    } else if (!strcmp(name, "attach")) {
        must(attach_pasid_of(plain.device.fd, FIRST_FREE + attached++, other_hwpt));
    } else if (!strcmp(name, "detach")) {
        expect(attached);
        must(detach_pasid_of(plain.device.fd, FIRST_FREE + --attached));
    } else if (!strcmp(name, "attaches")) {
        for (int i = 0; i < 60; i++)
            must(attach_pasid_of(plain.device.fd, FIRST_FREE + attached++, other_hwpt));
    } else if (!strcmp(name, "alloc")) {
        ioas_alloc(iommu);
    } else {
        fail("expected a step, came \"%s\"", name);
    }
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest"), *second = argument(argc, argv, 2, "and of another");
    char line[LONGEST_STEP];
    iommu = open_iommu();
    plain = open_dmatest(bdf, iommu, BY_PIO);
    nesting = open_dmatest(second, iommu, BY_PIO);
    plain_device();
    nesting_device();
    faults();
    printf("ready %d\n", getpid());
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        step(line);
        printf("done %s\n", line);
    }
    return 0;
}
