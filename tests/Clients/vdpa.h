/* SPDX-License-Identifier: MIT */
/* A minimal driver of vhost-vdpa for tests: split rings, one request at a time in a queue. */
#ifndef VDPA_H
#define VDPA_H

#include "client.h"
#include <linux/vhost.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#define VDPA_NEGOTIATED (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define VDPA_BASIC (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM)
#define VDPA_RING (4 * PAGE) /* bytes that a queue of up to 256 entries takes */
#define VDPA_BACKEND (1ull << VHOST_BACKEND_F_IOTLB_MSG_V2 | 1ull << VHOST_BACKEND_F_IOTLB_BATCH \
                      | 1ull << VHOST_BACKEND_F_IOTLB_ASID | 1ull << VHOST_BACKEND_F_SUSPEND)

static inline int vdpa_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fail("expected %s to open", path);
    return fd;
}

static inline uint32_t vdpa_device_id(int fd)
{
    uint32_t id = 0;
    must(ioctl(fd, VHOST_VDPA_GET_DEVICE_ID, &id));
    return id;
}

/* ---- features and status ---- */

static inline uint8_t vdpa_status(int fd)
{
    uint8_t status = 0;
    must(ioctl(fd, VHOST_VDPA_GET_STATUS, &status));
    return status;
}

static inline int vdpa_set_status(int fd, uint8_t status)
{
    return ioctl(fd, VHOST_VDPA_SET_STATUS, &status);
}

static inline int vdpa_set_backend(int fd, uint64_t features)
{
    return ioctl(fd, VHOST_SET_BACKEND_FEATURES, &features);
}

/* a reset, then everything up to FEATURES_OK, with those of the features that the device offers; returns them */
static inline uint64_t vdpa_negotiate(int fd, uint64_t wanted)
{
    uint64_t features = 0;
    must(vdpa_set_status(fd, 0));
    must(vdpa_set_status(fd, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER));
    must(ioctl(fd, VHOST_GET_FEATURES, &features));
    features &= wanted | VDPA_BASIC;
    must(ioctl(fd, VHOST_SET_FEATURES, &features));
    must(vdpa_set_status(fd, VDPA_NEGOTIATED));
    return features;
}

static inline int vdpa_config(int fd, uint32_t offset, void *bytes, uint32_t length)
{
    struct vhost_vdpa_config *config = calloc(1, sizeof(*config) + length);
    config->off = offset;
    config->len = length;
    int result = ioctl(fd, VHOST_VDPA_GET_CONFIG, config), error = errno;
    memcpy(bytes, config->buf, length);
    free(config);
    errno = error;
    return result;
}

/* ---- the IOTLB ---- */

/* what write(2) says: 72 if all went well, of which only 40 are looked at */
static inline ssize_t vdpa_message(
    int fd, uint32_t asid, uint8_t type, uint64_t iova, uint64_t size, const volatile void *memory, uint8_t perm)
{
    struct vhost_msg_v2 message = {
        .type = VHOST_IOTLB_MSG_V2,
        .asid = asid,
        .iotlb = {.iova = iova, .size = size, .uaddr = addr(memory), .perm = perm, .type = type}};
    return write(fd, &message, sizeof(message));
}

static inline void vdpa_map(int fd, uint32_t asid, uint64_t iova, const void *memory, uint64_t size)
{
    expect_eq(vdpa_message(fd, asid, VHOST_IOTLB_UPDATE, iova, size, memory, VHOST_ACCESS_RW),
              sizeof(struct vhost_msg_v2));
}

static inline void vdpa_unmap(int fd, uint32_t asid, uint64_t iova, uint64_t size)
{
    expect_eq(vdpa_message(fd, asid, VHOST_IOTLB_INVALIDATE, iova, size, NULL, 0), sizeof(struct vhost_msg_v2));
}

/* ---- a queue ---- */

struct vdpa_queue {
    int fd;
    uint32_t index, size;
    volatile struct vring_desc *descriptors;
    volatile struct vring_avail *available;
    volatile struct vring_used *used;
    uint64_t iova; /* of the descriptors; the rings follow, a page each */
    uint16_t seen; /* of the used ring */
    int kick, call;
};

static inline int vdpa_vring(int fd, unsigned long command, uint32_t index, uint32_t value)
{
    struct vhost_vring_state state = {.index = index, .num = value};
    return ioctl(fd, command, &state);
}

/* returns the value; -1 with errno if refused */
static inline int64_t vdpa_get_vring(int fd, unsigned long command, uint32_t index)
{
    struct vhost_vring_state state = {.index = index};
    return ioctl(fd, command, &state) ? -1 : (int64_t)state.num;
}

static inline int vdpa_eventfd(int fd, unsigned long command, uint32_t index, int event)
{
    struct vhost_vring_file file = {.index = index, .fd = event};
    return ioctl(fd, command, &file);
}

static inline int vdpa_set_addresses(int fd, uint32_t index, uint64_t descriptors, uint64_t available, uint64_t used)
{
    struct vhost_vring_addr addresses = {
        .index = index, .desc_user_addr = descriptors, .avail_user_addr = available, .used_user_addr = used};
    return ioctl(fd, VHOST_SET_VRING_ADDR, &addresses);
}

/* the queue in VDPA_RING bytes of memory, which the test has mapped or maps at that IOVA; not enabled yet */
static inline struct vdpa_queue vdpa_queue(int fd, uint32_t index, uint8_t *memory, uint64_t iova, uint32_t size)
{
    struct vdpa_queue queue = {
        .fd = fd, .index = index, .size = size, .iova = iova, .kick = new_eventfd(), .call = new_eventfd()};
    memset(memory, 0, VDPA_RING);
    queue.descriptors = (struct vring_desc *)memory;
    queue.available = (struct vring_avail *)(memory + PAGE);
    queue.used = (struct vring_used *)(memory + 2 * PAGE);
    must(vdpa_vring(fd, VHOST_SET_VRING_NUM, index, size));
    must(vdpa_vring(fd, VHOST_SET_VRING_BASE, index, 0));
    must(vdpa_set_addresses(fd, index, iova, iova + PAGE, iova + 2 * PAGE));
    must(vdpa_eventfd(fd, VHOST_SET_VRING_KICK, index, queue.kick));
    must(vdpa_eventfd(fd, VHOST_SET_VRING_CALL, index, queue.call));
    return queue;
}

static inline int vdpa_enable(const struct vdpa_queue *queue, bool on)
{
    return vdpa_vring(queue->fd, VHOST_VDPA_SET_VRING_ENABLE, queue->index, on);
}

static inline void vdpa_kick(const struct vdpa_queue *queue)
{
    uint64_t one = 1;
    expect_eq(write(queue->kick, &one, sizeof(one)), sizeof(one));
}

/* makes a chain that begins at descriptor HEAD available, without a kick */
static inline void vdpa_offer(struct vdpa_queue *queue, uint16_t head)
{
    uint16_t index = queue->available->idx;
    queue->available->ring[index % queue->size] = head;
    __atomic_store_n(&queue->available->idx, (uint16_t)(index + 1), __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline bool vdpa_is_done(const struct vdpa_queue *queue)
{
    return __atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE) != queue->seen;
}

/* waits for the next chain to be used; returns the bytes that the device says it wrote */
static inline uint32_t vdpa_reap(struct vdpa_queue *queue, uint16_t head)
{
    wait_until(vdpa_is_done(queue));
    volatile struct vring_used_elem *element = &queue->used->ring[queue->seen++ % queue->size];
    expect_eq(element->id, head);
    return element->len;
}

/* ---- a disk ---- */

/* Queue 0 of a disk in pages of one's own: its ring, a page of headers, a page of data. */
struct vdpa_disk {
    struct vdpa_queue queue;
    struct virtio_blk_outhdr *header;
    volatile uint8_t *status;
    uint8_t *memory, *data; /* 6 pages; the last one of them */
    uint64_t iova;
};
#define VDPA_DISK_PAGES 6
#define VDPA_STATUS 2048 /* where in the page of headers the status bytes are */

static inline void vdpa_set_descriptor(
    struct vdpa_queue *queue, unsigned number, uint64_t address, uint32_t length, uint16_t flags)
{
    queue->descriptors[number] = (struct vring_desc){
        .addr = address, .len = length, .flags = flags, .next = (uint16_t)(number + 1)};
}

/* a request of at most a page, from descriptor 0 on; its data begins at an IOVA of one's choice */
static inline void vdpa_disk_offer(
    struct vdpa_disk *disk, uint32_t type, uint64_t sector, uint64_t data, uint32_t length)
{
    uint16_t to_memory = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ? VRING_DESC_F_WRITE : 0;
    uint64_t headers = disk->iova + VDPA_RING;
    unsigned count = 0;
    *disk->header = (struct virtio_blk_outhdr){.type = type, .sector = sector};
    *disk->status = 0x77;
    vdpa_set_descriptor(&disk->queue, count++, headers, sizeof(*disk->header), VRING_DESC_F_NEXT);
    if (length)
        vdpa_set_descriptor(&disk->queue, count++, data, length, to_memory | VRING_DESC_F_NEXT);
    vdpa_set_descriptor(&disk->queue, count, headers + VDPA_STATUS, 1, VRING_DESC_F_WRITE);
    vdpa_offer(&disk->queue, 0);
}

/* returns the status: VIRTIO_BLK_S_* */
static inline uint8_t vdpa_disk_do(struct vdpa_disk *disk, uint32_t type, uint64_t sector, uint32_t length)
{
    vdpa_disk_offer(disk, type, sector, disk->iova + 5 * PAGE, length);
    vdpa_kick(&disk->queue);
    vdpa_reap(&disk->queue, 0);
    return *disk->status;
}

/* everything between open and the first request, in memory that is not mapped yet, at an IOVA of one's choice */
static inline struct vdpa_disk vdpa_disk_prepare(int fd, uint8_t *memory, uint64_t iova)
{
    struct vdpa_disk disk = {.memory = memory,
                             .data = memory + 5 * PAGE,
                             .header = (struct virtio_blk_outhdr *)(memory + VDPA_RING),
                             .status = memory + VDPA_RING + VDPA_STATUS,
                             .iova = iova};
    expect_eq(vdpa_device_id(fd), VIRTIO_ID_BLOCK);
    vdpa_negotiate(fd, 1ull << VIRTIO_BLK_F_FLUSH);
    disk.queue = vdpa_queue(fd, 0, memory, iova, 64);
    must(vdpa_enable(&disk.queue, true));
    must(vdpa_set_status(fd, VDPA_NEGOTIATED | VIRTIO_CONFIG_S_DRIVER_OK));
    expect_eq(vdpa_status(fd), VDPA_NEGOTIATED | VIRTIO_CONFIG_S_DRIVER_OK);
    return disk;
}

static inline struct vdpa_disk vdpa_disk_open(const char *path, uint64_t iova)
{
    int fd = vdpa_open(path);
    uint8_t *memory = pages(VDPA_DISK_PAGES);
    must(ioctl(fd, VHOST_SET_OWNER));
    must(vdpa_set_backend(fd, VDPA_BACKEND));
    vdpa_map(fd, 0, iova, memory, VDPA_DISK_PAGES * PAGE);
    return vdpa_disk_prepare(fd, memory, iova);
}

static inline void vdpa_disk_close(const struct vdpa_disk *disk)
{
    must(close(disk->queue.fd));
    must(close(disk->queue.kick));
    must(close(disk->queue.call));
    must(munmap(disk->memory, VDPA_DISK_PAGES * PAGE));
}

#endif
