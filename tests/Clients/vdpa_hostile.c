/* SPDX-License-Identifier: MIT */
/*
 * Programs that do their worst with a vDPA disk: they close at every step, in every order; they are killed at every
 * step; they kick in storms; they fill the counter of the event that the device signals; they offer rings that are
 * broken. Each time the next program finds the device free and works with it.
 * usage: vdpa_hostile DISK OTHER (two /dev/vhost-vdpa-N that are disks; what each begins with is written over)
 */
#include "vdpa.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define IOVA 0x100000
#define KICKS 20000
#define STORMS 4

static const char *path, *other_path;

/* the device works: a sector comes back as it was written */
static void check_disk(struct vdpa_disk *disk, uint32_t seed)
{
    fill(disk->data, 512, seed);
    expect_eq(vdpa_disk_do(disk, VIRTIO_BLK_T_OUT, 3, 512), VIRTIO_BLK_S_OK);
    memset(disk->data, 0, 512);
    expect_eq(vdpa_disk_do(disk, VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_OK);
    expect_filled(disk->data, 512, seed);
}

static void check(uint32_t seed)
{
    struct vdpa_disk disk = vdpa_disk_open(path, IOVA);
    check_disk(&disk, seed);
    vdpa_disk_close(&disk);
}

/* ---- closed, or killed, after each step ---- */

enum order { NODE_FIRST, EVENTS_FIRST, MEMORY_FIRST, MAPPED_OUT_FIRST, KILLED, ORDERS };
#define STEPS 14

/* the first steps of a session: all that a driver does up to a request that is under way */
static void begin(int fd, struct vdpa_disk *disk, unsigned steps)
{
    uint64_t features = VDPA_BASIC;
    for (unsigned step = 0; step < steps; step++)
        switch (step) {
        case 0: must(ioctl(fd, VHOST_SET_OWNER)); break;
        case 1: must(vdpa_set_backend(fd, VDPA_BACKEND)); break;
        case 2:
            expect_eq(vdpa_message(fd, 0, VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL, 0), sizeof(struct vhost_msg_v2));
            break;
        case 3: vdpa_map(fd, 0, IOVA, disk->memory, VDPA_DISK_PAGES * PAGE); break;
        case 4:
            expect_eq(vdpa_message(fd, 0, VHOST_IOTLB_BATCH_END, 0, 0, NULL, 0), sizeof(struct vhost_msg_v2));
            break;
        case 5: must(vdpa_set_status(fd, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)); break;
        case 6: must(ioctl(fd, VHOST_SET_FEATURES, &features)); break;
        case 7: must(vdpa_set_status(fd, VDPA_NEGOTIATED)); break;
        case 8: disk->queue = vdpa_queue(fd, 0, disk->memory, IOVA, 64); break;
        case 9: must(ioctl(fd, VHOST_VDPA_SET_CONFIG_CALL, &disk->queue.call)); break;
        case 10: must(vdpa_enable(&disk->queue, true)); break;
        case 11: must(vdpa_set_status(fd, VDPA_NEGOTIATED | VIRTIO_CONFIG_S_DRIVER_OK)); break;
        case 12: vdpa_disk_offer(disk, VIRTIO_BLK_T_IN, 0, IOVA + 5 * PAGE, 4096); break;
        case 13: vdpa_kick(&disk->queue); break; /* and nobody waits for what comes of it */
        }
}

static void end_after(unsigned steps, enum order order)
{
    int fd = vdpa_open(path);
    uint8_t *memory = pages(VDPA_DISK_PAGES);
    struct vdpa_disk disk = {.memory = memory,
                             .data = memory + 5 * PAGE,
                             .header = (struct virtio_blk_outhdr *)(memory + VDPA_RING),
                             .status = memory + VDPA_RING + VDPA_STATUS,
                             .iova = IOVA,
                             .queue = {.fd = fd, .kick = -1, .call = -1}};
    begin(fd, &disk, steps);
    switch (order) {
    case KILLED: raise(SIGKILL); break;
    case NODE_FIRST: must(close(fd)); break;
    case MEMORY_FIRST: must(munmap(memory, VDPA_DISK_PAGES * PAGE)); break;
    case MAPPED_OUT_FIRST:
        if (steps > 3)
            vdpa_unmap(fd, 0, 0, UINT64_MAX);
        break;
    default: break;
    }
    if (disk.queue.kick >= 0) {
        must(close(disk.queue.kick));
        must(close(disk.queue.call));
    }
    if (order != NODE_FIRST)
        must(close(fd));
    if (order != MEMORY_FIRST)
        must(munmap(memory, VDPA_DISK_PAGES * PAGE));
}

static void end_at_each_step(void)
{
    for (unsigned steps = 0; steps <= STEPS; steps++)
        for (enum order order = 0; order < ORDERS; order++) {
            if (order == KILLED) {
                int status;
                pid_t child = must(fork());
                if (!child)
                    end_after(steps, order);
                expect_eq(waitpid(child, &status, 0), child);
                expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            } else {
                end_after(steps, order);
            }
            check(steps * ORDERS + order);
        }
    printf("closed and killed after each of %d steps: ok\n", STEPS);
}

/* ---- kicks in storms ---- */

static int storm_event;
static volatile bool storm_over;

static void *storm(void *unused)
{
    (void)unused;
    uint64_t one = 1;
    for (unsigned i = 0; i < KICKS && !storm_over; i++)
        expect_eq(write(storm_event, &one, sizeof(one)), sizeof(one));
    return NULL;
}

/* Kicks with and without requests behind them; meanwhile both devices do what they are asked to. */
static void kick_in_storms(void)
{
    pthread_t threads[STORMS];
    struct vdpa_disk disk = vdpa_disk_open(path, IOVA), other = vdpa_disk_open(other_path, IOVA);
    storm_event = disk.queue.kick;
    for (unsigned i = 0; i < STORMS; i++)
        expect_eq(pthread_create(&threads[i], NULL, storm, NULL), 0);
    for (unsigned round = 0; round < 20; round++) {
        check_disk(&other, round);
        check_disk(&disk, round);
    }
    must(vdpa_enable(&disk.queue, false)); /* kicks of a queue that is off */
    must(vdpa_enable(&disk.queue, true));
    check_disk(&disk, 30);
    must(vdpa_set_status(disk.queue.fd, 0)); /* and of a device that was reset */
    check_disk(&other, 31);
    for (unsigned i = 0; i < STORMS; i++)
        expect_eq(pthread_join(threads[i], NULL), 0);
    vdpa_disk_close(&disk);
    vdpa_disk_close(&other);
    check(32);
    printf("kicks in storms: ok\n");
}

/* ---- events whose counter is full ---- */

static void fill_the_counter(void)
{
    struct vdpa_disk disk = vdpa_disk_open(path, IOVA);
    uint64_t most = UINT64_MAX - 1, count;
    expect_eq(write(disk.queue.call, &most, sizeof(most)), sizeof(most));
    check_disk(&disk, 40); /* the device does not wait for room */
    expect_eq(read(disk.queue.call, &count, sizeof(count)), sizeof(count));
    expect(count >= most);
    vdpa_disk_close(&disk);
    check(41);
    printf("an event whose counter is full: ok\n");
}

/* ---- broken rings ---- */

enum broken { TOO_MANY, HEAD_OUTSIDE, LOOP, NEXT_OUTSIDE, NOT_MAPPED, INDIRECT_LOOP, BROKEN };

static void break_ring(struct vdpa_disk *disk, enum broken how)
{
    struct vdpa_queue *queue = &disk->queue;
    vdpa_set_descriptor(queue, 0, IOVA + VDPA_RING, 16, VRING_DESC_F_NEXT);
    vdpa_set_descriptor(queue, 1, IOVA + VDPA_RING + VDPA_STATUS, 1, VRING_DESC_F_WRITE);
    switch (how) {
    case TOO_MANY:
        __atomic_store_n(&queue->available->idx, (uint16_t)(queue->available->idx + queue->size + 1), __ATOMIC_RELEASE);
        return;
    case HEAD_OUTSIDE: vdpa_offer(queue, (uint16_t)queue->size); return;
    case LOOP:
        queue->descriptors[1].flags = VRING_DESC_F_NEXT;
        queue->descriptors[1].next = 0;
        break;
    case NEXT_OUTSIDE: queue->descriptors[0].next = (uint16_t)queue->size; break;
    case NOT_MAPPED: /* the ring itself goes; what was seen of it before does not count */
        vdpa_unmap(queue->fd, 0, IOVA, 1);
        break;
    case INDIRECT_LOOP: /* an indirect table within an indirect one, or where none was negotiated */
        vdpa_set_descriptor(queue, 0, IOVA, 64 * 16, VRING_DESC_F_INDIRECT);
        break;
    default: break;
    }
    vdpa_offer(queue, 0);
}

static void break_rings(void)
{
    for (enum broken how = 0; how < BROKEN; how++) {
        struct vdpa_disk disk = vdpa_disk_open(path, IOVA);
        int changed = new_eventfd(), fd = disk.queue.fd;
        must(ioctl(fd, VHOST_VDPA_SET_CONFIG_CALL, &changed));
        check_disk(&disk, how);
        break_ring(&disk, how);
        vdpa_kick(&disk.queue);
        wait_event(changed);
        expect_eq(vdpa_status(fd) & VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_CONFIG_S_NEEDS_RESET);
        vdpa_kick(&disk.queue); /* changes nothing any more */
        must(vdpa_set_status(fd, 0));
        expect_eq(vdpa_status(fd), 0);
        if (how == NOT_MAPPED)
            vdpa_map(fd, 0, IOVA, disk.memory, VDPA_DISK_PAGES * PAGE);
        struct vdpa_disk again = vdpa_disk_prepare(fd, disk.memory, IOVA);
        check_disk(&again, how + 10);
        must(close(disk.queue.kick));
        must(close(disk.queue.call));
        must(close(changed));
        vdpa_disk_close(&again);
    }
    printf("%d kinds of broken rings: ok\n", BROKEN);
}

int main(int argc, char **argv)
{
    path = argument(argc, argv, 1, "a disk");
    other_path = argument(argc, argv, 2, "another disk");
    check(0);
    end_at_each_step();
    kick_in_storms();
    fill_the_counter();
    break_rings();
    printf("vdpa_hostile: all as it must be\n");
    return 0;
}
