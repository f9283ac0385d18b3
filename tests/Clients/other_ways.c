/* SPDX-License-Identifier: MIT */
/*
 * Ways to access a device's file other than pread, pwrite and mmap. Bytes read are the regions', and a write is done or
 * refused, never lost.
 * usage: other_ways BDF of an edu
 */
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "edu.h"

static struct device device;
static struct bar bar;

/* one operation through a ring of its own: its result, a negative errno, or -ENOSYS if the host permits no ring */
static int through_a_ring(struct io_uring_sqe operation)
{
    struct io_uring_params params = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &params);
    if (ring < 0)
        return -ENOSYS;
    uint8_t *submitted = must(mmap(NULL, params.sq_off.array + 4 * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                                   ring, IORING_OFF_SQ_RING));
    uint8_t *completed = must(mmap(NULL, params.cq_off.cqes + 8 * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
                                   MAP_SHARED, ring, IORING_OFF_CQ_RING));
    struct io_uring_sqe *entries = must(mmap(NULL, 4 * sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
                                             (off_t)IORING_OFF_SQES));
    entries[0] = operation;
    *(uint32_t *)(submitted + params.sq_off.array) = 0;
    *(uint32_t *)(submitted + params.sq_off.tail) = 1;
    expect_eq(must(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0)), 1);
    int result = ((struct io_uring_cqe *)(completed + params.cq_off.cqes))->res;
    close(ring);
    return result;
}

static int ring_moves(int operation, void *bytes, uint32_t count, uint64_t offset)
{
    return through_a_ring((struct io_uring_sqe){
        .opcode = (uint8_t)operation, .fd = device.fd, .addr = addr(bytes), .len = count, .off = offset});
}

/* what was read equals what pread reads, unless it was refused */
static void expect_read(const char *way, long result, uint32_t value, uint64_t offset)
{
    uint32_t wanted = 0;
    if (result < 0)
        return;
    expect_eq(pread(device.fd, &wanted, sizeof(wanted), (off_t)offset), sizeof(wanted));
    if (result != sizeof(value) || value != wanted)
        fail("%s at 0x%" PRIx64 ": expected 0x%x, came %ld bytes, 0x%x", way, offset, wanted, result, value);
}

static void read_at(uint64_t offset)
{
    uint32_t value = 0;
    long result = ring_moves(IORING_OP_READ, &value, sizeof(value), offset);
    expect_read("io_uring", result, value, offset);

    value = 0;
    aio_context_t context = 0;
    must(syscall(SYS_io_setup, 1, &context));
    struct iocb block = {.aio_lio_opcode = IOCB_CMD_PREAD,
                         .aio_fildes = (uint32_t)device.fd,
                         .aio_buf = addr(&value),
                         .aio_nbytes = sizeof(value),
                         .aio_offset = (int64_t)offset};
    struct iocb *blocks[] = {&block};
    struct io_event event = {0};
    if (syscall(SYS_io_submit, context, 1, blocks) == 1) {
        expect_eq(must(syscall(SYS_io_getevents, context, 1, 1, &event, NULL)), 1);
        expect_read("aio", (long)event.res, value, offset);
    }
    must(syscall(SYS_io_destroy, context));

    int pipes[2];
    off_t position = (off_t)offset;
    must(pipe(pipes));
    value = 0;
    result = sendfile(pipes[1], device.fd, &position, sizeof(value));
    if (result > 0)
        result = read(pipes[0], &value, sizeof(value));
    expect_read("sendfile", result, value, offset);
    position = (off_t)offset;
    expect_errno(splice(device.fd, &position, pipes[1], NULL, sizeof(value), 0), EINVAL);
    close(pipes[0]);
    close(pipes[1]);
}

static void reads(void)
{
    bar_write32(&bar, EDU_LIVENESS, 0x12345678); /* it reads as the complement from here on */
    read_at(bar.offset);
    read_at(bar.offset + EDU_LIVENESS);
    read_at(device.config);
    read_at(device.config + PCI_COMMAND);
    bus_master(&device, false);
    read_at(device.config + PCI_COMMAND);
    bus_master(&device, true);
    int event = new_eventfd();
    must(set_irqs(device.fd, VFIO_PCI_MSI_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    for (uint64_t at = 0; at < 256; at += 4)
        read_at(device.config + at);
    must(irqs_off(device.fd, VFIO_PCI_MSI_IRQ_INDEX));
    must(ioctl(device.fd, VFIO_DEVICE_RESET));
    read_at(bar.offset + EDU_LIVENESS);
    printf("reads: ok\n");
}

static void writes(void)
{
    uint16_t command = config_read16(&device, PCI_COMMAND), off = command & ~PCI_COMMAND_MASTER;
    if (ring_moves(IORING_OP_WRITE, &off, sizeof(off), device.config + PCI_COMMAND) >= 0)
        expect_eq(config_read16(&device, PCI_COMMAND), off);
    bus_master(&device, true);

    uint32_t value = 0x12345678;
    if (ring_moves(IORING_OP_WRITE, &value, sizeof(value), bar.offset + EDU_LIVENESS) >= 0)
        wait_until(bar_read32(&bar, EDU_LIVENESS) == ~value);

    /* where a call can reach no region, nothing is stored and read back */
    off_t high = (off_t)(1ULL << 30);
    expect_eq(pwrite(device.fd, &value, sizeof(value), high), -1);
    struct iovec vector = {&value, sizeof(value)};
    expect_eq(pwritev(device.fd, &vector, 1, high), -1);
    expect_eq(write(device.fd, &value, sizeof(value)), -1);
    printf("writes: ok\n");
}

static void holes(void)
{
    expect_errno(fallocate(device.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)bar.offset, PAGE), ENODEV);
    expect_errno(fallocate(device.fd, 0, (off_t)bar.offset, PAGE), ENODEV);
    expect_eq(ftruncate(device.fd, 0), -1);
    int file = must(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    off_t from = (off_t)bar.offset, to = 0;
    expect_errno(copy_file_range(device.fd, &from, file, &to, PAGE, 0), EINVAL);
    must(fallocate(file, 0, 0, PAGE)); /* other files behave as ever */
    close(file);
    printf("holes and copies: ok\n");
}

int main(int argc, char **argv)
{
    device = open_device(argument(argc, argv, 1, "BDF of an edu"), open_iommu());
    bar = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
    reads();
    writes();
    holes();
    printf("other_ways: all as it must be\n");
    return 0;
}
