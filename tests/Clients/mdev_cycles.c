/* SPDX-License-Identifier: MIT */
/*
 * Programs that create, use and remove mdevs and are killed at random points: what each left is removed, and nothing
 * stays. Several types take turns.
 * usage: mdev_cycles COUNT SEED DIRECTORY-OF-A-TYPE... (dmatest-1ch, edu-1)
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dmatest.h"
#include "edu.h"

#define IOVA 0x10000
#define MOST_TYPES 4

static char **types;
static int type_count;
static unsigned all[MOST_TYPES]; /* what each type has when there is no mdev */
static volatile uint32_t *step; /* of the program that runs, shared with it and with the child that it forks */

static int put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t written = write(file, text, strlen(text));
    close(file);
    return written < 0 ? -1 : 0;
}

static unsigned available(int type)
{
    char text[32];
    if (!sysfs_text(text, sizeof(text), "%s/available_instances", types[type]))
        fail("expected %s/available_instances", types[type]);
    return (unsigned)atoi(text);
}

static void remove_mdev(const char *uuid)
{
    char path[300];
    snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/remove", uuid);
    put(path, "1"); /* it may be gone */
}

/* removes all that there is; how many there were */
static int remove_all(void)
{
    int count = 0;
    DIR *directory = opendir("/sys/bus/mdev/devices");
    expect(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (is_mdev(entry->d_name)) {
            remove_mdev(entry->d_name);
            count++;
        }
    closedir(directory);
    return count;
}

static bool nothing_is_left(void)
{
    if (remove_all() > 0)
        return false;
    for (int type = 0; type < type_count; type++)
        if (available(type) != all[type])
            return false;
    return true;
}

static bool has_ended(pid_t child)
{
    siginfo_t ended = {0};
    must(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT));
    return ended.si_pid == child;
}

/* one more point: the program and its child count at the same time, and no count may be lost */
static void reached(void)
{
    __atomic_fetch_add(step, 1, __ATOMIC_SEQ_CST);
}

/* the program that is killed; each line of it is a point where that may happen */
static void use(int type, const char *uuid)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/create", types[type]);
    reached();
    if (put(path, uuid) < 0)
        _exit(0); /* what an earlier one created late has the last place */
    reached();
    int iommu = open_iommu();
    reached();
    struct device device = open_device(uuid, iommu);
    reached();
    uint32_t ioas = ioas_alloc(iommu), pt = ioas;
    must(attach(device.fd, &pt));
    reached();
    uint8_t *memory = pages(2);
    must(map_at(iommu, ioas, memory, 2 * PAGE, IOVA, RW));
    reached();
    if (device.model == EDU_MODEL) {
        struct bar bar = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
        bar_write64(&bar, 0x100, IOVA); /* a window that is pinned, and a transfer that goes on and on */
        bar_write32(&bar, 0x108, 2 * PAGE);
        bar_write32(&bar, 0x10c, 0xffffffff);
        reached();
        edu_dma_start(&bar, IOVA, PAGE, EDU_DMA_TO_MEMORY);
    } else {
        struct dmatest test = dmatest_from(device, BY_MMAP);
        bar_write32(&test.registers, 0x70, 0xffffffff);
        reached();
        dma_start(&test, IOVA, PAGE, 0);
    }
    reached();
    pid_t child = fork(); /* removes it, while this program has it open */
    if (child == 0) {
        reached();
        remove_mdev(uuid);
        _exit(0);
    }
    reached();
    unmap(iommu, ioas, IOVA, 2 * PAGE);
    reached();
    close(device.fd);
    reached();
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    int count = atoi(argument(argc, argv, 1, "count"));
    unsigned seed = (unsigned)atoi(argument(argc, argv, 2, "seed"));
    argument(argc, argv, 3, "directory of a type");
    types = argv + 3;
    type_count = argc - 3;
    expect(type_count <= MOST_TYPES);
    for (int type = 0; type < type_count; type++)
        all[type] = available(type);
    step = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(step != MAP_FAILED);

    int begun[12] = {0};
    double start = now();
    for (int i = 0; i < count; i++) {
        char uuid[40];
        snprintf(uuid, sizeof(uuid), "6d646576-0001-4000-8000-%012x", i);
        unsigned at = (unsigned)rand_r(&seed) % 12, spins = (unsigned)rand_r(&seed) % 20000;
        *step = 0;
        pid_t child = fork();
        must(child);
        if (child == 0) {
            must(prctl(PR_SET_PDEATHSIG, SIGKILL));
            setpgid(0, 0);
            use(i % type_count, uuid);
        }
        setpgid(child, child);
        int status = 0;
        wait_until(*step >= at || has_ended(child));
        for (unsigned spin = 0; spin < spins; spin++)
            __asm__ volatile("");
        begun[*step < 12 ? *step : 11]++;
        kill(-child, SIGKILL);
        expect_eq(waitpid(child, &status, 0), child);
        expect(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        remove_mdev(uuid);
    }
    wait_until(nothing_is_left());
    double seconds = now() - start;
    printf("killed at each point:");
    for (int i = 0; i < 12; i++)
        printf(" %d", begun[i]);
    printf("\n%d cycles in %.1f s: %.1f ms each\n", count, seconds, 1000 * seconds / count);
    printf("mdev_cycles: nothing is left\n");
    return 0;
}
