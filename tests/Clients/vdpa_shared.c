/* SPDX-License-Identifier: MIT */
/*
 * Three devices of one program on one page table: a function, an mdev and a vDPA disk, all attached to the same IOAS.
 * They write the same memory all the time; when an unmap returns, none of them reaches it any more. Then the same with
 * one PASID for all three, whose page table is the IOAS; last, one PASID of the program's own memory.
 * usage: vdpa_shared DISK BDF UUID (a /dev/vhost-vdpa-N, a dmatest, an mdev of the type dmatest-1ch)
 */
#include "sva_node.h"
#include "vdpa.h"

#define RINGS 0x100000
#define SHARED 0x1000000
#define REQUESTS 20 /* of the disk, of PIECE bytes, all under way at once */
#define PIECE (64 * PAGE)
#define SHARED_BYTES (2 * PAGE + PIECE) /* a page of each dmatest, and what the disk's requests have in common */
#define SECTORS (PIECE / 512)
#define IN_THE_MIDDLE 3 /* times that the unmap is to come between two requests of the disk */

static int vdpa_bind_iommufd(int fd, int iommu)
{
    struct vhost_vdpa_set_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
    return ioctl(fd, VHOST_VDPA_SET_IOMMU_FD, &bind);
}

static int vdpa_attach(int fd, uint32_t asid, uint32_t pt)
{
    struct vdpa_device_attach_iommufd_as attach = {.argsz = sizeof(attach), .pt_id = pt, .asid = asid};
    return ioctl(fd, VDPA_DEVICE_ATTACH_IOMMUFD_AS, &attach);
}

static int vdpa_attach_sva(int fd, uint32_t asid, int sva, uint32_t pasid)
{
    struct vdpa_device_attach_sva attach = {.argsz = sizeof(attach), .sva = sva, .pasid = pasid, .asid = asid};
    return ioctl(fd, VDPA_DEVICE_ATTACH_SVA, &attach);
}

static struct dmatest attached(const char *name, int iommu, uint32_t ioas, uint8_t value)
{
    struct dmatest test = open_dmatest(name, iommu, BY_PIO);
    uint8_t bytes[PAGE];
    uint32_t pt = ioas;
    must(attach(test.device.fd, &pt));
    memset(bytes, value, sizeof(bytes));
    buffer_write(&test, 0, bytes, sizeof(bytes));
    bar_write32(&test.registers, DMATEST_PIECE, 4);
    bar_write32(&test.registers, DMATEST_REPEAT, 0xfffffffe); /* never over by itself */
    return test;
}

/* all requests of the disk, each a chain of three: a header and a status of its own, and the shared bytes */
static void offer_all(struct vdpa_disk *disk)
{
    uint64_t headers = RINGS + VDPA_RING;
    for (unsigned i = 0; i < REQUESTS; i++) {
        disk->header[i] = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN};
        disk->status[i] = 0x77;
        vdpa_set_descriptor(&disk->queue, 3 * i, headers + i * sizeof(*disk->header), sizeof(*disk->header),
                            VRING_DESC_F_NEXT);
        vdpa_set_descriptor(
            &disk->queue, 3 * i + 1, SHARED + 2 * PAGE, PIECE, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
        vdpa_set_descriptor(
            &disk->queue, 3 * i + 2, headers + (uint64_t)((uint8_t *)disk->status - (uint8_t *)disk->header) + i, 1,
            VRING_DESC_F_WRITE);
        vdpa_offer(&disk->queue, (uint16_t)(3 * i));
    }
}

/* returns how many of the requests found the memory gone */
static unsigned reap_all(struct vdpa_disk *disk)
{
    unsigned gone = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        vdpa_reap(&disk->queue, (uint16_t)(3 * i));
        expect(disk->status[i] == VIRTIO_BLK_S_OK || disk->status[i] == VIRTIO_BLK_S_IOERR);
        gone += disk->status[i] == VIRTIO_BLK_S_IOERR;
    }
    return gone;
}

static void expect_zeros(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i])
            fail("expected byte %zu to stay 0, came 0x%02x", i, bytes[i]);
}

/* Memory of the IOAS is unmapped while all three write to it, until that came between two requests of the disk. */
static void stop_all_three(
    int iommu, uint32_t ioas, const struct dmatest *first, const struct dmatest *second, struct vdpa_disk *disk)
{
    uint8_t *shared = pages(SHARED_BYTES / PAGE);
    double end = now() + PATIENCE_SECONDS;
    unsigned rounds = 0;
    for (unsigned hits = 0; hits < IN_THE_MIDDLE; rounds++) {
        if (now() > end)
            fail("expected %d unmaps between two requests of the disk, came %u of %u", IN_THE_MIDDLE, hits, rounds);
        memset(shared, 0, SHARED_BYTES);
        must(map_at(iommu, ioas, shared, SHARED_BYTES, SHARED, RW));
        dma_start(first, SHARED, PAGE, 0);
        dma_start(second, SHARED + PAGE, PAGE, 0);
        wait_until(*(volatile uint8_t *)shared == 0x11 && *(volatile uint8_t *)(shared + PAGE) == 0x22);
        offer_all(disk);
        vdpa_kick(&disk->queue);
        wait_until(*(volatile uint8_t *)(shared + 2 * PAGE) == 0x33);
        expect_eq(unmap(iommu, ioas, SHARED, SHARED_BYTES), SHARED_BYTES);
        memset(shared, 0, SHARED_BYTES);
        expect_eq(dma_wait(first), FAULT);
        expect_eq(bar_read32(&first->registers, DMATEST_REASON), NOT_MAPPED);
        expect_eq(dma_wait(second), FAULT);
        expect_eq(bar_read32(&second->registers, DMATEST_REASON), NOT_MAPPED);
        hits += reap_all(disk) > 0;
        expect_zeros(shared, SHARED_BYTES);
        /* data is no ring: the disk goes on */
        expect_eq(vdpa_status(disk->queue.fd), VDPA_NEGOTIATED | VIRTIO_CONFIG_S_DRIVER_OK);
    }
    must(munmap(shared, SHARED_BYTES));
}

/* the disk begins with 0x33; it reaches its rings at their IOVA, whatever it is attached to */
static struct vdpa_disk filled(int fd, uint8_t *rings, uint64_t iova)
{
    struct vdpa_disk disk = vdpa_disk_prepare(fd, rings, iova);
    memset(disk.data, 0x33, PAGE);
    for (uint64_t sector = 0; sector < SECTORS; sector += PAGE / 512)
        expect_eq(vdpa_disk_do(&disk, VIRTIO_BLK_T_OUT, sector, PAGE), VIRTIO_BLK_S_OK);
    return disk;
}

static int owned(const char *path)
{
    int fd = vdpa_open(path);
    must(ioctl(fd, VHOST_SET_OWNER));
    return fd;
}

static void use_pasid(const struct dmatest *test, int sva, uint32_t pasid)
{
    must(attach_sva(&test->device, sva, pasid));
    send_pasid(test, pasid);
}

/* one PASID of the program's own memory: pointers are IOVAs, and nothing need be mapped */
static void use_pointers(
    const char *path, const struct dmatest *first, const struct dmatest *second, int sva, uint8_t *rings)
{
    uint8_t *shared = pages(1);
    uint32_t pasid = (uint32_t)must(sva_bind_process(sva, 0));
    int fd = owned(path);
    use_pasid(first, sva, pasid);
    use_pasid(second, sva, pasid);
    must(vdpa_attach_sva(fd, 0, sva, pasid));
    struct vdpa_disk disk = filled(fd, rings, addr(rings));
    expect_eq(vdpa_message(fd, 0, VHOST_IOTLB_UPDATE, addr(shared), PAGE, shared, VHOST_ACCESS_RW),
              sizeof(struct vhost_msg_v2));
    expect_errno(vdpa_message(fd, 0, VHOST_IOTLB_UPDATE, SHARED, PAGE, shared, VHOST_ACCESS_RW), EFAULT);
    expect_dma(first, addr(shared), PAGE, 0);
    expect_eq(shared[PAGE - 1], 0x11);
    expect_dma(second, addr(shared), PAGE, 0);
    expect_eq(shared[PAGE - 1], 0x22);
    vdpa_disk_offer(&disk, VIRTIO_BLK_T_IN, 0, addr(shared), PAGE);
    vdpa_kick(&disk.queue);
    vdpa_reap(&disk.queue, 0);
    expect_eq(*disk.status, VIRTIO_BLK_S_OK);
    expect_eq(shared[PAGE - 1], 0x33);
    must(sva_unbind(sva, pasid)); /* takes all three of them out */
    memset(shared, 0, PAGE);
    expect_fault(first, addr(shared), PAGE, 0, BLOCKED);
    expect_fault(second, addr(shared), PAGE, 0, BLOCKED);
    vdpa_disk_offer(&disk, VIRTIO_BLK_T_IN, 0, addr(shared), PAGE);
    vdpa_kick(&disk.queue);
    wait_until(vdpa_status(fd) & VIRTIO_CONFIG_S_NEEDS_RESET); /* its rings are gone as well */
    expect_zeros(shared, PAGE);
    must(close(fd));
}

int main(int argc, char **argv)
{
    const char *path = argument(argc, argv, 1, "a disk"), *function = argument(argc, argv, 2, "a dmatest");
    const char *mdev = argument(argc, argv, 3, "an mdev");
    int iommu = open_iommu(), sva = open_sva(), fd = owned(path);
    uint32_t ioas = ioas_alloc(iommu);
    struct dmatest first = attached(function, iommu, ioas, 0x11), second = attached(mdev, iommu, ioas, 0x22);
    uint8_t *rings = pages(VDPA_DISK_PAGES);
    must(map_at(iommu, ioas, rings, VDPA_DISK_PAGES * PAGE, RINGS, RW));
    must(vdpa_bind_iommufd(fd, iommu));
    must(vdpa_attach(fd, 0, ioas));
    struct vdpa_disk disk = filled(fd, rings, RINGS);
    expect_errno(vdpa_message(fd, 0, VHOST_IOTLB_UPDATE, SHARED, PAGE, rings, VHOST_ACCESS_RW), EFAULT);
    stop_all_three(iommu, ioas, &first, &second, &disk);
    must(close(fd));
    printf("an unmap stops a function, an mdev and a vDPA disk: ok\n");

    /* the same, with all three on a PASID that has the IOAS for its page table */
    uint32_t pasid = (uint32_t)must(sva_alloc(sva, 1, 1000));
    must(sva_bind_table(sva, pasid, iommu, ioas));
    must(detach(first.device.fd)); /* an automatic table is for requests without PASID alone */
    must(detach(second.device.fd));
    use_pasid(&first, sva, pasid);
    use_pasid(&second, sva, pasid);
    fd = owned(path);
    must(vdpa_attach_sva(fd, 0, sva, pasid));
    disk = filled(fd, rings, RINGS);
    stop_all_three(iommu, ioas, &first, &second, &disk);
    must(close(fd));
    printf("and with a PASID: ok\n");

    bar_write32(&first.registers, DMATEST_REPEAT, 0);
    bar_write32(&second.registers, DMATEST_REPEAT, 0);
    use_pointers(path, &first, &second, sva, rings);
    printf("one PASID of the program's own pointers: ok\n");
    printf("vdpa_shared: all as it must be\n");
    return 0;
}
