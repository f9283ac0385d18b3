/* SPDX-License-Identifier: MIT */
/* edu's interrupts: INTx with its automatic mask, then MSI. usage: edu_irq BDF */
#include "edu.h"

static struct device device;
static struct bar bar;

/*
 * The interrupt is masked from the first time it fires until the program unmasks it; a line that is still asserted then
 * fires again.
 */
static void intx(void)
{
    struct vfio_irq_info info = irq_info(device.fd, VFIO_PCI_INTX_IRQ_INDEX);
    expect_eq(info.count, 1);
    expect_eq(info.flags, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED);

    int event = new_eventfd();
    expect_errno(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, TRIGGER_NONE, 0, 1, NULL), EINVAL);
    expect_errno(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, UNMASK_NONE, 0, 1, NULL), EINVAL);
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    expect_no_event(event);

    bar_write32(&bar, EDU_IRQ_RAISE, 0x10);
    expect_eq(wait_event(event), 1);
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), 0x10);
    expect_no_event(event); /* still asserted, but masked */

    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, UNMASK_NONE, 0, 1, NULL));
    expect_eq(wait_event(event), 1); /* not acknowledged: it fires again */

    bar_write32(&bar, EDU_IRQ_ACK, 0x10);
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), 0);
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, UNMASK_NONE, 0, 1, NULL));
    expect_no_event(event);

    /* the program's own mask holds an interrupt back until it is removed */
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, MASK_NONE, 0, 1, NULL));
    bar_write32(&bar, EDU_IRQ_RAISE, 0x20);
    wait_until(bar_read32(&bar, EDU_IRQ_STATUS) == 0x20);
    expect_no_event(event);
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, UNMASK_NONE, 0, 1, NULL));
    expect_eq(wait_event(event), 1);
    bar_write32(&bar, EDU_IRQ_ACK, 0x20);
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), 0);

    /* loopback: triggered by the program */
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, TRIGGER_NONE, 0, 1, NULL));
    expect_eq(wait_event(event), 1);

    /* INTx and MSI exclude each other */
    expect_errno(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event), EINVAL);
    must(irqs_off(device.fd, VFIO_PCI_INTX_IRQ_INDEX));
    close(event);
    printf("INTx: automatic mask, unmask, mask, loopback: ok\n");
}

/* returns the eventfd, still enabled */
static int msi(void)
{
    struct vfio_irq_info info = irq_info(device.fd, VFIO_PCI_MSI_IRQ_INDEX);
    expect_eq(info.count, 1);
    expect_eq(info.flags, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE);

    int event = new_eventfd(), other = new_eventfd(), none = -1;
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    bar_write32(&bar, EDU_IRQ_RAISE, 1);
    expect_eq(wait_event(event), 1);
    bar_write32(&bar, EDU_IRQ_ACK, 1);
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), 0);

    bar_write32(&bar, EDU_STATUS, 0x80);
    bar_write32(&bar, EDU_FACTORIAL, 5);
    expect_eq(wait_event(event), 1);
    expect_eq(bar_read32(&bar, EDU_FACTORIAL), 120);
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), 1);
    bar_write32(&bar, EDU_IRQ_ACK, 1);
    bar_write32(&bar, EDU_STATUS, 0);

    /* another eventfd replaces it; -1 removes it; a bool triggers it */
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &other));
    bar_write32(&bar, EDU_IRQ_RAISE, 2);
    expect_eq(wait_event(other), 1);
    bar_write32(&bar, EDU_IRQ_ACK, 2);
    uint8_t yes = 1, no = 0;
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_BOOL, 0, 1, &no));
    expect_no_event(other);
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_BOOL, 0, 1, &yes));
    expect_eq(wait_event(other), 1);
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &none));
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_NONE, 0, 1, NULL));
    expect_no_event(other);
    expect_no_event(event);
    must(irqs_off(device.fd, VFIO_PCI_MSI_IRQ_INDEX));
    close(other);

    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    printf("MSI: raised, factorial, replaced, loopback: ok\n");
    return event;
}

static void dma_done(int iommu, uint32_t ioas, int event)
{
    uint8_t *memory = pages(2);
    fill(memory, EDU_MOST, 3);
    uint64_t iova = 0x200000;
    must(map_at(iommu, ioas, memory, 2 * PAGE, iova, RW));
    edu_dma_start(&bar, iova, EDU_MOST, EDU_DMA_IRQ);
    expect_eq(wait_event(event), 1);
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), EDU_DMA_IRQ_STATUS);
    bar_write32(&bar, EDU_IRQ_ACK, EDU_DMA_IRQ_STATUS);
    edu_dma_start(&bar, iova + PAGE, EDU_MOST, EDU_DMA_IRQ | EDU_DMA_TO_MEMORY);
    expect_eq(wait_event(event), 1);
    expect_filled(memory + PAGE, EDU_MOST, 3);
    bar_write32(&bar, EDU_IRQ_ACK, EDU_DMA_IRQ_STATUS);
    must(irqs_off(device.fd, VFIO_PCI_MSI_IRQ_INDEX));
    printf("DMA that ends with an interrupt: ok\n");
}

int main(int argc, char **argv)
{
    int iommu = open_iommu();
    device = open_device(argument(argc, argv, 1, "BDF of an edu"), iommu);
    expect_eq(device.model, EDU_MODEL);
    bar = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(device.fd, &pt));

    expect_eq(device.info.num_irqs, VFIO_PCI_NUM_IRQS);
    struct vfio_irq_info none = {.argsz = sizeof(none), .index = VFIO_PCI_NUM_IRQS};
    expect_errno(ioctl(device.fd, VFIO_DEVICE_GET_IRQ_INFO, &none), EINVAL);
    intx();
    dma_done(iommu, ioas, msi());
    printf("edu's interrupts: all as they must be\n");
    return 0;
}
