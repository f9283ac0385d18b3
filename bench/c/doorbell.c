/* SPDX-License-Identifier: MIT */
/*
 * How fast a device answers a store to its mapped BAR, measured in two ways: until a polling program sees the register
 * change (edu's liveness changes at once), and until a sleeping program is woken by the interrupt that edu raises when
 * a factorial is ready, which another thread of the device computes. Stores follow each other directly, or each a given
 * time after the last answer. For comparison, the same by pwrite and pread, which are intercepted.
 * usage: doorbell ADDRESS GAP...      ADDRESS of the function, 1000:00:03.0; gaps in microseconds
 */
#include "device.h"
#include <linux/pci_regs.h>
#include <sys/eventfd.h>

#define IDENTIFICATION 0x010000edu
#define LIVENESS 4
#define FACTORIAL 8
#define STATUS 0x20
#define STATUS_INTERRUPTS 0x80u
#define ENOUGH 200e6 /* ns for each gap */
#define MOST 2000

static int ascending(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void wait_for(double gap)
{
    double end = now() + gap;
    if (gap >= 2e6)
        usleep((useconds_t)(gap / 1e3));
    while (now() < end)
        ;
}

static void report(const char *what, long gap, double *times, int count)
{
    char name[80];
    qsort(times, (size_t)count, sizeof(*times), ascending);
    snprintf(name, sizeof(name), "%s, %ld us after the last", what, gap);
    printf("%-52s %.0f ns\n", name, times[count / 2]);
    snprintf(name, sizeof(name), "%s, %ld us after the last, 90 %%", what, gap);
    printf("%-52s %.0f ns\n", name, times[count * 9 / 10]);
}

struct edu {
    int file, event;
    off_t offset; /* of BAR 0 */
    volatile uint8_t *bar;
    uint32_t value; /* stored last */
};

static volatile uint32_t *at(const struct edu *device, off_t offset)
{
    return (volatile uint32_t *)(device->bar + offset);
}

static void look(struct edu *device)
{
    *at(device, LIVENESS) = ++device->value;
    while (*at(device, LIVENESS) != ~device->value)
        ;
}

static void call(struct edu *device)
{
    uint32_t answer;
    device->value++;
    require(
        pwrite(device->file, &device->value, sizeof(device->value), device->offset + LIVENESS) == sizeof(device->value),
        "pwrite");
    require(pread(device->file, &answer, sizeof(answer), device->offset + LIVENESS) == sizeof(answer) &&
            answer == ~device->value,
        "pread");
}

static void sleep_until_ready(struct edu *device)
{
    eventfd_t count;
    device->value = device->value == 4 ? 5 : 4; /* differs from the present value, 4! or 5! */
    *at(device, FACTORIAL) = device->value;
    require(!eventfd_read(device->event, &count), "eventfd");
}

static void take_interrupts(struct edu *device)
{
    struct {
        struct vfio_irq_set set;
        int event;
    } irqs = {.set = {.argsz = sizeof(irqs),
                  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                  .index = VFIO_PCI_MSI_IRQ_INDEX,
                  .count = 1}};
    struct vfio_region_info configuration = {.argsz = sizeof(configuration), .index = VFIO_PCI_CONFIG_REGION_INDEX};
    uint16_t command;
    irqs.event = device->event = eventfd(0, 0);
    require(!ioctl(device->file, VFIO_DEVICE_SET_IRQS, &irqs), "VFIO_DEVICE_SET_IRQS");
    require(!ioctl(device->file, VFIO_DEVICE_GET_REGION_INFO, &configuration), "VFIO_DEVICE_GET_REGION_INFO");
    off_t place = (off_t)configuration.offset + PCI_COMMAND;
    require(pread(device->file, &command, sizeof(command), place) == sizeof(command), "the command register");
    command |= PCI_COMMAND_MASTER; /* a message is a write to memory */
    require(pwrite(device->file, &command, sizeof(command), place) == sizeof(command), "the command register");
    uint32_t status = STATUS_INTERRUPTS;
    require(pwrite(device->file, &status, sizeof(status), device->offset + STATUS) == sizeof(status),
        "the status register");
}

static void measure(struct edu *device, const char *what, long gap, void (*once)(struct edu *))
{
    static double times[MOST];
    int count = 0;
    for (double end = now() + ENOUGH + (double)gap * 20e3; now() < end && count < MOST; count++) {
        wait_for((double)gap * 1e3);
        double start = now();
        once(device);
        times[count] = now() - start;
    }
    report(what, gap, times, count);
}

int main(int argc, char **argv)
{
    struct edu device = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    require(argc > 2, "usage: doorbell ADDRESS GAP...");
    device.file = open_device(argv[1], open("/dev/iommu", O_RDWR));
    struct vfio_region_info region = {.argsz = sizeof(region), .index = VFIO_PCI_BAR0_REGION_INDEX};
    require(!ioctl(device.file, VFIO_DEVICE_GET_REGION_INFO, &region), "VFIO_DEVICE_GET_REGION_INFO");
    device.offset = (off_t)region.offset;
    void *bar = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, device.file, device.offset);
    require(bar != MAP_FAILED, "mmap of BAR 0");
    device.bar = bar;
    require(*at(&device, 0) == IDENTIFICATION, "no edu");
    take_interrupts(&device);
    for (int i = 2; i < argc; i++) {
        long gap = strtol(argv[i], NULL, 0);
        measure(&device, "a store, seen", gap, look);
        measure(&device, "a store, interrupted", gap, sleep_until_ready);
        measure(&device, "two calls", gap, call);
    }
    return 0;
}
