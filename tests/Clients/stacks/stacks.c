/* SPDX-License-Identifier: MIT */
/* Maps and unmaps a page, each in a function of its own: whose stacks a trace is to show. */
#include <fcntl.h>
#include <linux/iommufd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

static __attribute__((noinline)) int map_page(int iommu, uint32_t ioas, void *page)
{
    struct iommu_ioas_map map = {.size = sizeof(map), .ioas_id = ioas, .user_va = (uintptr_t)page, .iova = 0x10000,
                                 .length = 4096, .flags = 7};
    int result = ioctl(iommu, IOMMU_IOAS_MAP, &map); /* map */
    return result;
}

static inline __attribute__((always_inline)) int unmap_inlined(int iommu, uint32_t ioas)
{
    struct iommu_ioas_unmap unmap = {.size = sizeof(unmap), .ioas_id = ioas, .iova = 0x10000, .length = 4096};
    return ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap); /* unmap */
}

static __attribute__((noinline)) int unmap_page(int iommu, uint32_t ioas)
{
    int result = unmap_inlined(iommu, ioas);
    return result;
}

/* "traced": another process traces this thread. */
static void be_traced(void)
{
    int go[2];
    char byte;
    if (pipe(go)) exit(4);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_SEIZE, getppid(), 0, 0) == 0 && write(go[1], "", 1) == 1) pause();
        _exit(1);
    }
    close(go[1]);
    if (read(go[0], &byte, 1) != 1) exit(5);
}

static void *go_on(void *iommu)
{
    struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
    for (;;)
        if (ioctl(*(int *)iommu, IOMMU_IOAS_ALLOC, &alloc) == 0) {
            struct iommu_destroy destroy = {.size = sizeof(destroy), .id = alloc.out_ioas_id};
            ioctl(*(int *)iommu, IOMMU_DESTROY, &destroy);
        }
    return NULL;
}

/* "dying": threads are in calls when another one executes a program, and when that ends. */
static void die(int iommu, char **argv, const char *next)
{
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        if (pthread_create(&thread, NULL, go_on, &iommu)) exit(6);
    struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
    for (int i = 0; i < 20; i++)
        if (ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc)) exit(7);
    if (next) execl("/proc/self/exe", argv[0], next, NULL);
    puts("ok");
    fflush(stdout);
    kill(getpid(), SIGKILL);
}

int main(int argc, char **argv)
{
    int iommu = open("/dev/iommu", O_RDWR);
    if (argc > 1 && !strcmp(argv[1], "traced")) be_traced();
    if (argc > 1 && !strcmp(argv[1], "dying")) die(iommu, argv, "killed");
    if (argc > 1 && !strcmp(argv[1], "killed")) die(iommu, argv, NULL);
    struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc)) return 1;
    if (map_page(iommu, alloc.out_ioas_id, page)) return 2;
    int result = unmap_page(iommu, alloc.out_ioas_id);
    puts("ok");
    return result ? 3 : 0;
}
