/* SPDX-License-Identifier: MIT */
/*
 * A guest with a device's BARs in its memory: its stores reach the device, which copies between a BAR and the guest's
 * memory. Guest-physical addresses are IOVAs.
 * usage: kvm_bars BDF_OF_A_DMATEST
 * Exit code 77 without /dev/kvm.
 */
#include "dmatest.h"
#include "kvm.h"

#define RAM 0x40000
#define SOURCE 0x2000 /* in the guest */
#define TARGET 0x3000
#define LENGTH 256

/*
 * Registers at %fs:0, the buffer at %fs:0x1000. Fills the source, has the device fetch it, checks the buffer, changes
 * it, and has the device store it. Outputs the last status, or 0xee if the buffer was wrong.
 */
GUEST(copying,
      "mov $0xc000, %ax\n"
      "mov %ax, %fs\n"
      "xor %ax, %ax\n"
      "mov %ax, %ds\n"
      "xor %bx, %bx\n"
      "1: mov %bl, %al\n"
      "xor $0x5a, %al\n"
      "mov %al, 0x2000(%bx)\n"
      "inc %bx\n"
      "cmp $256, %bx\n"
      "jne 1b\n"

      "movl $0x2000, %fs:0x00\n" /* IOVA */
      "movl $0, %fs:0x04\n"
      "movl $256, %fs:0x10\n" /* length */
      "movl $3, %fs:0x08\n"   /* start, memory to buffer */
      "2: cmpl $0, %fs:0x08\n"
      "jne 2b\n"
      "cmpl $1, %fs:0x14\n" /* done */
      "jne 4f\n"

      "xor %bx, %bx\n"
      "3: mov 0x2000(%bx), %al\n"
      "cmp %al, %fs:0x1000(%bx)\n"
      "jne 5f\n"
      "notb %fs:0x1000(%bx)\n"
      "inc %bx\n"
      "cmp $256, %bx\n"
      "jne 3b\n"

      "movl $0x3000, %fs:0x00\n"
      "movl $1, %fs:0x08\n" /* start, buffer to memory */
      "6: cmpl $0, %fs:0x08\n"
      "jne 6b\n"
      "4: mov %fs:0x14, %al\n"
      "out %al, $0x10\n"
      "5: mov $0xee, %al\n"
      "out %al, $0x10\n");

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest");
    int kvm = open_kvm(), iommu = open_iommu();
    uint8_t *memory = pages(RAM / PAGE);
    struct guest guest = new_guest(kvm, memory, RAM, 0, copying_begin, copying_end);
    int vfio = new_vfio_device(guest.vm), cdev = open_cdev(bdf);
    must(add_file(vfio, cdev)); /* before it is bound, as monitors do */
    struct dmatest test = dmatest_from(device_from(cdev, iommu), BY_MMAP);
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(cdev, &pt));
    must(map_at(iommu, ioas, memory, RAM, 0, RW));
    guest_map(&guest, BARS, test.registers.memory, PAGE, 0);
    guest_map(&guest, BARS + PAGE, test.buffer.memory, PAGE, 0);

    expect_eq(guest_run(&guest), DONE);
    for (size_t i = 0; i < LENGTH; i++)
        expect_eq(memory[TARGET + i], (uint8_t) ~(memory[SOURCE + i]));
    for (size_t i = 0; i < LENGTH; i++)
        expect_eq(memory[SOURCE + i], (uint8_t)(i ^ 0x5a));
    expect_eq(bar_read64(&test.registers, DMATEST_COMPLETED), 2);
    printf("a guest's stores reach the device: ok\n");

    /* the same guest again, after its memory was unmapped for the device: it sees the fault */
    expect_eq(unmap(iommu, ioas, 0, RAM), RAM);
    struct kvm_regs regs = {.rip = GUEST_CODE, .rsp = 0x8000, .rflags = 2};
    must(ioctl(guest.vcpu, KVM_SET_REGS, &regs));
    expect_eq(guest_run(&guest), FAULT);
    printf("a guest sees a fault: ok\n");

    must(remove_file(vfio, cdev));
    printf("kvm_bars: all as it must be\n");
    return 0;
}
