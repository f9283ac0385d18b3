/* SPDX-License-Identifier: MIT */
/*
 * The descriptor of a fault queue is like any other: it can be polled, read, duplicated, inherited and sent. Its queue
 * is in use until the last one is closed, by whatever process.
 * usage: fault_queue
 */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client.h"

struct queue {
    uint32_t id;
    int fd;
};

static int iommu;

static struct queue queue_alloc(void)
{
    struct iommu_fault_alloc alloc = {.size = sizeof(alloc)};
    must(ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &alloc));
    return (struct queue){.id = alloc.out_fault_id, .fd = (int)alloc.out_fault_fd};
}

static void looks_right(void)
{
    struct queue queue = queue_alloc();
    expect_eq(must(fcntl(queue.fd, F_GETFD)) & FD_CLOEXEC, FD_CLOEXEC);
    expect_eq(must(fcntl(queue.fd, F_GETFL)) & O_ACCMODE, O_RDWR);

    struct stat stat, other;
    int event = new_eventfd();
    must(fstat(queue.fd, &stat));
    must(fstat(event, &other));
    expect_eq(stat.st_mode, other.st_mode);
    expect_eq(stat.st_dev, other.st_dev);
    expect_eq(stat.st_size, 0);
    must(close(event));

    char link[64], text[64] = "";
    snprintf(link, sizeof(link), "/proc/self/fd/%d", queue.fd);
    must(readlink(link, text, sizeof(text) - 1));
    if (strcmp(text, "anon_inode:[iommufd-pgfault]"))
        fail("expected the name of a fault queue, came %s", text);

    expect_errno(ioctl(queue.fd, IOMMU_FAULT_QUEUE_ALLOC, &queue), ENOTTY);
    expect_errno(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, queue.fd, 0), ENODEV);
    expect_errno(lseek(queue.fd, 0, SEEK_CUR), ESPIPE);
    must(close(queue.fd));
    must(destroy(iommu, queue.id));
}

/* nothing to read, and read never blocks */
static void empty(void)
{
    struct queue queue = queue_alloc();
    struct pollfd poll_fd = {.fd = queue.fd, .events = POLLIN | POLLOUT};
    expect_eq(must(poll(&poll_fd, 1, 0)), 1);
    expect_eq(poll_fd.revents, POLLOUT);

    int epoll = must(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event event = {.events = EPOLLIN};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, queue.fd, &event));
    expect_eq(must(epoll_wait(epoll, &event, 1, 0)), 0);
    must(close(epoll));

    struct iommu_hwpt_pgfault fault;
    ssize_t got = read(queue.fd, &fault, sizeof(fault)); /* EAGAIN under run; Linux returns 0 */
    expect(got == 0 || (got == -1 && errno == EAGAIN));
    must(close(queue.fd));
    must(destroy(iommu, queue.id));
}

/* a close takes effect before the next call, every time */
static void close_and_destroy(void)
{
    for (int i = 0; i < 500; i++) {
        struct queue queue = queue_alloc();
        expect_errno(destroy(iommu, queue.id), EBUSY);
        int copy = must(dup(queue.fd));
        must(close(queue.fd));
        expect_errno(destroy(iommu, queue.id), EBUSY);
        must(close(copy));
        must(destroy(iommu, queue.id));
    }
}

static void inherited(int signal)
{
    struct queue queue = queue_alloc();
    int ready[2];
    must(pipe(ready));
    pid_t child = must(fork());
    if (!child) {
        close(ready[0]);
        must(write(ready[1], "", 1));
        if (signal)
            for (;;)
                pause();
        _exit(0);
    }
    char byte;
    must(close(queue.fd));
    must(close(ready[1]));
    expect_eq(read(ready[0], &byte, 1), 1);
    if (signal) {
        expect_errno(destroy(iommu, queue.id), EBUSY);
        must(kill(child, signal));
    }
    int status;
    expect_eq(must(waitpid(child, &status, 0)), child);
    must(destroy(iommu, queue.id));
    must(close(ready[0]));
}

/* in flight it stays open; the receiver has it; it goes with the socket */
static void sent(void)
{
    struct queue queue = queue_alloc();
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &queue.fd, sizeof(int));
    must(sendmsg(pair[0], &message, 0));
    must(sendmsg(pair[0], &message, 0));
    must(close(queue.fd));
    expect_errno(destroy(iommu, queue.id), EBUSY);

    must(recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC));
    int received;
    memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    must(close(pair[0]));
    must(close(pair[1])); /* the second goes with it */
    expect_errno(destroy(iommu, queue.id), EBUSY);
    must(close(received));
    must(destroy(iommu, queue.id));
}

/* the queue keeps its context */
static void outlives_the_context(void)
{
    int kept = iommu;
    iommu = open_iommu();
    struct queue queue = queue_alloc();
    must(close(iommu));
    struct pollfd poll_fd = {.fd = queue.fd, .events = POLLIN};
    expect_eq(must(poll(&poll_fd, 1, 0)), 0);
    must(close(queue.fd));
    iommu = kept;
}

static void *thread(void *unused)
{
    close_and_destroy();
    return unused;
}

static void by_threads(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        expect_eq(pthread_create(&threads[i], NULL, thread, NULL), 0);
    for (int i = 0; i < 4; i++)
        expect_eq(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    iommu = open_iommu();
    looks_right();
    empty();
    close_and_destroy();
    by_threads();
    inherited(0);
    inherited(SIGKILL);
    sent();
    outlives_the_context();
    printf("fault_queue: all as it must be\n");
    return 0;
}
