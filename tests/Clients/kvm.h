/* SPDX-License-Identifier: MIT */
/* A minimal virtual machine monitor for tests: one virtual processor in real mode, memory, interrupts. */
#ifndef KVM_H
#define KVM_H

#include <linux/kvm.h>

#include "client.h"

#define NO_KVM 77 /* exit code without a usable /dev/kvm */

static inline int open_kvm(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) {
        fprintf(stderr, "no /dev/kvm to be had: %s\n", strerror(errno));
        exit(NO_KVM);
    }
    return kvm;
}

static inline int new_vm(int kvm)
{
    return must(ioctl(kvm, KVM_CREATE_VM, 0));
}

/* ---- KVM's VFIO device ---- */

static inline int new_vfio_device(int vm)
{
    struct kvm_create_device arguments = {.type = KVM_DEV_TYPE_VFIO};
    must(ioctl(vm, KVM_CREATE_DEVICE, &arguments));
    return (int)arguments.fd;
}

static inline int set_attribute(int device, uint32_t group, uint64_t attribute, const void *value)
{
    struct kvm_device_attr arguments = {.group = group, .attr = attribute, .addr = addr(value)};
    return ioctl(device, KVM_SET_DEVICE_ATTR, &arguments);
}

static inline int add_file(int device, int32_t fd)
{
    return set_attribute(device, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD, &fd);
}

static inline int remove_file(int device, int32_t fd)
{
    return set_attribute(device, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_DEL, &fd);
}

/* ---- a machine: its memory begins at guest-physical 0 ---- */

struct guest {
    int vm, vcpu;
    struct kvm_run *run;
    uint8_t *memory;
    uint32_t slots;
};

#define GUEST_CODE 0x1000 /* entry point of a guest */
#define GUEST_DONE 0x10   /* the port for its result, a byte; the guest stops there */

/* maps memory of ours, or a BAR, into the guest; returns the slot's number */
static inline uint32_t guest_map(
    struct guest *guest, uint64_t where, volatile void *memory, uint64_t length, uint32_t flags)
{
    struct kvm_userspace_memory_region region = {.slot = guest->slots,
        .flags = flags,
        .guest_phys_addr = where,
        .memory_size = length,
        .userspace_addr = addr(memory)};
    must(ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region));
    return guest->slots++;
}

/* a machine that runs the code from begin to end, with this memory from 0 on */
static inline struct guest new_guest(
    int kvm, void *memory, size_t length, uint32_t flags, const uint8_t *begin, const uint8_t *end)
{
    struct guest guest = {.vm = new_vm(kvm), .memory = memory};
    must(ioctl(guest.vm, KVM_SET_TSS_ADDR, 0xfffbd000)); /* Intel's processors need it for real mode */
    must(ioctl(guest.vm, KVM_CREATE_IRQCHIP, 0));
    guest_map(&guest, 0, memory, length, flags);
    memcpy(guest.memory + GUEST_CODE, begin, (size_t)(end - begin));
    guest.vcpu = must(ioctl(guest.vm, KVM_CREATE_VCPU, 0));
    size_t size = (size_t)must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
    guest.run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, guest.vcpu, 0);
    expect(guest.run != MAP_FAILED);

    struct kvm_sregs sregs;
    must(ioctl(guest.vcpu, KVM_GET_SREGS, &sregs));
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    must(ioctl(guest.vcpu, KVM_SET_SREGS, &sregs));
    struct kvm_regs regs = {.rip = GUEST_CODE, .rsp = 0x8000, .rflags = 2};
    must(ioctl(guest.vcpu, KVM_SET_REGS, &regs));
    return guest;
}

/* runs the guest until it outputs a result */
static inline uint8_t guest_run(struct guest *guest)
{
    while (ioctl(guest->vcpu, KVM_RUN, 0) && errno == EINTR)
        continue;
    if (guest->run->exit_reason != KVM_EXIT_IO)
        fail("expected the guest to say its result, came exit %u, detail 0x%" PRIx64, guest->run->exit_reason,
             (uint64_t)guest->run->hw.hardware_exit_reason);
    expect_eq(guest->run->io.direction, KVM_EXIT_IO_OUT);
    expect_eq(guest->run->io.port, GUEST_DONE);
    return *((uint8_t *)guest->run + guest->run->io.data_offset);
}

/*
 * The code of a guest: NAME_begin to NAME_end, 16 bits, linked nowhere, so its jumps are relative. It starts with DS 0.
 * In the tests, %fs points to BARs.
 */
#define GUEST(name, code)                                                                     \
    extern const uint8_t name##_begin[], name##_end[];                                        \
    __asm__(".pushsection .rodata\n.code16\n" #name "_begin:\n" code "\n" #name "_end:\n.code64\n.popsection\n")

#define BARS 0xc0000 /* below 1 MiB, within reach of real mode */

#endif
