/* SPDX-License-Identifier: MIT */
/*
 * A virtio function driven from user space with split rings and MSI-X: a disk writes and reads a sector, a card gets
 * the frame that it sends. Its structures are found by its capabilities.
 * usage: virtio_pci BDF (mmap|pio)    how notifications are written; the structures cannot be mapped
 */
#include "client.h"
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#define IOVA 0x10000000UL
#define ENTRIES 4u /* few, so that they wrap */
#define ROUNDS 10
#define QUEUE_BYTES (2 * PAGE)
#define DATA (16 * PAGE)
#define MEMORY (64 * PAGE)

struct queue {
    struct vring ring;
    uint16_t index, used;
    int event;
};

static struct device device;
static struct bar common, notify, config;
static uint64_t common_at, notify_at, config_at;
static uint32_t multiplier;
static uint8_t *memory;
static struct queue queues[3];

#define COMMON(field) (common_at + offsetof(struct virtio_pci_common_cfg, field))

static void find_structures(enum how how)
{
    unsigned at = config_read16(&device, PCI_CAPABILITY_LIST) & 0xff, found = 0;
    while (at) {
        struct virtio_pci_notify_cap cap;
        expect_eq(pread(device.fd, &cap, sizeof(cap), (off_t)(device.config + at)), sizeof(cap));
        at = cap.cap.cap_next;
        if (cap.cap.cap_vndr != PCI_CAP_ID_VNDR)
            continue;
        uint8_t kind = cap.cap.cfg_type;
        found |= 1u << kind;
        if (kind == VIRTIO_PCI_CAP_COMMON_CFG) {
            common = open_bar(&device, cap.cap.bar, BY_PIO);
            common_at = cap.cap.offset;
        } else if (kind == VIRTIO_PCI_CAP_DEVICE_CFG) {
            config = open_bar(&device, cap.cap.bar, BY_PIO);
            config_at = cap.cap.offset;
        } else if (kind == VIRTIO_PCI_CAP_NOTIFY_CFG) {
            notify = open_bar(&device, cap.cap.bar, how);
            notify_at = cap.cap.offset;
            multiplier = cap.notify_off_multiplier;
        }
    }
    expect_eq(found, 0x3e);
    expect(!(region_info(device.fd, 4).flags & VFIO_REGION_INFO_FLAG_MMAP));
}

static void set_status(uint8_t status)
{
    bar_write8(&common, COMMON(device_status), status);
    expect_eq(bar_read8(&common, COMMON(device_status)), status);
}

static void settle(uint64_t features)
{
    for (uint32_t half = 0; half < 2; half++) {
        bar_write32(&common, COMMON(device_feature_select), half);
        uint32_t wanted = (uint32_t)(features >> (32 * half));
        expect_eq(bar_read32(&common, COMMON(device_feature)) & wanted, wanted);
        bar_write32(&common, COMMON(guest_feature_select), half);
        bar_write32(&common, COMMON(guest_feature), wanted);
    }
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
}

static void write_address(uint64_t at, uint64_t address)
{
    bar_write32(&common, at, (uint32_t)address);
    bar_write32(&common, at + 4, (uint32_t)(address >> 32));
}

static void set_up(uint16_t index, int event)
{
    struct queue *queue = &queues[index];
    uint8_t *start = memory + index * QUEUE_BYTES;
    memset(start, 0, QUEUE_BYTES);
    *queue = (struct queue){.index = index, .event = event};
    vring_init(&queue->ring, ENTRIES, start, PAGE);
    bar_write16(&common, COMMON(queue_select), index);
    expect(bar_read16(&common, COMMON(queue_size)) >= ENTRIES);
    bar_write16(&common, COMMON(queue_size), ENTRIES);
    bar_write16(&common, COMMON(queue_msix_vector), index);
    expect_eq(bar_read16(&common, COMMON(queue_msix_vector)), index);
    uint64_t iova = IOVA + index * QUEUE_BYTES;
    write_address(COMMON(queue_desc_lo), iova);
    write_address(COMMON(queue_avail_lo), iova + (uint64_t)((uint8_t *)queue->ring.avail - start));
    write_address(COMMON(queue_used_lo), iova + (uint64_t)((uint8_t *)queue->ring.used - start));
    bar_write16(&common, COMMON(queue_enable), 1);
}

static void describe(struct queue *queue, uint16_t entry, uint64_t offset, uint32_t length, uint16_t flags)
{
    queue->ring.desc[entry] = (struct vring_desc){IOVA + offset, length, flags, (uint16_t)(entry + 1)};
}

/* makes the chain at entry 0 available */
static void submit(struct queue *queue)
{
    uint16_t next = queue->ring.avail->idx;
    queue->ring.avail->ring[next % ENTRIES] = 0;
    __atomic_store_n(&queue->ring.avail->idx, (uint16_t)(next + 1), __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (queue->ring.used->flags & VRING_USED_F_NO_NOTIFY)
        return;
    bar_write16(&notify, notify_at + queue->index * multiplier, queue->index);
}

static uint32_t reap(struct queue *queue)
{
    wait_until(__atomic_load_n(&queue->ring.used->idx, __ATOMIC_ACQUIRE) == (uint16_t)(queue->used + 1));
    struct vring_used_elem done = queue->ring.used->ring[queue->used++ % ENTRIES];
    expect_eq(done.id, 0);
    expect(wait_event(queue->event) >= 1);
    return done.len;
}

static uint8_t request(uint32_t type, uint64_t sector, uint32_t length, bool is_read)
{
    struct virtio_blk_outhdr *header = (void *)(memory + DATA);
    volatile uint8_t *status = memory + DATA + sizeof(*header);
    *header = (struct virtio_blk_outhdr){.type = type, .sector = sector};
    *status = 0xee;
    describe(&queues[0], 0, DATA, sizeof(*header), VRING_DESC_F_NEXT);
    describe(&queues[0], 1, DATA + PAGE, length, VRING_DESC_F_NEXT | (is_read ? VRING_DESC_F_WRITE : 0));
    describe(&queues[0], 2, DATA + sizeof(*header), 1, VRING_DESC_F_WRITE);
    submit(&queues[0]);
    expect_eq(reap(&queues[0]), *status ? 1 : is_read ? length + 1 : 1);
    return *status;
}

static void disk(void)
{
    settle(1UL << VIRTIO_F_VERSION_1 | 1UL << VIRTIO_BLK_F_FLUSH);
    set_up(0, new_eventfd());
    must(set_irqs(device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &queues[0].event));
    set_status(15);
    uint64_t sectors = bar_read64(&config, config_at);
    printf("a disk of %" PRIu64 " sectors\n", sectors);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        fill(memory + DATA + PAGE, 4 * PAGE, round);
        expect_eq(request(VIRTIO_BLK_T_OUT, round, 4 * PAGE, false), VIRTIO_BLK_S_OK);
        memset(memory + DATA + PAGE, 0, 4 * PAGE);
        expect_eq(request(VIRTIO_BLK_T_IN, round, 4 * PAGE, true), VIRTIO_BLK_S_OK);
        expect_filled(memory + DATA + PAGE, 4 * PAGE, round);
    }
    expect_eq(request(VIRTIO_BLK_T_IN, sectors, 512, true), VIRTIO_BLK_S_IOERR);
    printf("written and read back: ok\n");
}

static void card(void)
{
    settle(1UL << VIRTIO_F_VERSION_1 | 1UL << VIRTIO_NET_F_MAC);
    for (uint16_t i = 0; i < 2; i++) {
        set_up(i, new_eventfd());
        must(set_irqs(device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, i, 1, &queues[i].event));
    }
    set_status(15);
    uint8_t mac[6];
    for (int i = 0; i < 6; i++)
        mac[i] = bar_read8(&config, config_at + (uint64_t)i);
    printf("a card, %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    const uint32_t header = sizeof(struct virtio_net_hdr_v1), length = 1514;
    uint8_t *sent = memory + DATA, *received = memory + DATA + PAGE;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        memset(sent, 0, header);
        fill(sent + header, length, round);
        memset(received, 0, PAGE);
        describe(&queues[0], 0, DATA + PAGE, PAGE, VRING_DESC_F_WRITE);
        submit(&queues[0]);
        describe(&queues[1], 0, DATA, header + length, 0);
        submit(&queues[1]);
        expect_eq(reap(&queues[1]), 0);
        expect_eq(reap(&queues[0]), header + length);
        expect_filled(received + header, length, round);
    }
    printf("sent and received: ok\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a virtio function");
    enum how how = !strcmp(argument(argc, argv, 2, "mmap or pio"), "mmap") ? BY_MMAP : BY_PIO;
    int iommu = open_iommu();
    device = open_device(bdf, iommu);
    expect_eq(config_read16(&device, PCI_VENDOR_ID), 0x1af4);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(device.fd, &pt));
    memory = pages(MEMORY / PAGE);
    must(map_at(iommu, ioas, memory, MEMORY, IOVA, RW));
    find_structures(how);
    set_status(0);
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    if (device.model == 0x1042)
        disk();
    else
        card();

    /* a ring without memory breaks the device, until a reset */
    expect_eq(unmap(iommu, ioas, IOVA, MEMORY), MEMORY);
    bar_write16(&notify, notify_at, 0);
    wait_until(bar_read8(&common, COMMON(device_status)) & VIRTIO_CONFIG_S_NEEDS_RESET);
    set_status(0);
    printf("virtio_pci: all as it must be\n");
    return 0;
}
