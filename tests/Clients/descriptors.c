/* SPDX-License-Identifier: MIT */
/*
 * A descriptor means the file that it refers to at the moment of the call, however often that has changed: replaced by
 * another file, closed and reused, in a thread's own table, in a child, after an exec. And a file that was closed
 * before a call is gone.
 * usage: descriptors BDF
 */
#include <pthread.h>
#include <sys/wait.h>

#include "client.h"

#define OFTEN 5 /* calls with the same result as the last, before the descriptor changes */

/* IDs that exist in only one of two open files */
static uint32_t in_first, in_second;
static int first, second;

static int has(int iommu, uint32_t id)
{
    struct iommu_option option = {
        .size = sizeof(option), .option_id = IOMMU_OPTION_HUGE_PAGES, .op = IOMMU_OPTION_OP_GET, .object_id = id};
    return ioctl(iommu, IOMMU_OPTION, &option);
}

static void expect_first(int fd)
{
    for (int i = 0; i < OFTEN; i++) {
        must(has(fd, in_first));
        expect_errno(has(fd, in_second), ENOENT);
    }
}

static void expect_second(int fd)
{
    for (int i = 0; i < OFTEN; i++) {
        must(has(fd, in_second));
        expect_errno(has(fd, in_first), ENOENT);
    }
}

static void expect_none(int fd, int error)
{
    for (int i = 0; i < OFTEN; i++)
        expect_errno(has(fd, in_first), error);
}

static void put_in_place(void)
{
    int number = must(dup(first));
    int others[] = {must(open("/dev/null", O_RDWR)), must(memfd_create("iommu", MFD_CLOEXEC)), new_eventfd()};
    for (int round = 0; round < 3; round++) {
        expect_first(number);
        must(dup2(second, number));
        expect_second(number);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            must(dup2(first, number));
            expect_first(number);
            must(dup2(others[i], number));
            expect_none(number, ENOTTY);
        }
        must(dup2(first, number));
    }
    for (int i = 0; i < 100; i++) { /* each call another one */
        must(dup2(i % 2 ? second : first, number));
        expect_errno(has(number, in_first), i % 2 ? ENOENT : 0);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        must(close(others[i]));
    must(close(number));
    expect_none(number, EBADF);
    printf("put in its place: ok\n");
}

static void given_again(void)
{
    int number = must(dup(first));
    for (int round = 0; round < 3; round++) {
        expect_first(number);
        must(close(number));
        expect_none(number, EBADF);
        expect_eq(open_iommu(), number); /* new: neither file's IDs are in it */
        expect_none(number, ENOENT);
        expect_errno(has(number, in_second), ENOENT);
        must(close(number));
        expect_eq(must(open("/dev/null", O_RDWR)), number);
        expect_none(number, ENOTTY);
        must(close(number));
        expect_eq(must(dup(second)), number);
        expect_second(number);
        must(close(number));
        expect_eq(must(dup(first)), number);
    }
    must(close(number));

    /* many descriptors, so that the most recent ones are evicted */
    int numbers[64];
    for (int i = 0; i < 64; i++)
        numbers[i] = must(dup(i % 3 ? first : second));
    for (int round = 0; round < OFTEN; round++)
        for (int i = 0; i < 64; i++)
            expect_errno(has(numbers[i], in_first), i % 3 ? 0 : ENOENT);
    for (int i = 0; i < 64; i++) {
        expect_errno(has(numbers[i], in_second), i % 3 ? ENOENT : 0);
        expect_errno(has(numbers[i], in_second), i % 3 ? ENOENT : 0);
        must(close(numbers[i]));
        expect_errno(has(numbers[i], in_second), EBADF);
    }
    printf("given to another: ok\n");
}

static pthread_barrier_t both;
static int shared_number;

static void *of_its_own(void *unused)
{
    (void)unused;
    expect_first(shared_number);
    must(unshare(CLONE_FILES));
    must(dup2(second, shared_number));
    pthread_barrier_wait(&both);
    for (int i = 0; i < 50; i++)
        expect_second(shared_number);
    pthread_barrier_wait(&both);
    pthread_barrier_wait(&both); /* the other has closed its own */
    expect_second(shared_number);
    must(close(shared_number));
    expect_none(shared_number, EBADF);
    return NULL;
}

static void tables(void)
{
    pthread_t thread;
    shared_number = must(dup(first));
    expect_first(shared_number);
    expect_eq(pthread_barrier_init(&both, NULL, 2), 0);
    expect_eq(pthread_create(&thread, NULL, of_its_own, NULL), 0);
    pthread_barrier_wait(&both);
    for (int i = 0; i < 50; i++)
        expect_first(shared_number);
    pthread_barrier_wait(&both);
    must(close(shared_number));
    expect_none(shared_number, EBADF);
    pthread_barrier_wait(&both);
    expect_eq(pthread_join(thread, NULL), 0);
    printf("a thread's own table: ok\n");
}

static void expect_child(pid_t child)
{
    int status = -1;
    expect_eq(waitpid(child, &status, 0), child);
    if (status)
        fail("expected the child to end with 0, came status 0x%x", (unsigned)status);
}

static void children(void)
{
    int number = must(dup(first));
    expect_first(number);
    pid_t child = must(fork());
    if (!child) {
        expect_first(number);
        must(dup2(second, number)); /* only the child's */
        expect_second(number);
        _exit(0);
    }
    expect_child(child);
    expect_first(number);

    /* The same process after an exec: the descriptor that it used was closed by the exec and is then another file's. */
    child = must(fork());
    if (!child) {
        char words[3][16];
        must(fcntl(number, F_SETFD, FD_CLOEXEC));
        expect_first(number);
        snprintf(words[0], sizeof(words[0]), "%d", number);
        snprintf(words[1], sizeof(words[1]), "%u", in_first);
        snprintf(words[2], sizeof(words[2]), "%u", in_second);
        must(dup2(second, 3)); /* inherited, unlike the descriptor */
        execl("/proc/self/exe", "descriptors", "executed", words[0], words[1], words[2], NULL);
        fail("expected to be executed again");
    }
    expect_child(child);
    expect_first(number);
    must(close(number));
    printf("children, and another program: ok\n");
}

static int executed(char **argv)
{
    int number = atoi(argv[2]);
    in_first = (uint32_t)atoi(argv[3]);
    in_second = (uint32_t)atoi(argv[4]);
    expect_second(3);
    expect_none(number, EBADF);
    int fresh = open_iommu();
    must(dup2(fresh, number));
    expect_none(number, ENOENT);
    must(dup2(3, number));
    expect_second(number);
    return 0;
}

/* Closed by one thread, seen by the next call of another: the open file is gone then, with everything that it had. */
static int to_close;

static void *closes(void *unused)
{
    (void)unused;
    must(close(to_close));
    return NULL;
}

static void gone(const char *bdf)
{
    for (int round = 0; round < 200; round++) {
        struct device device = open_device(bdf, first);
        struct iommu_hw_info info = {.size = sizeof(info), .dev_id = device.id};
        must(ioctl(first, IOMMU_GET_HW_INFO, &info));
        to_close = device.fd;
        if (round % 2) {
            must(close(to_close));
        } else {
            pthread_t thread;
            expect_eq(pthread_create(&thread, NULL, closes, NULL), 0);
            expect_eq(pthread_join(thread, NULL), 0);
        }
        expect_errno(ioctl(first, IOMMU_GET_HW_INFO, &info), ENOENT);
    }
    printf("closed before the next call: ok\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a device");
    if (!strcmp(bdf, "executed"))
        return executed(argv);
    first = open_iommu();
    second = open_iommu();
    in_first = ioas_alloc(first);
    uint32_t other = ioas_alloc(second);
    in_second = ioas_alloc(second);
    must(destroy(second, other)); /* the ID of the first file's object */
    expect_eq(other, in_first);
    put_in_place();
    given_again();
    tables();
    children();
    gone(bdf);
    printf("descriptors: all as it must be\n");
    return 0;
}
