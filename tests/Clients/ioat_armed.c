/* SPDX-License-Identifier: MIT */
/*
 * An I/OAT channel that was reset and has the address of a chain is armed. A driver must see that within 200 reads of
 * its mapped registers.
 * usage: ioat_armed BDF (mmap|pio)
 */
#include "client.h"

enum { CHANCTRL = 0x80, CHANCMD = 0x84, CHANSTS = 0x88, CHAINADDR = 0x90, CHANCMP = 0x98 };
enum { SUSPEND = 0x04, RESET = 0x20, ABORT_ON_ERRORS = 0x0c, SUSPENDED = 2, ARMED = 4 };

static struct bar bar;

static uint8_t read8(uint64_t at)
{
    uint8_t value = 0;
    if (bar.memory)
        return bar.memory[at];
    expect_eq(pread(bar.fd, &value, sizeof(value), (off_t)(bar.offset + at)), sizeof(value));
    return value;
}

static void command(uint8_t value)
{
    if (bar.memory)
        bar.memory[CHANCMD] = value;
    else
        expect_eq(pwrite(bar.fd, &value, sizeof(value), (off_t)(bar.offset + CHANCMD)), sizeof(value));
    wait_until(read8(CHANCMD) == 0);
}

static void control(uint16_t value)
{
    if (bar.memory)
        *(volatile uint16_t *)(bar.memory + CHANCTRL) = value;
    else
        expect_eq(pwrite(bar.fd, &value, sizeof(value), (off_t)(bar.offset + CHANCTRL)), sizeof(value));
}

/* the reset is done once the command reads 0; nothing waits after that */
static void start(void)
{
    bar_write64(&bar, CHAINADDR, 0x10000);
    control(ABORT_ON_ERRORS);
    bar_write64(&bar, CHANCMP, 0x11000);
    uint64_t status = 0;
    for (int reads = 0; reads < 200 && status != ARMED; reads++)
        status = bar_read64(&bar, CHANSTS);
    expect_eq(status, ARMED);
}

int main(int argc, char **argv)
{
    struct device device = open_device(argument(argc, argv, 1, "BDF of an I/OAT"), open_iommu());
    enum how how = strcmp(argument(argc, argv, 2, "mmap or pio"), "mmap") ? BY_PIO : BY_MMAP;
    bar = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, how);
    command(SUSPEND);
    command(RESET);
    start();
    command(SUSPEND);
    wait_until(bar_read64(&bar, CHANSTS) == SUSPENDED);
    command(RESET);
    start();
    printf("ioat_armed: all as it must be\n");
    return 0;
}
