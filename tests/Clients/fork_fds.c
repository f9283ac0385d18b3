/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the nodes are like any other: inherited over fork and exec, duplicated, sent to another process. The
 * last one, including mappings, frees everything.
 * usage: fork_fds BDF
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include "engine.h"

static const char *bdf;

static int ioas_exists(int iommu, uint32_t id)
{
    struct iommu_option option = {
        .size = sizeof(option), .option_id = IOMMU_OPTION_HUGE_PAGES, .op = IOMMU_OPTION_OP_GET, .object_id = id};
    return ioctl(iommu, IOMMU_OPTION, &option);
}

static void expect_child(pid_t child)
{
    int status = -1;
    expect_eq(waitpid(child, &status, 0), child);
    if (status)
        fail("expected the child to end with 0, came status 0x%x", (unsigned)status);
}

/* nobody has the device any more: it binds at once */
static void expect_free(void)
{
    int iommu = open_iommu(), cdev = open_cdev(bdf);
    must(bind_iommufd(cdev, iommu, NULL));
    must(close(cdev));
    must(close(iommu));
}

static void expect_taken(void)
{
    int iommu = open_iommu(), cdev = open_cdev(bdf);
    expect_errno(bind_iommufd(cdev, iommu, NULL), EINVAL);
    must(close(cdev));
    must(close(iommu));
}

static void inherited(void)
{
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    struct engine engine = open_engine(bdf, iommu, ioas);
    uint8_t *page = pages(1), *result = pages(1);
    fill(page, PAGE, 1);
    must(map_at(iommu, ioas, result, PAGE, 0x20000, RW));
    pid_t child = must(fork());
    if (!child) {
        must(ioas_exists(iommu, ioas));
        expect_eq(ioas_alloc(iommu) == ioas, false);
        fill(page, PAGE, 9); /* the child's own copy of the page, which is the one that it maps */
        must(map_at(iommu, ioas, page, PAGE, 0x10000, RW));
        engine_copy(&engine, 0x10000, 0x20000, ENGINE_MOST); /* and 0x20000 is still the parent's memory */
        _exit(0);
    }
    expect_child(child);
    expect_filled(result, ENGINE_MOST, 9);
    expect_filled(page, PAGE, 1);
    expect_eq(unmap(iommu, ioas, 0x10000, PAGE), PAGE);
    must(map_at(iommu, ioas, page, PAGE, 0x10000, RW));
    engine_copy(&engine, 0x10000, 0x20000, ENGINE_MOST);
    expect_filled(result, ENGINE_MOST, 1);

    /* exec: descriptors without close-on-exec survive */
    child = must(fork());
    if (!child) {
        char number[16], object[16];
        must(fcntl(iommu, F_SETFD, 0));
        snprintf(number, sizeof(number), "%d", iommu);
        snprintf(object, sizeof(object), "%u", ioas);
        execl("/proc/self/exe", "fork_fds", "executed", number, object, NULL);
        fail("expected to be executed again");
    }
    expect_child(child);
    must(close(engine.device.fd));
    must(close(iommu));
    expect_free();
    printf("inherited over fork and exec: ok\n");
}

static void duplicated(void)
{
    int first = open_iommu(), iommu = must(dup(first));
    uint32_t ioas = ioas_alloc(first);
    must(close(first));
    must(ioas_exists(iommu, ioas));
    int cdev = open_cdev(bdf), second = must(fcntl(cdev, F_DUPFD_CLOEXEC, 100));
    uint32_t id = 0, pt = ioas;
    must(bind_iommufd(cdev, iommu, &id));
    must(close(cdev));
    must(attach(second, &pt));
    expect_taken();
    struct iommu_hw_info info = {.size = sizeof(info), .dev_id = id};
    must(ioctl(iommu, IOMMU_GET_HW_INFO, &info));
    must(close(second));
    /* its object and its page table are gone with it */
    expect_errno(ioctl(iommu, IOMMU_GET_HW_INFO, &info), ENOENT);
    must(destroy(iommu, ioas));
    must(close(iommu));
    expect_free();
    printf("duplicated: ok\n");
}

static void send_fds(int channel, const int *fds, size_t count)
{
    char byte = 'x', control[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    expect_eq(sendmsg(channel, &message, 0), 1);
}

static void receive_fds(int channel, int *fds, size_t count)
{
    char byte, control[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    expect_eq(recvmsg(channel, &message, MSG_CMSG_CLOEXEC), 1);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    expect(header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(count * sizeof(int)));
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
}

static void sent(void)
{
    int channel[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
    pid_t child = must(fork());
    if (!child) { /* forked before anything was open: it has only what is sent to it */
        int fds[2];
        must(close(channel[0]));
        receive_fds(channel[1], fds, 2);
        uint32_t ioas = ioas_alloc(fds[0]), pt = ioas;
        struct engine engine = engine_from(device_from(fds[1], fds[0]));
        must(attach(fds[1], &pt));
        uint8_t *memory = pages(2);
        fill(memory, PAGE, 6);
        must(map_at(fds[0], ioas, memory, 2 * PAGE, 0x10000, RW));
        engine_copy(&engine, 0x10000, 0x10000 + PAGE, ENGINE_MOST);
        expect_filled(memory + PAGE, ENGINE_MOST, 6);
        _exit(0); /* without closing anything */
    }
    must(close(channel[1]));
    int fds[2] = {open_iommu(), open_cdev(bdf)};
    send_fds(channel[0], fds, 2);
    expect_child(child);
    struct vfio_device_info info = {.argsz = sizeof(info)};
    must(ioctl(fds[1], VFIO_DEVICE_GET_INFO, &info)); /* bound by the other, open here: it stays bound */
    expect_taken();
    must(close(fds[1]));
    must(close(fds[0]));
    must(close(channel[0]));
    expect_free();

    /* in flight they are open: only the socket has them */
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
    fds[0] = open_iommu();
    fds[1] = open_cdev(bdf);
    must(bind_iommufd(fds[1], fds[0], NULL));
    send_fds(channel[0], fds, 2);
    must(close(fds[0]));
    must(close(fds[1]));
    expect_taken();
    receive_fds(channel[1], fds, 2);
    must(ioctl(fds[1], VFIO_DEVICE_GET_INFO, &info));
    ioas_alloc(fds[0]);
    send_fds(channel[0], fds, 2);
    must(close(fds[0]));
    must(close(fds[1]));
    must(close(channel[0]));
    must(close(channel[1])); /* and they go with it */
    expect_free();
    printf("sent to another process: ok\n");
}

static void last_close(void)
{
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    struct engine engine = open_engine(bdf, iommu, ioas);
    uint8_t *memory = pages(2);
    fill(memory, PAGE, 7);
    must(map_at(iommu, ioas, memory, 2 * PAGE, 0x10000, RW));

    /* a bound device keeps its iommufd: it works on without a descriptor */
    must(close(iommu));
    engine_copy(&engine, 0x10000, 0x10000 + PAGE, ENGINE_MOST);
    expect_filled(memory + PAGE, ENGINE_MOST, 7);

    /* a mapped BAR keeps the device */
    struct bar bar = open_bar(&engine.device, VFIO_PCI_BAR0_REGION_INDEX, BY_MMAP);
    must(close(engine.device.fd));
    expect_taken();
    must(munmap((void *)bar.memory, PAGE));
    if (bar.size > PAGE) {
        expect_taken();
        must(munmap((void *)(bar.memory + PAGE), bar.size - PAGE));
    }
    expect_free();
    for (int i = 0; i < 20; i++) /* at once, every time */
        expect_free();
    printf("the last close: ok\n");
}

int main(int argc, char **argv)
{
    bdf = argument(argc, argv, 1, "BDF");
    if (!strcmp(bdf, "executed")) {
        must(ioas_exists(atoi(argv[2]), (uint32_t)atoi(argv[3])));
        expect_errno(ioas_exists(atoi(argv[2]), 999), ENOENT);
        return 0;
    }
    inherited();
    duplicated();
    sent();
    last_close();
    printf("fork_fds: all as it must be\n");
    return 0;
}
