/* SPDX-License-Identifier: MIT */
/*
 * Threads of one program wait in calls that cannot be served: the calls name memory that nobody provides (userfaultfd),
 * or they have gigabytes checked. Another program is served all the same, and so are the waiting calls once their
 * memory arrives.
 * usage: waiting_calls struct|path|how|result|zeros THREADS
 */
#include "client.h"
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MOST 1024
#define ROUNDS 100
#define ZEROS (1UL << 32)
#define OPENAT2 437

static const char *kind;
static char *memory;
static int iommu;
static pid_t threads[MOST];

static long call(long number)
{
    char *mine = memory + (size_t)number * PAGE;
    if (!strcmp(kind, "path"))
        return syscall(SYS_openat, AT_FDCWD, mine, O_RDONLY, 0);
    if (!strcmp(kind, "how"))
        return syscall(OPENAT2, AT_FDCWD, "/dev/iommu", mine, 24);
    if (!strcmp(kind, "result"))
        return syscall(SYS_newfstatat, AT_FDCWD, "/dev/iommu", mine, 0);
    return ioctl(iommu, IOMMU_IOAS_ALLOC, mine);
}

static long system_call(void)
{
    return !strcmp(kind, "path")  ? SYS_openat
        : !strcmp(kind, "how")    ? OPENAT2
        : !strcmp(kind, "result") ? SYS_newfstatat
                                  : SYS_ioctl;
}

static void *wait_in_call(void *number)
{
    threads[(long)number] = (pid_t)syscall(SYS_gettid);
    return (void *)call((long)number);
}

/* has zeros checked over and over */
static void *keep_calling(void *number)
{
    struct iommu_ioas_alloc *claims = (void *)(memory + (size_t)number * ZEROS);
    for (;;) {
        claims->size = 0xf0000000U;
        ioctl(iommu, IOMMU_IOAS_ALLOC, claims);
    }

    return number;
}

/* whether a thread of the parent is in that system call */
static bool is_in(pid_t thread, long number)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/syscall", thread);
    int file = open(path, O_RDONLY);
    if (file < 0)
        return false;
    bool got = read(file, text, sizeof(text) - 1) > 0;
    close(file);
    return got && atol(text) == number && strncmp(text, "running", 7);
}

/* another program: once all of them wait, it is always served */
static int innocent(int told, int count)
{
    must(prctl(PR_SET_PDEATHSIG, SIGKILL));
    expect_eq(read(told, threads, sizeof(threads)), sizeof(threads));
    alarm(PATIENCE_SECONDS); /* a call that is never served ends it */
    for (int i = 0; strcmp(kind, "zeros") && i < count; i++)
        wait_until(is_in(threads[i], system_call()));
    for (int round = 0; round < ROUNDS; round++) {
        struct stat stat_buffer;
        close(must(open("/dev/null", O_RDONLY)));
        must(stat("/dev/iommu", &stat_buffer));
        int mine = open_iommu();
        ioas_alloc(mine);
        close(mine);
    }

    return 0;
}

static int fault_handler(size_t length)
{
    int faults = must((int)syscall(SYS_userfaultfd, O_CLOEXEC));
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register all = {.range = {addr(memory), length}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    must(ioctl(faults, UFFDIO_API, &api));
    must(ioctl(faults, UFFDIO_REGISTER, &all));
    return faults;
}

/* provides each page with contents that fit every call that may read it */
static void bring(int faults, int count)
{
    char *page = pages(1);
    if (!strcmp(kind, "struct"))
        ((struct iommu_ioas_alloc *)page)->size = sizeof(struct iommu_ioas_alloc);
    else if (!strcmp(kind, "path"))
        strcpy(page, "/dev/null");
    for (int i = 0; i < count; i++) {
        struct uffdio_copy copy = {.dst = addr(memory) + (uint64_t)i * PAGE, .src = addr(page), .len = PAGE};
        must(ioctl(faults, UFFDIO_COPY, &copy));
    }
}

int main(int argc, char **argv)
{
    int count = argc == 3 ? atoi(argv[2]) : 0, told[2], faults = -1;
    expect(count > 0 && count <= MOST);
    kind = argv[1];
    bool zeros = !strcmp(kind, "zeros");
    size_t length = (size_t)(count + 1) * (zeros ? ZEROS : PAGE);
    memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    expect(memory != MAP_FAILED);
    iommu = open_iommu();
    if (!zeros)
        faults = fault_handler(length);
    must(pipe(told));
    pid_t other = must(fork());
    if (other == 0)
        _exit(innocent(told[0], count));

    pthread_t started[MOST];
    for (long i = 0; i < count; i++)
        expect_eq(pthread_create(&started[i], NULL, zeros ? keep_calling : wait_in_call, (void *)i), 0);
    for (int i = 0; !zeros && i < count; i++)
        wait_until(__atomic_load_n(&threads[i], __ATOMIC_ACQUIRE) != 0);
    expect_eq(write(told[1], threads, sizeof(threads)), sizeof(threads));
    int status;
    must(waitpid(other, &status, 0));
    expect_eq(status, 0);
    if (!zeros) {
        bring(faults, count);
        for (int i = 0; i < count; i++) {
            void *result;
            expect_eq(pthread_join(started[i], &result), 0);
            expect((long)result >= 0);
        }
    }

    printf("%s: others were served beside %d calls that waited\n", kind, count);
    fflush(stdout);
    _exit(0);
}
