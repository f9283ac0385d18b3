/* SPDX-License-Identifier: MIT */
/*
 * An edu that is an emulated mdev: no IOMMU is between it and memory, it reaches an IOAS by an access. It moves what is
 * mapped, by single transfers and through a window of pinned pages; when an unmap, a detach or a move to another IOAS
 * has returned, nothing is moved any more.
 * usage: edu_mdev UUID (an mdev of the type edu-1)
 */
#include "edu.h"

enum edu_mdev_register {
    EDU_WINDOW_ADDRESS = 0x100,
    EDU_WINDOW_LENGTH = 0x108, /* opens a window; reads as 0 when none is open */
    EDU_REPEAT = 0x10c,
    EDU_MOVES = 0x110,
    EDU_RESULT = 0x118,
};
enum edu_result { MOVED = 1, REFUSED = 2 };
#define EDU_WINDOW_IRQ 0x200

#define IOVA 0x100000
#define ROUNDS 200

static int iommu;
static struct device device;
static struct bar bar;
static uint8_t *memory; /* three pages, of which the middle one is mapped */

static void expect_bytes(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        expect_eq(bytes[i], value);
}

static void map_middle(uint32_t ioas)
{
    memset(memory, 0, 3 * PAGE);
    must(map_at(iommu, ioas, memory + PAGE, PAGE, IOVA, RW));
}

static void start_repeated(void)
{
    bar_write32(&bar, EDU_REPEAT, 0xffffffff);
    edu_dma_start(&bar, IOVA, PAGE, EDU_DMA_TO_MEMORY);
    wait_until(*(volatile uint8_t *)(memory + 2 * PAGE - 1) == 0x11);
}

static void expect_stopped(void)
{
    memset(memory, 0, 3 * PAGE);
    wait_until(!(bar_read64(&bar, EDU_DMA_COMMAND) & EDU_DMA_START));
    expect_eq(bar_read32(&bar, EDU_RESULT), REFUSED);
    expect_bytes(memory, 3 * PAGE, 0);
}

static void open_window(void)
{
    bar_write64(&bar, EDU_WINDOW_ADDRESS, IOVA);
    bar_write32(&bar, EDU_WINDOW_LENGTH, PAGE);
    expect_eq(bar_read32(&bar, EDU_WINDOW_LENGTH), PAGE);
}

static void unmaps(uint32_t ioas, bool by_window)
{
    uint64_t moves = 0;
    for (int i = 0; i < ROUNDS; i++) {
        map_middle(ioas);
        if (by_window)
            open_window();
        uint64_t before = bar_read64(&bar, EDU_MOVES);
        start_repeated();
        expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
        expect_stopped();
        if (by_window)
            expect_eq(bar_read32(&bar, EDU_WINDOW_LENGTH), 0);
        moves += bar_read64(&bar, EDU_MOVES) - before;
    }
    expect(moves >= ROUNDS);
    printf("%s: %d unmaps beside %llu transfers: ok\n", by_window ? "pinned" : "looked up", ROUNDS,
           (unsigned long long)moves);
}

static void moving(uint32_t ioas)
{
    uint32_t other = ioas_alloc(iommu), pt = other;
    map_middle(ioas);
    edu_dma(&bar, IOVA, PAGE, EDU_DMA_TO_MEMORY);
    expect_bytes(memory + PAGE + 64, PAGE - 64, 0x11); /* what its buffer has, but for the first bytes */
    open_window();
    start_repeated();
    must(attach(device.fd, &pt)); /* moves it */
    expect_stopped();
    expect_eq(bar_read32(&bar, EDU_WINDOW_LENGTH), 0);
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);

    map_middle(other);
    open_window();
    start_repeated();
    must(detach(device.fd));
    expect_stopped();
    expect_eq(unmap(iommu, other, IOVA, PAGE), PAGE);
    pt = ioas;
    must(attach(device.fd, &pt));
    must(destroy(iommu, other));

    map_middle(ioas);
    open_window();
    start_repeated();
    bus_master(&device, false);
    expect_stopped();
    bus_master(&device, true);
    must(ioctl(device.fd, VFIO_DEVICE_RESET));
    expect_eq(bar_read32(&bar, EDU_WINDOW_LENGTH), 0);
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
    printf("moved, detached, stopped, reset: ok\n");
}

static void interrupts(uint32_t ioas)
{
    int event = new_eventfd();
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    map_middle(ioas);
    bar_write32(&bar, EDU_REPEAT, 0);
    bar_write32(&bar, EDU_IRQ_ACK, 0xffffffff); /* of the windows that were closed so far */
    edu_dma(&bar, IOVA, 64, EDU_DMA_IRQ);
    expect_eq(wait_event(event), 1);
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), EDU_DMA_IRQ_STATUS);
    bar_write32(&bar, EDU_IRQ_ACK, EDU_DMA_IRQ_STATUS);
    open_window();
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
    expect_eq(wait_event(event), 1); /* the window was closed */
    expect_eq(bar_read32(&bar, EDU_IRQ_STATUS), EDU_WINDOW_IRQ);
    must(irqs_off(device.fd, VFIO_PCI_MSI_IRQ_INDEX));
    printf("messages: ok\n");
}

int main(int argc, char **argv)
{
    const char *uuid = argument(argc, argv, 1, "UUID of an edu-1");
    edu_exercise(uuid, BY_PIO);

    iommu = open_iommu();
    device = open_device(uuid, iommu);
    bar = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(device.fd, &pt));
    expect_eq(pt, ioas); /* there is no HWPT */
    memory = pages(3);
    memset(memory, 0x11, PAGE);
    must(map_at(iommu, ioas, memory, PAGE, IOVA, IOMMU_IOAS_MAP_READABLE));
    edu_dma(&bar, IOVA, PAGE, 0); /* fills the device's buffer */
    expect_eq(bar_read32(&bar, EDU_RESULT), MOVED);
    edu_dma(&bar, IOVA, PAGE, EDU_DMA_TO_MEMORY);
    expect_eq(bar_read32(&bar, EDU_RESULT), REFUSED); /* mapped for reading */
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);

    unmaps(ioas, false);
    unmaps(ioas, true);
    interrupts(ioas);
    moving(ioas); /* the reset at its end clears the buffer */
    printf("edu_mdev: all as it must be\n");
    return 0;
}
