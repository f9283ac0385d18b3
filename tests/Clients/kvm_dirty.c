/* SPDX-License-Identifier: MIT */
/*
 * The first half of a migration: the guest writes to its memory, and so does a device. KVM's log has the pages of the
 * guest, the IOMMU's dirty bits those of the device, and a copy that follows only these two is complete. usage:
 * kvm_dirty BDF_OF_A_DMATEST
 * Exit code 77 without /dev/kvm.
 */
#include "dmatest.h"
#include "kvm.h"

#define PAGES 64 /* of the guest, one bit each */
#define RAM (PAGES * PAGE)
#define FIRST 16 /* pages from here on are written */
#define ROUNDS 50

/*
 * AX: segment to write CX to. EBX, EDX: IOVA and length for the device's write of its buffer. Outputs the device's
 * status.
 */
GUEST(writing,
      "mov %ax, %es\n"
      "mov $0xc000, %ax\n"
      "mov %ax, %fs\n"
      "mov %cx, %es:0x10\n"
      "movl %ebx, %fs:0x00\n"
      "movl $0, %fs:0x04\n"
      "movl %edx, %fs:0x10\n"
      "movl $1, %fs:0x08\n"
      "1: cmpl $0, %fs:0x08\n"
      "jne 1b\n"
      "mov %fs:0x14, %al\n"
      "out %al, $0x10\n");

static int iommu;

static uint64_t log_of_kvm(const struct guest *guest)
{
    uint64_t bits = 0;
    struct kvm_dirty_log log = {.slot = 0, .dirty_bitmap = &bits};
    must(ioctl(guest->vm, KVM_GET_DIRTY_LOG, &log));
    return bits;
}

static uint64_t bits_of_iommu(uint32_t hwpt)
{
    uint64_t bits = 0;
    struct iommu_hwpt_get_dirty_bitmap get = {
        .size = sizeof(get), .hwpt_id = hwpt, .length = RAM, .page_size = PAGE, .data = addr(&bits)};
    must(ioctl(iommu, IOMMU_HWPT_GET_DIRTY_BITMAP, &get));
    return bits;
}

static void track(uint32_t hwpt, bool on)
{
    struct iommu_hwpt_set_dirty_tracking set = {
        .size = sizeof(set), .hwpt_id = hwpt, .flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0};
    must(ioctl(iommu, IOMMU_HWPT_SET_DIRTY_TRACKING, &set));
}

static uint64_t bits_from_to(uint64_t first, uint64_t last)
{
    uint64_t bits = 0;
    for (uint64_t page = first / PAGE; page <= last / PAGE; page++)
        bits |= 1ull << page;
    return bits;
}

static void run_writing(struct guest *guest, uint32_t page, uint16_t value, uint32_t iova, uint32_t length)
{
    struct kvm_regs regs = {.rip = GUEST_CODE, .rsp = 0x8000, .rflags = 2};
    regs.rax = page * PAGE / 16;
    regs.rcx = value;
    regs.rbx = iova;
    regs.rdx = length;
    must(ioctl(guest->vcpu, KVM_SET_REGS, &regs));
    expect_eq(guest_run(guest), DONE);
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest");
    int kvm = open_kvm();
    iommu = open_iommu();
    uint8_t *memory = pages(PAGES), *copy = pages(PAGES);
    fill(memory, RAM, 1);
    struct guest guest = new_guest(kvm, memory, RAM, KVM_MEM_LOG_DIRTY_PAGES, writing_begin, writing_end);
    struct dmatest test = open_dmatest(bdf, iommu, BY_MMAP);
    guest_map(&guest, BARS, test.registers.memory, PAGE, 0);
    uint32_t ioas = ioas_alloc(iommu);
    must(map_at(iommu, ioas, memory, RAM, 0, RW));
    struct iommu_hwpt_alloc hwpt = {
        .size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, .dev_id = test.device.id, .pt_id = ioas};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
    uint32_t pt = hwpt.out_hwpt_id;
    must(attach(test.device.fd, &pt));

    track(hwpt.out_hwpt_id, true);
    memcpy(copy, memory, RAM);
    expect_eq(log_of_kvm(&guest), 0);
    expect_eq(bits_of_iommu(hwpt.out_hwpt_id), 0);

    srand(1);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t of_guest = 0, of_device = 0;
        for (int i = rand() % 3; i >= 0; i--) {
            uint32_t page = FIRST + (uint32_t)rand() % (PAGES - FIRST), length = 1 + (uint32_t)rand() % (uint32_t)PAGE;
            uint32_t iova = (uint32_t)(FIRST * PAGE) + (uint32_t)rand() % (uint32_t)(RAM - FIRST * PAGE - length);
            fill((void *)test.buffer.memory, PAGE, round);
            run_writing(&guest, page, (uint16_t)rand(), iova, length);
            of_guest |= bits_from_to(page * PAGE, page * PAGE);
            of_device |= bits_from_to(iova, iova + length - 1);
        }
        uint64_t logged = log_of_kvm(&guest), dirty = bits_of_iommu(hwpt.out_hwpt_id);
        expect_eq(logged, of_guest);
        expect_eq(dirty, of_device);
        for (uint32_t page = 0; page < PAGES; page++)
            if ((logged | dirty) >> page & 1)
                memcpy(copy + page * PAGE, memory + page * PAGE, PAGE);
        expect(!memcmp(copy, memory, RAM));
    }
    printf("each logs its own: ok\n");

    /* pages that the device reads are not dirty; nothing is logged once logging is off */
    expect_dma(&test, FIRST * PAGE, PAGE, DMATEST_TO_DEVICE);
    expect_eq(log_of_kvm(&guest), 0);
    expect_eq(bits_of_iommu(hwpt.out_hwpt_id), 0);
    track(hwpt.out_hwpt_id, false);
    run_writing(&guest, FIRST, 1, (FIRST + 1) * PAGE, 16);
    expect_eq(log_of_kvm(&guest), 1ull << FIRST);
    track(hwpt.out_hwpt_id, true);
    expect_eq(bits_of_iommu(hwpt.out_hwpt_id), 0);
    printf("reads, and off: ok\n");
    printf("kvm_dirty: all as it must be\n");
    return 0;
}
