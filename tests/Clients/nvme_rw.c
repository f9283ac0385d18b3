/* SPDX-License-Identifier: MIT */
/*
 * An NVMe controller driven from user space: set up, identified, written, read back, flushed, interrupting by MSI-X,
 * shut down.
 * usage: nvme_rw BDF (mmap|pio) [READ]    READ: only reads the data of an earlier run
 */
#include "nvme.h"

#define IOVA 0x10000000UL
#define LIST (2 * PAGE)     /* layout of memory: admin queue, list, I/O queue, data */
#define QUEUE (4 * PAGE)
#define DATA (8 * PAGE)
#define BYTES (128 * 1024UL)
#define ENTRIES 5u /* few, so that they wrap */
#define BLOCK 512

static struct nvme nvme;
static struct nvme_queue io;
static uint8_t *memory;
static int event = -1;

static uint64_t at(uint64_t offset)
{
    return IOVA + offset;
}

/* the data begins within a page, so the list has every page except the first */
static struct nvme_command transfer(enum nvme_io opcode, uint64_t block, uint64_t data, size_t bytes)
{
    volatile uint64_t *list = (volatile uint64_t *)(memory + LIST);
    uint64_t second = (data + PAGE) & ~(PAGE - 1);
    for (uint64_t page = second; page < data + bytes; page += PAGE)
        *list++ = at(page);
    uint64_t rest = data + bytes > second ? data + bytes - second : 0;
    return (struct nvme_command){.opcode = opcode,
                                 .nsid = 1,
                                 .prp1 = at(data),
                                 .prp2 = rest > PAGE ? at(LIST) : rest ? at(second) : 0,
                                 .cdw10 = (uint32_t)block,
                                 .cdw11 = (uint32_t)(block >> 32),
                                 .cdw12 = (uint32_t)(bytes / BLOCK - 1)};
}

static uint32_t run(struct nvme_command command)
{
    nvme_submit(&nvme, &io, command);
    expect_eq(wait_event(event), 1);
    return nvme_reap(&nvme, &io);
}

static void identify(void)
{
    const uint8_t *page = memory + DATA;
    expect_eq(nvme_do(&nvme, &nvme.admin, (struct nvme_command){.opcode = IDENTIFY, .prp1 = at(DATA), .cdw10 = 1}), 0);
    expect_eq(page[0] | page[1] << 8, 0x1b36);
    expect_eq(page[516], 1); /* namespaces */
    printf("controller \"%.40s\", serial \"%.20s\"\n", page + 24, page + 4);
    expect_eq(nvme_do(&nvme, &nvme.admin, (struct nvme_command){.opcode = IDENTIFY, .prp1 = at(DATA), .nsid = 1}), 0);
    expect(*(const uint64_t *)page >= 2 * BYTES / BLOCK);
    expect_eq(page[130], 9); /* blocks of 512 bytes */
    printf("namespace 1: %" PRIu64 " blocks\n", *(const uint64_t *)page);
}

static void create_queue(void)
{
    expect_eq(nvme_do(&nvme, &nvme.admin, (struct nvme_command){.opcode = SET_FEATURES, .cdw10 = 7, .cdw11 = 0}), 0);
    io = nvme_queue_at(1, memory + QUEUE, memory + QUEUE + PAGE, ENTRIES);
    uint32_t name = 1 | (ENTRIES - 1) << 16;
    struct nvme_command create_cq = {
        .opcode = CREATE_CQ, .prp1 = at(QUEUE + PAGE), .cdw10 = name, .cdw11 = 1 << 16 | 3};
    struct nvme_command create_sq = {.opcode = CREATE_SQ, .prp1 = at(QUEUE), .cdw10 = name, .cdw11 = 1 << 16 | 1};
    expect_eq(nvme_do(&nvme, &nvme.admin, create_cq), 0);
    expect_eq(nvme_do(&nvme, &nvme.admin, create_sq), 0);
}

static void write_blocks(void)
{
    for (uint32_t round = 0; round < 8; round++) { /* more than the queue has entries */
        uint64_t data = DATA + round * 516;
        fill(memory + data, BYTES, round);
        expect_eq(run(transfer(NVME_WRITE, round, data, BYTES)), 0);
        memset(memory + DATA, 0, BYTES + PAGE);
        expect_eq(run(transfer(NVME_READ, round, DATA + 4, BYTES)), 0);
        expect_filled(memory + DATA + 4, BYTES, round);
    }
    expect_eq(run((struct nvme_command){.opcode = NVME_WRITE_ZEROES, .nsid = 1, .cdw10 = 9, .cdw12 = 0}), 0);
    expect_eq(run(transfer(NVME_READ, 9, DATA, BLOCK)), 0);
    for (int i = 0; i < BLOCK; i++)
        expect_eq(memory[DATA + i], 0);
    printf("written and read back: ok\n");

    expect_eq(run(transfer(NVME_READ, 1UL << 40, DATA, BLOCK)) & 0x7ff, 0x80); /* beyond the last block */
    expect_eq(run((struct nvme_command){.opcode = NVME_READ, .nsid = 2}) & 0x7ff, 0x0b);
    expect_eq(run((struct nvme_command){.opcode = 0x7f, .nsid = 1}) & 0x7ff, 0x01);
    expect_eq(
        run((struct nvme_command){.opcode = NVME_READ, .nsid = 1, .prp1 = 8 * IOVA}) & 0x7ff, 0x04); /* not mapped */
    printf("errors: ok\n");

    fill(memory + DATA, BYTES, 77);
    expect_eq(run(transfer(NVME_WRITE, 100, DATA, BYTES)), 0);
    expect_eq(run((struct nvme_command){.opcode = NVME_FLUSH, .nsid = 1}), 0);
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of an NVMe controller");
    enum how how = !strcmp(argument(argc, argv, 2, "mmap or pio"), "mmap") ? BY_MMAP : BY_PIO;
    int iommu = open_iommu();
    nvme.device = open_device(bdf, iommu);
    nvme.registers = open_bar(&nvme.device, VFIO_PCI_BAR0_REGION_INDEX, how);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(nvme.device.fd, &pt));
    memory = pages(64);
    must(map_at(iommu, ioas, memory, 64 * PAGE, IOVA, RW));

    expect_eq(bar_read64(&nvme.registers, NVME_CAP) >> 37 & 1, 1);
    expect_eq(bar_read32(&nvme.registers, NVME_VS), 0x10400);
    int events[2] = {new_eventfd(), new_eventfd()};
    must(set_irqs(nvme.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 2, events));
    event = events[1];
    nvme_enable(&nvme, memory, IOVA, ENTRIES);
    identify();
    create_queue();
    expect(wait_event(events[0]) > 0);
    if (argc <= 3)
        write_blocks();
    expect_eq(run(transfer(NVME_READ, 100, DATA, BYTES)), 0);
    expect_filled(memory + DATA, BYTES, 77);

    bar_write32(&nvme.registers, NVME_CC, NVME_ENABLE | NVME_SHUTDOWN);
    wait_until((bar_read32(&nvme.registers, NVME_CSTS) & NVME_SHUT_DOWN) != 0);
    nvme_enable(&nvme, memory, IOVA, ENTRIES); /* and enabled again, with no queue left */
    create_queue();
    expect_eq(run(transfer(NVME_READ, 100, DATA + BLOCK, BLOCK)), 0);
    printf("shut down and started again: ok\n");

    expect_eq(unmap(iommu, ioas, IOVA, 64 * PAGE), 64 * PAGE); /* an admin queue without memory */
    bar_write32(&nvme.registers, NVME_DOORBELLS, 4);
    wait_until((bar_read32(&nvme.registers, NVME_CSTS) & NVME_FATAL) != 0);
    printf("nvme_rw: all as it must be\n");
    return 0;
}
