/* SPDX-License-Identifier: MIT */
/*
 * A guest's interrupts and kicks, none of which its monitor sees. A device's message is an eventfd of VFIO that KVM
 * injects (irqfd). A store to a port is an eventfd of KVM for which VFIO writes to a register (ioeventfd). A line is
 * injected, and unmasked at the end of interrupt (resampled).
 * usage: kvm_irqs BDF_OF_AN_EDU BDF_OF_A_DMATEST
 * Exit code 77 without /dev/kvm.
 */
#include "dmatest.h"
#include "edu.h"
#include "kvm.h"

#define RAM 0x40000
#define MESSAGE_IRQ 5 /* as in the guests */
#define LINE_IRQ 10
#define KICK_PORT 0x300

/* both interrupt controllers: vectors from 0x20 and 0x28; all masked except 5 and 10; 10 is level-triggered */
#define INTERRUPTS                                                                            \
    "cli\n"                                                                                   \
    "mov $0x11, %al\n"                                                                        \
    "out %al, $0x20\n"                                                                        \
    "out %al, $0xa0\n"                                                                        \
    "mov $0x20, %al\n"                                                                        \
    "out %al, $0x21\n"                                                                        \
    "mov $0x28, %al\n"                                                                        \
    "out %al, $0xa1\n"                                                                        \
    "mov $4, %al\n"                                                                           \
    "out %al, $0x21\n"                                                                        \
    "mov $2, %al\n"                                                                           \
    "out %al, $0xa1\n"                                                                        \
    "mov $1, %al\n"                                                                           \
    "out %al, $0x21\n"                                                                        \
    "out %al, $0xa1\n"                                                                        \
    "mov $0xdb, %al\n"                                                                        \
    "out %al, $0x21\n"                                                                        \
    "mov $0xfb, %al\n"                                                                        \
    "out %al, $0xa1\n"                                                                        \
    "mov $0x4d1, %dx\n"                                                                       \
    "mov $4, %al\n"                                                                           \
    "out %al, %dx\n"                                                                          \
    "mov $0xc000, %ax\n"                                                                      \
    "mov %ax, %fs\n"                                                                          \
    "xor %ax, %ax\n"                                                                          \
    "mov %ax, %ds\n"                                                                          \
    "mov %ax, %ss\n"

/* the handler is at 0x1000 + HANDLER_AT; its count is at 0x500 */
#define HANDLER_AT "0x200"

/* twice: kicks the device, whose command is in VFIO's ioeventfd, and sleeps until its message has come */
GUEST(kicking,
      INTERRUPTS
      "movw $0x1000 + " HANDLER_AT ", 0x25 * 4\n"
      "movw $0, 0x25 * 4 + 2\n"
      "1: mov $0x300, %dx\n"
      "mov 0x500, %bx\n"
      "mov $0x77, %al\n"
      "out %al, %dx\n"
      "2: cli\n"
      "cmp 0x500, %bx\n"
      "jne 3f\n"
      "sti\n"
      "hlt\n"
      "jmp 2b\n"
      "3: cmpl $0, %fs:0x08\n" /* the message comes last */
      "jne 4f\n"
      "cmpl $1, %fs:0x14\n"
      "jne 4f\n"
      "cmpw $2, 0x500\n"
      "jne 1b\n"
      "mov 0x500, %al\n"
      "out %al, $0x10\n"
      "4: mov $0xee, %al\n"
      "out %al, $0x10\n"

      ".org kicking_begin + " HANDLER_AT "\n"
      "push %ax\n"
      "incw 0x500\n"
      "mov $0x20, %al\n"
      "out %al, $0x20\n"
      "pop %ax\n"
      "iret\n");

/*
 * raises three interrupts on one line, which its handler acknowledges one by one, and then a fourth: the count must
 * match
 */
GUEST(levels,
      INTERRUPTS
      "movw $0x1000 + " HANDLER_AT ", 0x2a * 4\n"
      "movw $0, 0x2a * 4 + 2\n"
      "movl $7, %fs:0x60\n"
      "mov $3, %bx\n"
      "1: cli\n"
      "cmp %bx, 0x500\n"
      "jae 2f\n"
      "sti\n"
      "hlt\n"
      "jmp 1b\n"
      "2: sti\n"
      "cmp $4, %bx\n"
      "je 3f\n"
      "mov $4, %bx\n"
      "movl $8, %fs:0x60\n"
      "jmp 1b\n"
      "3: mov 0x500, %al\n"
      "out %al, $0x10\n"

      ".org levels_begin + " HANDLER_AT "\n"
      "push %eax\n"
      "push %ecx\n"
      "incw 0x500\n"
      "movl %fs:0x24, %eax\n"
      "mov %eax, %ecx\n"
      "negl %ecx\n"
      "andl %eax, %ecx\n"     /* the lowest that is raised */
      "movl %ecx, %fs:0x64\n"
      "1: testl %ecx, %fs:0x24\n" /* until the device has acknowledged */
      "jnz 1b\n"
      "mov $0x20, %al\n"
      "out %al, $0xa0\n"
      "out %al, $0x20\n"
      "pop %ecx\n"
      "pop %eax\n"
      "iret\n");

static void inject(const struct guest *guest, uint32_t irq, int event, int unmask)
{
    struct kvm_irqfd arguments = {.fd = (uint32_t)event, .gsi = irq};
    if (unmask >= 0) {
        arguments.flags = KVM_IRQFD_FLAG_RESAMPLE;
        arguments.resamplefd = (uint32_t)unmask;
    }
    must(ioctl(guest->vm, KVM_IRQFD, &arguments));
}

static void messages(int kvm, const char *bdf)
{
    int iommu = open_iommu();
    uint8_t *memory = pages(RAM / PAGE);
    struct guest guest = new_guest(kvm, memory, RAM, 0, kicking_begin, kicking_end);
    struct dmatest test = open_dmatest(bdf, iommu, BY_MMAP);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(test.device.fd, &pt));
    must(map_at(iommu, ioas, memory, RAM, 0, RW));
    guest_map(&guest, BARS, test.registers.memory, PAGE, 0);

    int event = new_eventfd(), kick = new_eventfd();
    must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    inject(&guest, MESSAGE_IRQ, event, -1);
    struct kvm_ioeventfd port = {.addr = KICK_PORT,
                                 .len = 1,
                                 .fd = kick,
                                 .datamatch = 0x77,
                                 .flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH};
    must(ioctl(guest.vm, KVM_IOEVENTFD, &port));
    struct vfio_device_ioeventfd start = {.argsz = sizeof(start),
                                          .flags = VFIO_DEVICE_IOEVENTFD_32,
                                          .offset = test.registers.offset + DMATEST_COMMAND,
                                          .data = DMATEST_START | DMATEST_TO_DEVICE,
                                          .fd = kick};
    must(ioctl(test.device.fd, VFIO_DEVICE_IOEVENTFD, &start));
    bar_write64(&test.registers, DMATEST_IOVA, 0x2000);
    bar_write32(&test.registers, DMATEST_LENGTH, PAGE);
    bar_write32(&test.registers, DMATEST_VECTOR, 0);
    fill(memory + 0x2000, PAGE, 1);

    expect_eq(guest_run(&guest), 2);
    expect_eq(bar_read64(&test.registers, DMATEST_COMPLETED), 2);
    expect_filled(test.buffer.memory, PAGE, 1);
    expect_no_event(event); /* KVM has taken them */
    expect_no_event(kick);
    printf("messages by irqfd, kicks by ioeventfd: ok\n");
    must(close(test.device.fd));
    must(close(iommu));
}

static void lines(int kvm, const char *bdf)
{
    int iommu = open_iommu();
    struct guest guest = new_guest(kvm, pages(RAM / PAGE), RAM, 0, levels_begin, levels_end);
    struct device device = open_device(bdf, iommu);
    struct bar registers = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, BY_MMAP);
    guest_map(&guest, BARS, registers.memory, PAGE, 0);
    int event = new_eventfd(), unmask = new_eventfd();
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    must(set_irqs(device.fd, VFIO_PCI_INTX_IRQ_INDEX, UNMASK_EVENTFD, 0, 1, &unmask));
    inject(&guest, LINE_IRQ, event, unmask);
    expect_eq(guest_run(&guest), 4);
    expect_eq(bar_read32(&registers, 0x24), 0);
    printf("a line, resampled: ok\n");
}

int main(int argc, char **argv)
{
    const char *edu = argument(argc, argv, 1, "BDF of an edu"), *dmatest = argument(argc, argv, 2, "BDF of a dmatest");
    int kvm = open_kvm();
    alarm(PATIENCE_SECONDS); /* a guest sleeps until it is interrupted */
    messages(kvm, dmatest);
    lines(kvm, edu);
    printf("kvm_irqs: all as it must be\n");
    return 0;
}
