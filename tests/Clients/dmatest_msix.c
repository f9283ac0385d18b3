/* SPDX-License-Identifier: MIT */
/* dmatest's four MSI-X vectors and its one MSI, each at an eventfd. usage: dmatest_msix BDF */
#include "dmatest.h"

#define VECTORS 4
#define IOVA 0x40000000

static struct dmatest test;

static void dma_raising(uint32_t vector)
{
    bar_write32(&test.registers, DMATEST_VECTOR, vector);
    expect_dma(&test, IOVA, 256, DMATEST_TO_DEVICE);
}

static void msix(void)
{
    int device = test.device.fd, events[VECTORS];
    struct vfio_irq_info info = irq_info(device, VFIO_PCI_MSIX_IRQ_INDEX);
    expect_eq(info.count, VECTORS);
    expect(info.flags & VFIO_IRQ_INFO_EVENTFD);
    expect(!(info.flags & (VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED)));

    for (int i = 0; i < VECTORS; i++)
        events[i] = new_eventfd();
    must(set_irqs(device, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, VECTORS, events));
    for (uint32_t i = 0; i < VECTORS; i++) {
        dma_raising(i);
        expect_eq(wait_event(events[i]), 1);
        for (int other = 0; other < VECTORS; other++)
            expect_no_event(events[other]);
    }
    dma_raising(DMATEST_NO_VECTOR);
    dma_raising(VECTORS); /* no such vector: nothing may happen */
    for (int i = 0; i < VECTORS; i++)
        expect_no_event(events[i]);
    printf("MSI-X: one vector each: ok\n");

    /* a fault raises it too, because the command completes */
    bar_write32(&test.registers, DMATEST_VECTOR, 2);
    expect_fault(&test, 8 * (uint64_t)IOVA, 64, 0, NOT_MAPPED);
    expect_eq(wait_event(events[2]), 1);

    /* triggered by the program: none, some, all */
    uint8_t some[VECTORS] = {1, 0, 0, 1};
    must(set_irqs(device, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_BOOL, 0, VECTORS, some));
    must(set_irqs(device, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_NONE, 3, 1, NULL));
    expect_eq(wait_event(events[0]), 1);
    expect_eq(wait_event(events[3]), 2);
    expect_no_event(events[1]);
    expect_no_event(events[2]);

    /* one removed, one replaced, the others unchanged */
    int none = -1, replaced = new_eventfd();
    must(set_irqs(device, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &none));
    must(set_irqs(device, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 1, 1, &replaced));
    for (uint32_t i = 0; i < VECTORS; i++)
        dma_raising(i);
    expect_eq(wait_event(replaced), 1);
    expect_eq(wait_event(events[2]), 1);
    expect_eq(wait_event(events[3]), 1);
    expect_no_event(events[0]);
    expect_no_event(events[1]);

    /* refused, without an effect */
    expect_errno(set_irqs(device, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 3, 2, events), EINVAL);
    expect_errno(set_irqs(device, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, events), EINVAL);
    expect_errno(set_irqs(device, VFIO_PCI_MSIX_IRQ_INDEX, MASK_NONE, 0, 1, NULL), ENOTTY);
    expect_errno(set_irqs(device, VFIO_PCI_INTX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, events), EINVAL);
    expect_eq(irq_info(device, VFIO_PCI_INTX_IRQ_INDEX).count, 0);
    dma_raising(3);
    expect_eq(wait_event(events[3]), 1);

    must(irqs_off(device, VFIO_PCI_MSIX_IRQ_INDEX));
    dma_raising(3);
    expect_no_event(events[3]);
    printf("MSI-X: triggered, replaced, taken away, off: ok\n");
}

static void msi(void)
{
    int device = test.device.fd, event = new_eventfd();
    struct vfio_irq_info info = irq_info(device, VFIO_PCI_MSI_IRQ_INDEX);
    expect_eq(info.count, 1);
    expect_eq(info.flags, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE);
    must(set_irqs(device, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    dma_raising(0);
    expect_eq(wait_event(event), 1);
    dma_raising(DMATEST_NO_VECTOR);
    expect_no_event(event);
    must(irqs_off(device, VFIO_PCI_MSI_IRQ_INDEX));
    printf("MSI: ok\n");
}

int main(int argc, char **argv)
{
    int iommu = open_iommu();
    test = open_dmatest(argument(argc, argv, 1, "BDF of a dmatest"), iommu, BY_PIO);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(test.device.fd, &pt));
    must(map_at(iommu, ioas, pages(1), PAGE, IOVA, RW));
    msix();
    msi();
    msix(); /* and back */
    printf("dmatest's interrupts: all as they must be\n");
    return 0;
}
