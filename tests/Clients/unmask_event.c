/* SPDX-License-Identifier: MIT */
/*
 * An eventfd that unmasks INTx is forgotten when its last descriptor is closed, so that another can be set.
 * usage: unmask_event BDF of an edu
 */
#include <sys/wait.h>

#include "edu.h"

#define UNMASK_EVENTFD (VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_EVENTFD)

static struct device device;

static int set_unmask(int event)
{
    return set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, UNMASK_EVENTFD, 0, 1, &event);
}

int main(int argc, char **argv)
{
    device = open_device(argument(argc, argv, 1, "BDF of an edu"), open_iommu());
    struct bar bar = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
    int event = new_eventfd(), first = new_eventfd(), second = new_eventfd();
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    must(set_unmask(first));
    expect_errno(set_unmask(second), EBUSY);

    /* a child still has it */
    int pipes[2];
    must(pipe(pipes));
    pid_t child = must(fork());
    if (!child) {
        char byte;
        close(pipes[1]);
        _exit(read(pipes[0], &byte, 1) != 0);
    }
    close(first);
    expect_errno(set_unmask(second), EBUSY);
    close(pipes[1]);
    int status = -1;
    expect_eq(must(waitpid(child, &status, 0)), child);
    expect_eq(status, 0);

    must(set_unmask(second));
    bar_write32(&bar, EDU_IRQ_RAISE, 1);
    expect_eq(wait_event(event), 1);
    expect_no_event(event); /* masked automatically */
    uint64_t one = 1;
    expect_eq(write(second, &one, sizeof(one)), sizeof(one));
    expect_eq(wait_event(event), 1); /* unmasked, and still asserted */
    bar_write32(&bar, EDU_IRQ_ACK, 1);
    must(set_unmask(-1));
    printf("unmask_event: all as it must be\n");
    return 0;
}
