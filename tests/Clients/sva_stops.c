/* SPDX-License-Identifier: MIT */
/*
 * Threads that unmap while a device is bound to them behave like any others: signals reach them; they can be stopped,
 * killed, traced, and replaced by an exec. For --strict-sva, which stops them for a moment; without it nothing differs.
 * usage: sva_stops BDF
 */
#include "sva.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { PASID = 5, THREADS = 2 };

static atomic_uint handled, unmapped;
static atomic_bool stop;

static void count(int signal)
{
    (void)signal;
    atomic_fetch_add(&handled, 1);
}

/* each call that revokes memory, and its result */
static void *unmap_all(void *ignored)
{
    (void)ignored;
    while (!atomic_load(&stop)) {
        uint8_t *memory = pages(4), *moved;
        memset(memory, 1, 4 * PAGE);
        must(mprotect(memory, PAGE, PROT_READ));
        expect_eq(memory[0], 1);
        must(madvise(memory + PAGE, PAGE, MADV_DONTNEED));
        expect_eq(memory[PAGE], 0);
        expect_errno(madvise(memory + 1, PAGE, MADV_DONTNEED), EINVAL);
        moved = mremap(memory + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
        expect(moved != MAP_FAILED);
        expect_eq(moved[0], 1);
        expect(mmap(memory, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
        expect_eq(memory[0], 0);
        must(munmap(moved, 2 * PAGE));
        must(munmap(memory, 4 * PAGE));
        expect_errno(munmap(memory + 1, PAGE), EINVAL);
        atomic_fetch_add(&unmapped, 1);
    }
    return NULL;
}

static void some_more(void)
{
    unsigned before = atomic_load(&unmapped);
    wait_until(atomic_load(&unmapped) - before > 2 * THREADS);
}

static void signals(void)
{
    pthread_t threads[THREADS];
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    must(sigaction(SIGUSR1, &action, NULL));
    for (unsigned i = 0; i < THREADS; i++)
        expect_eq(pthread_create(&threads[i], NULL, unmap_all, NULL), 0);
    for (unsigned i = 1; i <= 500; i++) { /* one by one: none may be lost, and each is handled once */
        expect_eq(pthread_kill(threads[i % THREADS], SIGUSR1), 0);
        wait_until(atomic_load(&handled) == i);
    }
    some_more();
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++)
        expect_eq(pthread_join(threads[i], NULL), 0);
    atomic_store(&stop, false);
}

/* a new process, which binds itself and unmaps in all its threads, including the first */
static pid_t unmapping_child(int iommu, const struct dmatest *test)
{
    int ready[2];
    char byte;
    must(pipe(ready));
    pid_t child = must(fork());
    if (!child) {
        pthread_t thread;
        must(setpgid(0, 0)); /* SIGTSTP does nothing in an orphaned process group, as ours may be */
        sva_bind(iommu, test, PASID + 1);
        must(write(ready[1], "", 1));
        expect_eq(pthread_create(&thread, NULL, unmap_all, NULL), 0);
        unmap_all(NULL);
    }
    expect_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void gone(const struct dmatest *test)
{
    must(detach_pasid_of(test->device.fd, PASID + 1));
}

static void stops(int iommu, const struct dmatest *test)
{
    int status;
    pid_t child = unmapping_child(iommu, test);
    for (int i = 0; i < 200; i++) {
        must(kill(child, i % 2 ? SIGTSTP : SIGSTOP));
        expect_eq(waitpid(child, &status, WUNTRACED), child);
        expect(WIFSTOPPED(status));
        expect_eq(WSTOPSIG(status), i % 2 ? SIGTSTP : SIGSTOP);
        must(kill(child, SIGCONT));
        expect_eq(waitpid(child, &status, WCONTINUED), child);
        expect(WIFCONTINUED(status));
    }
    must(kill(child, SIGKILL));
    expect_eq(waitpid(child, &status, 0), child);
    expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    gone(test);
}

static void kills(int iommu, const struct dmatest *test)
{
    for (int i = 0; i < 40; i++) {
        int status;
        pid_t child = unmapping_child(iommu, test);
        for (int wait = 0; wait < i; wait++)
            sched_yield();
        must(kill(child, i % 2 ? SIGKILL : SIGTERM));
        expect_eq(waitpid(child, &status, 0), child);
        expect(WIFSIGNALED(status) && WTERMSIG(status) == (i % 2 ? SIGKILL : SIGTERM));
        gone(test);
    }
}

static const char *self;

static void *exec_true(void *ignored)
{
    (void)ignored;
    execl(self, self, "nothing", NULL);
    fail("expected exec to succeed");
}

/* the exec of one thread ends the others wherever they are, and it takes over the first one's ID */
static void execs(int iommu, const struct dmatest *test)
{
    for (int i = 0; i < 40; i++) {
        int status;
        pid_t child = must(fork());
        if (!child) {
            pthread_t threads[2];
            sva_bind(iommu, test, PASID + 1);
            expect_eq(pthread_create(&threads[0], NULL, unmap_all, NULL), 0);
            expect_eq(pthread_create(&threads[1], NULL, i % 2 ? exec_true : unmap_all, NULL), 0);
            if (i % 2)
                unmap_all(NULL);
            some_more();
            exec_true(NULL);
        }
        expect_eq(waitpid(child, &status, 0), child);
        expect_eq(status, 0);
        gone(test);
    }
}

static void traced(int iommu, const struct dmatest *test)
{
    int status;
    pid_t child = unmapping_child(iommu, test);
    /* EPERM: another traces it at this moment */
    must(ptrace(PTRACE_SEIZE, child, NULL, NULL) == -1 && errno != EPERM ? -1 : 0);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    must(kill(child, SIGKILL));
    expect_eq(waitpid(child, &status, __WALL), child);
    gone(test);
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a dmatest");
    self = argv[0];
    if (!strcmp(bdf, "nothing"))
        return 0;
    int iommu = open_iommu();
    struct dmatest test = open_dmatest(bdf, iommu, BY_PIO), channel = sva_channel(&test, 0, PASID);
    static uint8_t busy[64];
    sva_bind(iommu, &test, PASID);
    bar_write32(&channel.registers, DMATEST_REPEAT, 0x7fffffff); /* always working */
    dma_start(&channel, addr(busy), sizeof(busy), DMATEST_TO_DEVICE);
    signals();
    printf("signals: ok\n");
    stops(iommu, &test);
    printf("stops: ok\n");
    kills(iommu, &test);
    printf("kills: ok\n");
    execs(iommu, &test);
    printf("execs: ok\n");
    traced(iommu, &test);
    printf("traced by another: ok\n");
    expect(bar_read32(&channel.registers, DMATEST_COMMAND) & DMATEST_START);
    printf("sva_stops: all as it must be\n");
    return 0;
}
