/* SPDX-License-Identifier: MIT */
/*
 * Nodes that take messages, and an attribute that takes UUIDs: tests/Ioasis.MessageNodes. /dev/letters is a node as
 * vhost-vdpa's; /dev/echo is read, polled and written as any file.
 */
#include "client.h"
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define LETTERS _IO(0xaf, 0x70)
#define SAY _IO(0xaf, 0x71)
#define LETTER 72
#define REGION (1L << 40)

#define refused(call, error) (errno = 0, (call) < 0 && errno == (error))

static void letter(int file, uint8_t text)
{
    uint8_t bytes[LETTER] = {2, text};
    expect(write(file, bytes, sizeof(bytes)) == LETTER);
}

static int pass_through_a_socket(int file)
{
    int ends[2];
    expect(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
    char byte = 0;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &file, sizeof(int));
    expect(sendmsg(ends[0], &message, 0) == 1);
    expect(recvmsg(ends[1], &message, 0) == 1);
    int got;
    memcpy(&got, CMSG_DATA(&control.header), sizeof(int));
    close(ends[0]);
    close(ends[1]);
    return got;
}

static void in_a_child(void (*act)(int), int file)
{
    pid_t child = fork();
    expect(child >= 0);
    if (child == 0) {
        act(file);
        _exit(0);
    }
    int status;
    expect(waitpid(child, &status, 0) == child && status == 0);
}

static void child_writes(int file)
{
    letter(file, 'f');
}

static void child_says(int file)
{
    expect(ioctl(file, SAY, 77UL) == 0);
}

static void letters(void)
{
    int file = open("/dev/letters", O_RDWR);
    expect(file >= 0);
    struct stat stat;
    expect(fstat(file, &stat) == 0 && S_ISCHR(stat.st_mode) && major(stat.st_rdev) == 240);
    volatile uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, REGION);
    expect(page != MAP_FAILED);
    expect(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED && errno == EINVAL);
    expect(ioctl(file, LETTERS) == 0);
    expect(refused(ioctl(file, SAY), ENOTTY));

    letter(file, 'a');
    expect(ioctl(file, LETTERS) == 1 && page[1] == 'a');
    uint8_t bytes[LETTER + 1] = {2, 'b'};
    void *volatile nowhere = NULL;
    expect(pwrite(file, bytes, LETTER, 8) == LETTER && page[1] == 'b'); /* the offset counts for nothing */
    expect(refused(write(file, bytes, LETTER - 1), EINVAL));
    expect(refused(write(file, bytes, LETTER + 1), EINVAL));
    expect(refused(write(file, bytes, 1), EINVAL));
    expect(write(file, bytes, 0) == 0);
    expect(refused(write(file, nowhere, LETTER), EFAULT));
    bytes[0] = 3;
    expect(refused(write(file, bytes, LETTER), EINVAL));
    expect(refused(read(file, bytes, LETTER), EINVAL));
    struct pollfd poll_file = {.fd = file, .events = POLLIN | POLLOUT};
    expect(poll(&poll_file, 1, 0) == 1 && poll_file.revents == (POLLIN | POLLOUT));
    expect(ioctl(file, LETTERS) == 2);

    int reader = open("/dev/letters", O_RDONLY);
    expect(reader >= 0 && ioctl(reader, LETTERS) == 0);
    expect(refused(write(reader, bytes, LETTER), EBADF));
    close(reader);

    int other = dup(file), passed = pass_through_a_socket(file);
    close(file);
    expect(refused(write(file, bytes, LETTER), EBADF));
    letter(other, 'd');
    letter(passed, 's');
    in_a_child(child_writes, other);
    expect(ioctl(passed, LETTERS) == 5 && page[1] == 'f');
    close(other);
    close(passed);

    int pipes[2]; /* what is no node of ours takes as many bytes */
    expect(pipe(pipes) == 0 && write(pipes[1], bytes, LETTER) == LETTER && read(pipes[0], bytes, LETTER) == LETTER);
    puts("letters: ok");
}

static uint64_t number(int file)
{
    uint64_t value = 0;
    expect(read(file, &value, sizeof(value)) == sizeof(value));
    return value;
}

static void echo(void)
{
    int file = open("/dev/echo", O_RDWR | O_NONBLOCK);
    expect(file >= 0);
    struct stat stat;
    expect(fstat(file, &stat) == 0 && S_ISCHR(stat.st_mode) && major(stat.st_rdev) == 241);
    struct pollfd poll_file = {.fd = file, .events = POLLIN};
    uint64_t value;
    expect(poll(&poll_file, 1, 0) == 0);
    expect(refused(read(file, &value, sizeof(value)), EAGAIN));
    expect(refused(ioctl(file, LETTERS), ENOTTY));
    expect(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, REGION) == MAP_FAILED && errno == ENODEV);
    expect(ioctl(file, SAY, 5UL) == 0);
    expect(poll(&poll_file, 1, 0) == 1 && number(file) == 5);
    value = 6;
    expect(write(file, &value, sizeof(value)) == sizeof(value));
    expect(poll(&poll_file, 1, PATIENCE_SECONDS * 1000) == 1 && number(file) == 6);

    int other = dup(file), passed = pass_through_a_socket(file);
    close(file);
    in_a_child(child_says, other);
    expect(number(passed) == 77);
    expect(ioctl(passed, SAY, 8UL) == 0 && number(other) == 8);
    close(other);
    close(passed);

    file = open("/dev/echo", O_RDWR); /* waits for a record */
    expect(file >= 0);
    in_a_child(child_says, file);
    expect(number(file) == 77);
    close(file);
    puts("echo: ok");
}

static void attribute(void)
{
    static const char uuid[] = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001\n";
    static const char again[] = "83B8F4F2-509F-382F-3C1E-E6BFE0FA1001";
    int file = open("/sys/class/letters/create", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    expect(file >= 0);
    expect(write(file, uuid, 36) == 36);
    expect(refused(write(file, again, 36), EEXIST));
    expect(refused(write(file, uuid, 37), EEXIST));
    expect(refused(write(file, "{3b8f4f2-509f-382f-3c1e-e6bfe0fa1001}", 37), EINVAL));
    expect(refused(write(file, uuid, 35), EINVAL));
    expect(refused(write(file, uuid, 18), EINVAL));
    expect(refused(pwrite(file, uuid, 36, 100), EEXIST)); /* the offset counts for nothing */
    expect(write(file, uuid, 0) == 0);
    close(file);
    expect(refused(open("/sys/class/letters/create", O_RDONLY), EACCES));
    puts("attribute: ok");
}

int main(void)
{
    letters();
    echo();
    attribute();
    return 0;
}
