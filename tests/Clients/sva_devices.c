/* SPDX-License-Identifier: MIT */
/*
 * Two devices behind different IOMMUs send one PASID of a /dev/sva, with each kind of page table: the process, an IOAS,
 * a HWPT, a guest's first stage. Then ownership of a PASID: quota, sharing with a child, other owners, the close.
 * usage: sva_devices BDF BDF
 */
#include "sva_node.h"
#include <sys/wait.h>

#define GUEST_PAGES 64UL

static struct dmatest devices[2];
static int iommu, sva;

static uint32_t hwpt_alloc(uint32_t flags, uint32_t ioas)
{
    struct iommu_hwpt_alloc alloc = {
        .size = sizeof(alloc), .flags = flags, .dev_id = devices[0].device.id, .pt_id = ioas};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc));
    return alloc.out_hwpt_id;
}

/* each device writes to an address, and the data arrives in the memory behind it */
#define expect_both_reach(address, memory)                                                    \
    do {                                                                                      \
        for (uint8_t i_ = 0; i_ < 2; i_++) {                                                  \
            uint8_t bytes_[64];                                                               \
            memset(bytes_, 0x10 + i_, sizeof(bytes_));                                        \
            buffer_write(&devices[i_], 0, bytes_, sizeof(bytes_));                            \
            expect_dma(&devices[i_], (address), sizeof(bytes_), 0);                           \
            expect(!memcmp((memory), bytes_, sizeof(bytes_)));                                \
        }                                                                                     \
    } while (0)

#define expect_both_refused(address, reason)                                                  \
    do {                                                                                      \
        expect_fault(&devices[0], (address), 64, 0, (reason));                                \
        expect_fault(&devices[1], (address), 64, 0, (reason));                                \
    } while (0)

static void each_kind(uint32_t pasid)
{
    uint8_t *heap = malloc(3 * PAGE);
    expect_eq(sva_bind_process(sva, pasid), pasid);
    expect_both_reach(addr(heap) + 100, heap + 100);
    expect_errno(sva_bind_table(sva, pasid, iommu, 1), EBUSY);
    must(sva_unbind(sva, pasid));
    expect_both_refused(addr(heap), BLOCKED);
    printf("the process, by both devices: ok\n");

    uint32_t ioas = ioas_alloc(iommu);
    uint8_t *mapped = pages(2);
    must(map_at(iommu, ioas, mapped, 2 * PAGE, 0x10000, RW));
    must(sva_bind_table(sva, pasid, iommu, ioas));
    expect_both_reach(0x10000, mapped);
    expect_both_refused(addr(heap), NOT_MAPPED);
    expect_eq(unmap(iommu, ioas, 0x10000, 2 * PAGE), 2 * PAGE);
    expect_both_refused(0x10000, NOT_MAPPED);
    expect_errno(destroy(iommu, ioas), EBUSY);
    must(sva_unbind(sva, pasid));
    printf("an IOAS, by both devices: ok\n");

    must(map_at(iommu, ioas, mapped, 2 * PAGE, 0x20000, RW));
    uint32_t hwpt = hwpt_alloc(IOMMU_HWPT_ALLOC_PASID, ioas);
    must(sva_bind_table(sva, pasid, iommu, hwpt));
    expect_both_reach(0x20000, mapped);
    must(sva_unbind(sva, pasid));
    must(destroy(iommu, hwpt));
    must(destroy(iommu, ioas));
    printf("a HWPT, by both devices: ok\n");

    /* guest-physical memory from 0 on: the root is page 0, then the tables below it; data from page 32 on */
    int memory = must(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    must(ftruncate(memory, (off_t)(GUEST_PAGES * PAGE)));
    uint64_t *guest = mmap(NULL, GUEST_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    expect(guest != MAP_FAILED);
    for (uint64_t level = 0; level < 3; level++)
        guest[level * 512] = (level + 1) * PAGE | 7;
    guest[3 * 512 + 5] = 32 * PAGE | 7;
    uint32_t space = ioas_alloc(iommu);
    must(map_at(iommu, space, guest, GUEST_PAGES * PAGE, 0, RW));
    uint32_t parent = hwpt_alloc(IOMMU_HWPT_ALLOC_NEST_PARENT, space);
    must(sva_bind_guest(sva, pasid, iommu, parent, 0, 0));
    expect_both_reach(5 * PAGE, (uint8_t *)guest + 32 * PAGE);
    guest[3 * 512 + 5] = 33 * PAGE | 7;
    expect_both_reach(5 * PAGE, (uint8_t *)guest + 32 * PAGE); /* cached until it is invalidated */
    must(sva_invalidate(sva, pasid, 5 * PAGE, 1));
    expect_both_reach(5 * PAGE, (uint8_t *)guest + 33 * PAGE);
    expect_errno(destroy(iommu, parent), EBUSY);
    must(sva_unbind(sva, pasid));

    /* a missing page is requested */
    struct iommu_fault_alloc queue = {.size = sizeof(queue)};
    must(ioctl(sva, IOMMU_FAULT_QUEUE_ALLOC, &queue));
    must(sva_bind_guest(sva, pasid, iommu, parent, 0, queue.out_fault_id));
    for (int i = 0; i < 2; i++) {
        struct iommu_hwpt_pgfault request;
        struct pollfd poll_fd = {.fd = (int)queue.out_fault_fd, .events = POLLIN};
        bar_write32(&devices[i].registers, FEATURES, USE_PRI);
        dma_start(&devices[i], (uint64_t)(6 + i) * PAGE, 64, 0);
        expect_eq(poll(&poll_fd, 1, PATIENCE_SECONDS * 1000), 1);
        expect_eq(read(poll_fd.fd, &request, sizeof(request)), sizeof(request));
        expect_eq(request.addr, (uint64_t)(6 + i) * PAGE);
        expect_eq(request.pasid, pasid);
        expect_eq(request.dev_id, devices[i].device.id);
        guest[3 * 512 + 6 + i] = (uint64_t)(34 + i) * PAGE | 7;
        struct iommu_hwpt_page_response response = {.cookie = request.cookie, .code = IOMMUFD_PAGE_RESP_SUCCESS};
        expect_eq(write(poll_fd.fd, &response, sizeof(response)), sizeof(response));
        expect_eq(dma_wait(&devices[i]), DONE);
        bar_write32(&devices[i].registers, FEATURES, 0);
    }
    must(sva_unbind(sva, pasid));
    must(close((int)queue.out_fault_fd));
    must(destroy(sva, queue.out_fault_id));
    must(destroy(iommu, parent));
    must(destroy(iommu, space));
    printf("a guest's first stage, by both devices: ok\n");
}

static void ownership(void)
{
    expect_eq(sva_count(sva), 0);
    must(sva_quota(sva, 3));
    for (uint32_t i = 0; i < 3; i++)
        expect_eq(sva_alloc(sva, 100, 200), 100 + i);
    expect_errno(sva_alloc(sva, 100, 200), ENOMEM);
    must(sva_free(sva, 101));
    expect_eq(sva_alloc(sva, 100, 200), 101);
    expect_errno(sva_alloc(sva, 100, 200), ENOMEM);
    expect_errno(sva_bind_process(sva, 0), ENOMEM);
    for (uint32_t i = 0; i < 3; i++)
        must(sva_free(sva, 100 + i));
    must(sva_quota(sva, 10));
    printf("a quota, reached and reached again: ok\n");

    uint8_t *heap = malloc(PAGE);
    int64_t pasid = must(sva_bind_process(sva, 0));
    expect_eq(sva_bind_process(sva, 0), pasid);
    must(attach_sva(&devices[0].device, sva, (uint32_t)pasid));
    send_pasid(&devices[0], (uint32_t)pasid);
    expect_dma(&devices[0], addr(heap), 64, 0);

    /*
     * A child has the file, but is another process: it gets its own PASID, by which the parent's device reaches the
     * child's memory.
     */
    int ready[2];
    must(pipe(ready));
    int over[2];
    must(pipe(over));
    pid_t child = must(fork());
    if (!child) {
        memset(heap, 0xc1, PAGE);
        int64_t own = sva_bind_process(sva, 0);
        expect(own != -1 && own != pasid);
        expect_eq(write(ready[1], &own, sizeof(own)), sizeof(own));
        expect_eq(read(over[0], &own, 1), 1);
        for (unsigned i = 0; i < 64; i++)
            expect_eq(heap[i], 0xdd);
        _exit(0);
    }
    int64_t childs;
    expect_eq(read(ready[0], &childs, sizeof(childs)), sizeof(childs));
    must(attach_sva(&devices[1].device, sva, (uint32_t)childs));
    send_pasid(&devices[1], (uint32_t)childs);
    uint8_t bytes[64];
    memset(bytes, 0xdd, sizeof(bytes));
    memset(heap, 0x11, PAGE);
    buffer_write(&devices[1], 0, bytes, sizeof(bytes));
    expect_dma(&devices[1], addr(heap), sizeof(bytes), 0);
    expect_eq(heap[0], 0x11);
    expect_eq(write(over[1], "", 1), 1);
    int status;
    must(waitpid(child, &status, 0));
    expect_eq(status, 0);
    expect_fault(&devices[1], addr(heap), 64, 0, NOT_MAPPED); /* nobody's memory any more */
    must(detach_pasid_of(devices[1].device.fd, (uint32_t)childs));
    must(sva_unbind(sva, (uint32_t)childs));
    expect_dma(&devices[0], addr(heap), 64, DMATEST_TO_DEVICE);
    must(sva_unbind(sva, (uint32_t)pasid));
    expect_dma(&devices[0], addr(heap), 64, DMATEST_TO_DEVICE); /* bound again */
    must(sva_unbind(sva, (uint32_t)pasid));
    expect_fault(&devices[0], addr(heap), 64, 0, BLOCKED);
    expect_eq(sva_count(sva), 0);

    int other = open_sva();
    expect_errno(sva_alloc(other, (uint32_t)pasid, (uint32_t)pasid), ENOSPC); /* the device still sends it */
    must(detach_pasid_of(devices[0].device.fd, (uint32_t)pasid));
    expect_eq(sva_alloc(other, (uint32_t)pasid, (uint32_t)pasid), pasid);
    expect_errno(sva_free(sva, (uint32_t)pasid), ENOENT);
    expect_errno(attach_sva(&devices[0].device, sva, (uint32_t)pasid), ENOENT);
    must(close(other));
    expect_eq(sva_alloc(sva, (uint32_t)pasid, (uint32_t)pasid), pasid);
    must(sva_free(sva, (uint32_t)pasid));
    printf("processes, owners and the close: ok\n");
}

int main(int argc, char **argv)
{
    iommu = open_iommu();
    sva = open_sva();
    for (int i = 0; i < 2; i++) {
        devices[i] = open_dmatest(argument(argc, argv, i + 1, "BDF of a dmatest"), iommu, BY_PIO);
        bus_master(&devices[i].device, true);
    }

    int64_t pasid = must(sva_alloc(sva, 1, 0xfffff));
    for (int i = 0; i < 2; i++) {
        must(attach_sva(&devices[i].device, sva, (uint32_t)pasid));
        send_pasid(&devices[i], (uint32_t)pasid);
    }
    each_kind((uint32_t)pasid);
    for (int i = 0; i < 2; i++)
        must(detach_pasid_of(devices[i].device.fd, (uint32_t)pasid));
    must(sva_free(sva, (uint32_t)pasid));
    ownership();
    printf("sva_devices: all as it must be\n");
    return 0;
}
