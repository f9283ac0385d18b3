/* SPDX-License-Identifier: MIT */
/*
 * A device requests the pages that it misses, and the program maps them only then: for requests without PASID and for
 * PASIDs side by side, each with its own table. Also what happens to requests that nobody answers.
 * usage: page_requests BDF
 */
#include "dmatest.h"

enum channel_register {
    CHANNEL = 0x100, /* distance */
    PASID = 0x2c,
    FEATURES = 0x30,
    FLUSH = 0x34,
    BUFFER_OFFSET = 0x38,
    GROUP = 0x3c,
    ANSWER = 0x40,
    REQUESTS = 0x48,
};
#define PASID_ENABLE 0x80000000u
#define USE_ATS 1
#define USE_PRI 2
#define CHANNELS 4
enum answer { NO_ANSWER, AWAITED, SUCCESS, INVALID, FAILURE };

static struct dmatest test;
static int iommu;

struct queue {
    uint32_t id;
    int fd;
};

struct table {
    uint32_t ioas, hwpt;
    struct queue faults;
};

static struct queue queue_alloc(void)
{
    struct iommu_fault_alloc alloc = {.size = sizeof(alloc)};
    must(ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &alloc));
    return (struct queue){.id = alloc.out_fault_id, .fd = (int)alloc.out_fault_fd};
}

static int hwpt_alloc(struct table *table, uint32_t flags, uint32_t fault)
{
    struct iommu_hwpt_alloc alloc = {
        .size = sizeof(alloc), .flags = flags, .dev_id = test.device.id, .pt_id = table->ioas, .fault_id = fault};
    int result = ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc);
    table->hwpt = alloc.out_hwpt_id;
    return result;
}

/* an IOAS, and a HWPT over it with a queue for its page requests */
static struct table table_alloc(void)
{
    struct table table = {.ioas = ioas_alloc(iommu), .faults = queue_alloc()};
    must(hwpt_alloc(&table, IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_FAULT_ID_VALID, table.faults.id));
    return table;
}

static void table_free(struct table *table)
{
    must(destroy(iommu, table->hwpt));
    if (table->faults.fd >= 0)
        must(close(table->faults.fd));
    must(destroy(iommu, table->faults.id));
    must(destroy(iommu, table->ioas));
}

static int attach_pasid(uint32_t pasid, uint32_t pt)
{
    return attach_pasid_of(test.device.fd, pasid, pt);
}

static int detach_pasid(uint32_t pasid)
{
    return detach_pasid_of(test.device.fd, pasid);
}

static struct iommu_hwpt_pgfault fault_read(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    struct iommu_hwpt_pgfault fault;
    expect_eq(poll(&poll_fd, 1, PATIENCE_SECONDS * 1000), 1);
    expect_eq(read(fd, &fault, sizeof(fault)), sizeof(fault));
    return fault;
}

static void respond(int fd, uint32_t cookie, uint32_t code)
{
    struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};
    expect_eq(write(fd, &response, sizeof(response)), sizeof(response));
}

static void set(unsigned channel, uint64_t at, uint32_t value)
{
    bar_write32(&test.registers, channel * CHANNEL + at, value);
}

static uint32_t get(unsigned channel, uint64_t at)
{
    return bar_read32(&test.registers, channel * CHANNEL + at);
}

static void begin(unsigned channel, uint64_t iova, uint32_t length, uint32_t direction)
{
    bar_write64(&test.registers, channel * CHANNEL + DMATEST_IOVA, iova);
    set(channel, DMATEST_LENGTH, length);
    set(channel, DMATEST_COMMAND, DMATEST_START | direction);
}

static uint32_t end(unsigned channel)
{
    wait_until(!(get(channel, DMATEST_COMMAND) & DMATEST_START));
    return get(channel, DMATEST_STATUS);
}

/* each table gets its pages one by one, when the device requests them */
static void on_demand(uint32_t features)
{
    const unsigned count = 16;
    struct table table = table_alloc();
    uint8_t *memory = pages(count);
    uint32_t pt = table.hwpt;
    must(attach(test.device.fd, &pt));
    set(0, FEATURES, features);
    for (unsigned page = 0; page < count; page++) {
        uint64_t iova = 0x100000 + page * PAGE;
        fill(memory + page * PAGE, PAGE, page);
        set(0, GROUP, page);
        begin(0, iova, PAGE, DMATEST_TO_DEVICE);
        struct iommu_hwpt_pgfault fault = fault_read(table.faults.fd);
        expect_eq(fault.flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE);
        expect_eq(fault.dev_id, test.device.id);
        expect_eq(fault.grpid, page);
        expect_eq(fault.perm, IOMMU_PGFAULT_PERM_READ);
        expect_eq(fault.addr, iova);
        expect_eq(get(0, DMATEST_COMMAND) & DMATEST_START, DMATEST_START);
        must(map_at(iommu, table.ioas, memory + page * PAGE, PAGE, iova, RW));
        respond(table.faults.fd, fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
        expect_eq(end(0), DONE);
        expect_eq(get(0, ANSWER), SUCCESS);
        uint8_t bytes[PAGE];
        buffer_read(&test, 0, bytes, sizeof(bytes));
        expect_filled(bytes, sizeof(bytes), page);
    }
    /* the pages are present now: no requests */
    set(0, FEATURES, features);
    begin(0, 0x100000 + 3 * PAGE, 64, 0);
    expect_eq(end(0), DONE);
    expect_eq(get(0, ANSWER), NO_ANSWER);

    begin(0, 0x900000, 64, 0);
    struct iommu_hwpt_pgfault fault = fault_read(table.faults.fd);
    expect_eq(fault.perm, IOMMU_PGFAULT_PERM_WRITE);
    respond(table.faults.fd, fault.cookie, IOMMUFD_PAGE_RESP_INVALID);
    expect_eq(end(0), FAULT);
    expect_eq(get(0, DMATEST_REASON), NOT_MAPPED);
    expect_eq(get(0, ANSWER), INVALID);
    must(detach(test.device.fd));
    table_free(&table);
    munmap(memory, count * PAGE);
}

/* the same address in four tables: requests without PASID and with three PASIDs, on four channels at once */
static void side_by_side(void)
{
    const uint32_t pasids[CHANNELS] = {0, 1, 1024, 0xfffff};
    struct table tables[CHANNELS];
    uint8_t *memory[CHANNELS];
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        tables[channel] = table_alloc();
        memory[channel] = pages(1);
        fill(memory[channel], 1024, 40 + channel);
        if (pasids[channel])
            must(attach_pasid(pasids[channel], tables[channel].hwpt));
        else
            must(attach(test.device.fd, &(uint32_t){tables[channel].hwpt}));
        set(channel, PASID, pasids[channel] ? PASID_ENABLE | pasids[channel] : 0);
        set(channel, FEATURES, channel % 2 ? USE_PRI : USE_PRI | USE_ATS);
        set(channel, BUFFER_OFFSET, channel * 1024);
        begin(channel, 0x100000, 1024, DMATEST_TO_DEVICE);
    }
    for (unsigned i = 0; i < CHANNELS; i++) {
        unsigned channel = CHANNELS - 1 - i; /* only the answered channel goes on */
        struct iommu_hwpt_pgfault fault = fault_read(tables[channel].faults.fd);
        expect_eq(fault.flags & IOMMU_PGFAULT_FLAGS_PASID_VALID, pasids[channel] ? IOMMU_PGFAULT_FLAGS_PASID_VALID : 0);
        expect_eq(fault.pasid, pasids[channel]);
        for (unsigned other = 0; other < channel; other++)
            wait_until(get(other, ANSWER) == AWAITED); /* an engine may not have got there yet */
        must(map_at(iommu, tables[channel].ioas, memory[channel], PAGE, 0x100000, RW));
        respond(tables[channel].faults.fd, fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
        expect_eq(end(channel), DONE);
        uint8_t bytes[1024];
        buffer_read(&test, channel * 1024, bytes, sizeof(bytes));
        expect_filled(bytes, sizeof(bytes), 40 + channel);
    }
    /* detaching a PASID does not affect the others */
    must(detach_pasid(1024));
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        begin(channel, 0x100000, 8, DMATEST_TO_DEVICE);
        expect_eq(end(channel), channel == 2 ? FAULT : DONE);
    }
    expect_eq(get(2, DMATEST_REASON), BLOCKED);
    must(attach_pasid(1, tables[2].hwpt)); /* moved without being detached */
    expect_eq(unmap(iommu, tables[2].ioas, 0x100000, PAGE), PAGE);
    begin(1, 0x100000, 8, DMATEST_TO_DEVICE);
    struct iommu_hwpt_pgfault fault = fault_read(tables[2].faults.fd);
    expect_eq(fault.pasid, 1);
    must(detach_pasid(1)); /* with its request unanswered */
    expect_eq(end(1), FAULT);
    expect_eq(get(1, ANSWER), INVALID);
    must(detach_pasid(0xfffff));
    must(detach(test.device.fd));
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        table_free(&tables[channel]);
        munmap(memory[channel], PAGE);
        set(channel, PASID, 0);
        set(channel, FEATURES, 0);
        set(channel, BUFFER_OFFSET, 0);
    }
}

/* what ends an unanswered request */
static void unanswered(void)
{
    struct table table = table_alloc();
    uint32_t pt = table.hwpt;
    must(attach(test.device.fd, &pt));
    set(0, FEATURES, USE_PRI);

    begin(0, 0x100000, 8, DMATEST_TO_DEVICE);
    struct iommu_hwpt_pgfault fault = fault_read(table.faults.fd);
    must(ioctl(test.device.fd, VFIO_DEVICE_RESET));
    expect_eq(get(0, DMATEST_COMMAND), 0);
    respond(table.faults.fd, fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS); /* too late, and harmless */
    bus_master(&test.device, true);

    set(0, FEATURES, USE_PRI);
    begin(0, 0x100000, 8, DMATEST_TO_DEVICE);
    fault_read(table.faults.fd);
    bus_master(&test.device, false);
    expect_eq(end(0), FAULT);
    bus_master(&test.device, true);

    /* the queue's descriptor is closed with one request read and one unread: both wait until the device is detached */
    set(1, FEATURES, USE_PRI);
    begin(0, 0x100000, 8, DMATEST_TO_DEVICE);
    fault_read(table.faults.fd);
    begin(1, 0x200000, 8, DMATEST_TO_DEVICE);
    wait_until(get(1, ANSWER) == AWAITED);
    must(close(table.faults.fd));
    table.faults.fd = -1;
    wait_until(get(0, ANSWER) == AWAITED);
    expect_errno(destroy(iommu, table.faults.id), EBUSY);
    must(detach(test.device.fd));
    expect_eq(end(0), FAULT);
    expect_eq(end(1), FAULT);
    table_free(&table);

    /* and a close of the device ends everything */
    table = table_alloc();
    pt = table.hwpt;
    must(attach(test.device.fd, &pt));
    begin(0, 0x100000, 8, DMATEST_TO_DEVICE);
    fault_read(table.faults.fd);
}

/* a table that is not for PASIDs accepts none, and cannot be used beside one */
static void refusals(void)
{
    struct table plain = {.ioas = ioas_alloc(iommu)}, good = {.ioas = ioas_alloc(iommu)};
    must(hwpt_alloc(&plain, 0, 0));
    must(hwpt_alloc(&good, IOMMU_HWPT_ALLOC_PASID, 0));
    expect_errno(attach_pasid(5, plain.hwpt), EINVAL);
    expect_errno(attach_pasid(5, plain.ioas), EINVAL);
    expect_errno(attach_pasid(1 << 20, good.hwpt), EINVAL);
    expect_errno(attach_pasid(0x80000000u, good.hwpt), ENOSPC);
    must(attach_pasid(0xfffff, good.hwpt));
    must(attach_pasid(0xfffff, good.hwpt));
    expect_errno(attach_pasid(0xfffff, plain.hwpt), EINVAL);
    uint32_t pt = plain.hwpt;
    expect_errno(attach(test.device.fd, &pt), EINVAL);
    expect_errno(destroy(iommu, good.hwpt), EBUSY);
    must(detach_pasid(0xfffff));
    must(detach_pasid(0xfffff));
    must(attach(test.device.fd, &pt));
    expect_errno(attach_pasid(5, good.hwpt), EINVAL);
    must(detach(test.device.fd));
    must(destroy(iommu, good.hwpt));
    must(destroy(iommu, plain.hwpt));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: page_requests BDF\n");
        return 2;
    }
    iommu = open_iommu();
    test = open_dmatest(argv[1], iommu, BY_MMAP);
    refusals();
    printf("what is not for PASIDs: ok\n");
    on_demand(USE_PRI);
    on_demand(USE_PRI | USE_ATS);
    printf("pages on demand: ok\n");
    side_by_side();
    printf("PASIDs side by side: ok\n");
    unanswered();
    printf("page_requests: all as it must be\n");
    return 0;
}
