/* SPDX-License-Identifier: MIT */
/*
 * A driver that notifies the device only when the device asks for it, as fast drivers do, and looks at the ring instead
 * of waiting for interrupts. Pauses of every length come between its requests, so that some come just when the device
 * stops looking at the ring. No request is forgotten.
 * usage: vdpa_quiet DISK REQUESTS (a /dev/vhost-vdpa-N that is a disk)
 */
#include "vdpa.h"

#define IOVA 0x100000
#define LONGEST 200e-6 /* seconds between two requests: longer than the device looks at the ring */

int main(int argc, char **argv)
{
    const char *path = argument(argc, argv, 1, "a disk");
    unsigned requests = (unsigned)strtoul(argument(argc, argv, 2, "how many requests"), NULL, 0), kicks = 0;
    struct vdpa_disk disk = vdpa_disk_open(path, IOVA);
    struct vdpa_queue *queue = &disk.queue;
    queue->available->flags = VRING_AVAIL_F_NO_INTERRUPT;
    for (unsigned i = 0; i < requests; i++) {
        double end = now() + LONGEST * (i % 1000) / 1000;
        while (now() < end)
            ;
        vdpa_disk_offer(&disk, VIRTIO_BLK_T_GET_ID, 0, IOVA + 5 * PAGE, VIRTIO_BLK_ID_BYTES);
        if (!(queue->used->flags & VRING_USED_F_NO_NOTIFY)) { /* after the index, with a fence between */
            vdpa_kick(queue);
            kicks++;
        }
        vdpa_reap(queue, 0);
        expect_eq(*disk.status, VIRTIO_BLK_S_OK);
    }
    expect(kicks > 0);
    expect_no_event(queue->call);
    printf("%u requests, %u notifications\n", requests, kicks);
    vdpa_disk_close(&disk);
    printf("vdpa_quiet: all as it must be\n");
    return 0;
}
