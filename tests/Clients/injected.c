/* SPDX-License-Identifier: MIT */
/*
 * A program that meets one fault which `ioasis run -e inject=` makes, and says what it saw of it.
 * usage: injected WHAT BDF (a dmatest); WHAT is one of the words below, and the fault comes where its comment says
 */
#include "sva_node.h"

#define IOVA 0x40000000UL
#define GUEST_PAGES 64UL
#define REQUESTS 0x48 /* a register: page requests that the device made */

static struct dmatest test;
static int iommu;
static uint32_t ioas;
static uint8_t *memory;

static void begin(const char *bdf)
{
    iommu = open_iommu();
    test = open_dmatest(bdf, iommu, BY_PIO);
    ioas = ioas_alloc(iommu);
    uint32_t pt = ioas;
    must(attach(test.device.fd, &pt));
    bus_master(&test.device, true);
    memory = pages(1);
    must(map_at(iommu, ioas, memory, PAGE, IOVA, RW));
    bar_write32(&test.registers, DMATEST_VECTOR, DMATEST_NO_VECTOR);
}

/* the second IOMMU_IOAS_MAP fails with ENOMEM */
static void call(void)
{
    expect_errno(map_at(iommu, ioas, memory, PAGE, 2 * IOVA, RW), ENOMEM);
    expect_fault(&test, 2 * IOVA, 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    must(map_at(iommu, ioas, memory, PAGE, 2 * IOVA, RW));
    expect_dma(&test, 2 * IOVA, 64, DMATEST_TO_DEVICE);
    expect_eq(unmap(iommu, ioas, 2 * IOVA, PAGE), PAGE);
}

/* the second access of the device is refused */
static void dma_fault(void)
{
    expect_dma(&test, IOVA, 64, 0);
    memset(memory, 0x5a, PAGE);
    expect_fault(&test, IOVA, 64, 0, NOT_MAPPED);
    expect_eq(memory[0], 0x5a);
    expect_dma(&test, IOVA, 64, 0);
    expect_eq(memory[0], 0);
}

/* each access of the device takes 200 ms longer */
static void dma_delay(void)
{
    double before = now();
    expect_dma(&test, IOVA, 64, 0);
    expect(now() - before >= 0.2);
}

/* the third interrupt is lost, the fifth comes twice; every second one is a fence for the one before it */
static void irq(void)
{
    int event = new_eventfd(), fence = new_eventfd(), events[] = {event, fence};
    must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 2, events));
    for (uint32_t i = 0; i < 6; i++) {
        bar_write32(&test.registers, DMATEST_VECTOR, i & 1);
        expect_dma(&test, IOVA, 64, DMATEST_TO_DEVICE);
        if (!(i & 1))
            continue;
        expect_eq(wait_event(fence), 1);
        if (i == 3)
            expect_no_event(event);
        else
            expect_eq(wait_event(event), i == 1 ? 1 : 2);
    }
    must(irqs_off(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX));
}

/* the third doorbell resets the device */
static void surprise_reset(void)
{
    expect_dma(&test, IOVA, 64, DMATEST_TO_DEVICE);
    expect_dma(&test, IOVA, 64, DMATEST_TO_DEVICE);
    expect_eq(bar_read32(&test.registers, DMATEST_COMPLETED), 2);
    dma_start(&test, IOVA, 64, DMATEST_TO_DEVICE);
    expect_eq(bar_read32(&test.registers, DMATEST_COMPLETED), 0);
    expect_eq(bar_read32(&test.registers, DMATEST_LENGTH), PAGE);
    expect_dma(&test, IOVA, 64, DMATEST_TO_DEVICE);
}

/* the second doorbell makes the device go */
static void gone(void)
{
    expect_dma(&test, IOVA, 64, DMATEST_TO_DEVICE);
    dma_start(&test, IOVA, 64, DMATEST_TO_DEVICE);
    expect_eq(bar_read32(&test.registers, DMATEST_STATUS), 0xffffffff);
    must(ioctl(test.device.fd, VFIO_DEVICE_RESET));
    expect_eq(bar_read32(&test.registers, DMATEST_STATUS), 0xffffffff);
}

/* the first invalidation is dropped, the second takes 200 ms longer */
static void invalidation(void)
{
    int sva = open_sva(), file = must(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    must(ftruncate(file, (off_t)(GUEST_PAGES * PAGE)));
    uint64_t *guest = mmap(NULL, GUEST_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    expect(guest != MAP_FAILED);
    for (uint64_t level = 0; level < 3; level++)
        guest[level * 512] = (level + 1) * PAGE | 7;
    guest[3 * 512 + 5] = 32 * PAGE | 7;
    guest[32 * 512] = 32;
    guest[33 * 512] = 33;
    uint32_t space = ioas_alloc(iommu);
    must(map_at(iommu, space, guest, GUEST_PAGES * PAGE, 0, RW));
    struct iommu_hwpt_alloc alloc = {.size = sizeof(alloc), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
        .dev_id = test.device.id, .pt_id = space};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc));
    uint32_t pasid = (uint32_t)must((int)sva_alloc(sva, 1, 0xfffff));
    must(sva_bind_guest(sva, pasid, iommu, alloc.out_hwpt_id, 0, 0));
    must(detach(test.device.fd));
    must(attach_sva(&test.device, sva, pasid));
    send_pasid(&test, pasid);

    uint64_t seen;
    expect_dma(&test, 5 * PAGE, 8, DMATEST_TO_DEVICE);
    guest[3 * 512 + 5] = 33 * PAGE | 7;
    must(sva_invalidate(sva, pasid, 5 * PAGE, 1)); /* dropped */
    expect_dma(&test, 5 * PAGE, 8, DMATEST_TO_DEVICE);
    buffer_read(&test, 0, &seen, sizeof(seen));
    expect_eq(seen, 32);
    double before = now();
    must(sva_invalidate(sva, pasid, 5 * PAGE, 1));
    expect(now() - before >= 0.2);
    expect_dma(&test, 5 * PAGE, 8, DMATEST_TO_DEVICE);
    buffer_read(&test, 0, &seen, sizeof(seen));
    expect_eq(seen, 33);

    /* what an unmap takes away is gone */
    expect_eq(unmap(iommu, space, 0, GUEST_PAGES * PAGE), GUEST_PAGES * PAGE);
    expect_eq(dma(&test, 5 * PAGE, 8, DMATEST_TO_DEVICE), FAULT);
}

/* the first page request overflows: the device makes it again */
static void overflow(void)
{
    struct iommu_fault_alloc queue = {.size = sizeof(queue)};
    must(ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &queue));
    struct iommu_hwpt_alloc alloc = {.size = sizeof(alloc), .flags = IOMMU_HWPT_FAULT_ID_VALID,
        .dev_id = test.device.id, .pt_id = ioas, .fault_id = queue.out_fault_id};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc));
    must(attach(test.device.fd, &alloc.out_hwpt_id));
    bar_write32(&test.registers, FEATURES, USE_PRI);
    dma_start(&test, 2 * IOVA, 64, DMATEST_TO_DEVICE);
    struct iommu_hwpt_pgfault request;
    struct pollfd poll_fd = {.fd = (int)queue.out_fault_fd, .events = POLLIN};
    expect_eq(poll(&poll_fd, 1, PATIENCE_SECONDS * 1000), 1);
    expect_eq(read(poll_fd.fd, &request, sizeof(request)), sizeof(request));
    expect_eq(bar_read32(&test.registers, REQUESTS), 2);
    must(map_at(iommu, ioas, memory, PAGE, 2 * IOVA, RW));
    struct iommu_hwpt_page_response response = {.cookie = request.cookie, .code = IOMMUFD_PAGE_RESP_SUCCESS};
    expect_eq(write(poll_fd.fd, &response, sizeof(response)), sizeof(response));
    expect_eq(dma_wait(&test), DONE);
}

/* the second allocation finds no PASID left */
static void exhausted(void)
{
    int sva = open_sva();
    int64_t first = sva_alloc(sva, 1, 0xfffff);
    expect(first > 0);
    expect_errno(sva_alloc(sva, 1, 0xfffff), ENOSPC);
    expect_eq(sva_count(sva), 1);
    expect(sva_alloc(sva, 1, 0xfffff) > 0);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } words[] = {{"call", call}, {"dma:fault", dma_fault}, {"dma:delay", dma_delay}, {"irq", irq},
        {"device:surprise-reset", surprise_reset}, {"device:gone", gone}, {"inv", invalidation},
        {"prq:overflow", overflow}, {"pasid:exhausted", exhausted}};
    const char *word = argument(argc, argv, 1, "what goes wrong");
    begin(argument(argc, argv, 2, "BDF of a dmatest"));
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(words[i].name, word))
            continue;
        words[i].run();
        printf("injected %s: all as it must be\n", word);
        return 0;
    }
    fail("there is no %s", word);
}
