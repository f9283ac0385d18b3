/* SPDX-License-Identifier: MIT */
/*
 * A dedicated queue of a DSA as an mdev: its descriptors use what the mdev is attached to, an IOAS or a first stage,
 * whatever PASID they name; its interrupt handles are its own.
 * usage: dsa_dedicated UUID UUID [mmap] (two mdevs of the type dsa-1dwq-v1, whose portals may be mapped)
 */
#include "dsa.h"

#define IOVA 0x100000

static struct dsa_hw_desc move_at(uint64_t at, uint32_t pasid)
{
    return (struct dsa_hw_desc){.pasid = pasid,
                                .flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR,
                                .opcode = DSA_OPCODE_MEMMOVE,
                                .completion_addr = at + 2 * PAGE,
                                .src_addr = at,
                                .dst_addr = at + PAGE,
                                .xfer_size = PAGE};
}

static void expect_move(const struct dsa *dsa, uint8_t *memory, struct dsa_hw_desc descriptor, uint32_t seed)
{
    volatile struct dsa_completion_record *record = (void *)(memory + 2 * PAGE);
    memset((void *)record, 0, sizeof(*record));
    memset(memory + PAGE, 0, PAGE);
    fill(memory, PAGE, seed);
    must(dsa_submit(dsa, &descriptor));
    expect_eq(dsa_wait(record), DSA_COMP_SUCCESS);
    expect_filled(memory + PAGE, PAGE, seed);
}

int main(int argc, char **argv)
{
    int iommu = open_iommu();
    enum how how = argc > 3 ? BY_MMAP : BY_PIO;
    struct dsa dsa = open_dsa(argument(argc, argv, 1, "UUID of an mdev"), iommu, how);
    struct dsa neighbour = open_dsa(argument(argc, argv, 2, "UUID of another"), iommu, how);
    uint64_t queues = bar_read64(&dsa.registers, DSA_WQCAP);
    expect_eq(queues >> 16 & 0xff, 1);
    expect_eq(queues >> 48 & 3, 2); /* dedicated */
    bus_master(&dsa.device, false);
    expect_eq(dsa_command(&dsa, DSA_ENABLE_DEVICE, 0), 0x12);
    bus_master(&dsa.device, true);
    dsa_enable(&dsa);
    dsa_enable(&neighbour);

    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    uint8_t *memory = pages(3);
    must(map_at(iommu, ioas, memory, 3 * PAGE, IOVA, RW));
    must(attach(dsa.device.fd, &pt));
    for (uint32_t pasid = 0; pasid < 8; pasid++)
        expect_move(&dsa, memory, move_at(IOVA, pasid), pasid);
    struct dsa_hw_desc descriptor = move_at(IOVA, 0);
    must(dsa_submit(&neighbour, &descriptor)); /* which is attached to nothing */
    expect_eq(dsa_error(&neighbour), 0x1a);
    expect_errno(attach_pasid_of(dsa.device.fd, 5, ioas), EOPNOTSUPP);
    printf("one queue with a PASID that nobody sees: ok\n");

    uint32_t mine = dsa_command(&dsa, DSA_REQUEST_HANDLE, 1) >> 8;
    uint32_t others = dsa_command(&neighbour, DSA_REQUEST_HANDLE, 1) >> 8;
    expect(mine != others);
    struct {
        struct vfio_irq_set set;
        int32_t events[2];
    } irqs = {.set = {.argsz = sizeof(irqs), .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                      .index = VFIO_PCI_MSIX_IRQ_INDEX, .count = 2}};
    irqs.events[0] = new_eventfd();
    irqs.events[1] = new_eventfd();
    must(ioctl(dsa.device.fd, VFIO_DEVICE_SET_IRQS, &irqs));
    descriptor.flags |= IDXD_OP_FLAG_RCI;
    descriptor.int_handle = (uint16_t)others;
    volatile struct dsa_completion_record *record = (void *)(memory + 2 * PAGE);
    memset((void *)record, 0, sizeof(*record));
    must(dsa_submit(&dsa, &descriptor));
    expect_eq(dsa_wait(record), DSA_COMP_INT_HANDLE_INVAL);
    descriptor.int_handle = (uint16_t)mine;
    expect_move(&dsa, memory, descriptor, 9);
    expect_eq(wait_event(irqs.events[1]), 1);
    expect_no_event(irqs.events[0]);
    printf("interrupt handles: ok\n");

    must(ioctl(neighbour.device.fd, VFIO_DEVICE_RESET));
    expect_move(&dsa, memory, move_at(IOVA, 0), 10);
    expect_eq(unmap(iommu, ioas, IOVA, 3 * PAGE), 3 * PAGE);
    descriptor = move_at(IOVA, 0);
    must(dsa_submit(&dsa, &descriptor));
    expect_eq(dsa_error(&dsa), 0x1a);
    printf("dsa_dedicated: all as it must be\n");
    return 0;
}
