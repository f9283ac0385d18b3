/* SPDX-License-Identifier: MIT */
/*
 * Programs make the supervisor hold as much as they can: a thousand living threads that called a node, then as many
 * open nodes each as they get. What each can hold is bounded, others are served meanwhile, and everything is released.
 * usage: hoarders
 */
#include "client.h"
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>

#define THREADS 1000
#define PROGRAMS 3

static int iommu, served, leave;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *call_and_stay(void *nothing)
{
    ioas_alloc(iommu);
    pthread_mutex_lock(&lock);
    served++;
    pthread_cond_broadcast(&changed);
    while (!leave)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return nothing;
}

/* the supervisor's open descriptors */
static int descriptors_of(pid_t process)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", process);
    DIR *directory = opendir(path);
    expect(directory != NULL);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static int files_limit(void)
{
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit));
    return (int)limit.rlim_cur;
}

/* opens nodes until refused; reports how many, and stays */
static void hoard(int told)
{
    must(prctl(PR_SET_PDEATHSIG, SIGKILL));
    int count = 0, most = files_limit();
    while (count < most && open("/dev/iommu", O_RDWR) >= 0)
        count++;
    if (errno != EMFILE && errno != ENFILE)
        fail("node %d was refused otherwise", count);
    expect_eq(write(told, &count, sizeof(count)), sizeof(count));
    pause();
}

static void many_threads(pid_t supervisor)
{
    static pthread_t threads[THREADS];
    int before = descriptors_of(supervisor);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 16);
    for (int i = 0; i < THREADS; i++)
        expect_eq(pthread_create(&threads[i], &small, call_and_stay, NULL), 0);
    pthread_mutex_lock(&lock);
    while (served < THREADS)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    int held = descriptors_of(supervisor) - before;
    if (held > THREADS)
        fail("the supervisor holds %d descriptors for %d threads", held, THREADS);
    pthread_mutex_lock(&lock);
    leave = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++)
        expect_eq(pthread_join(threads[i], NULL), 0);
}

static void *call_once(void *nothing)
{
    ioas_alloc(iommu);
    return nothing;
}

static void many_nodes(void)
{
    pid_t hoarders[PROGRAMS];
    int told[2], counts[PROGRAMS];
    must(pipe(told));
    for (int i = 0; i < PROGRAMS; i++) {
        hoarders[i] = must(fork());
        if (hoarders[i] == 0)
            hoard(told[1]);
        expect_eq(read(told[0], &counts[i], sizeof(counts[i])), sizeof(counts[i]));
    }

    /* a program with an open node is served, also in threads that never called before */
    pthread_t another;
    ioas_alloc(iommu);
    expect_eq(pthread_create(&another, NULL, call_once, NULL), 0);
    expect_eq(pthread_join(another, NULL), 0);
    for (int i = 0; i < PROGRAMS; i++) {
        must(kill(hoarders[i], SIGKILL));
        must(waitpid(hoarders[i], NULL, 0));
    }

    int one;
    wait_until((one = open("/dev/iommu", O_RDWR)) >= 0);
    close(one);
    printf("nodes: %d, %d, %d\n", counts[0], counts[1], counts[2]);
}

int main(void)
{
    pid_t supervisor = getppid();
    files_limit();
    iommu = open_iommu();
    many_threads(supervisor);
    many_nodes();
    printf("hoarders: all as it must be\n");
    return 0;
}
