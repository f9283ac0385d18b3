/* SPDX-License-Identifier: MIT */
/*
 * A soak test. Hostile programs do random things by seed: calls with garbage, paths of every kind, memory that nobody
 * provides, descriptors until there are no more, other users, stops and kills. Beside them, one program that only wants
 * to be served is measured, and one has a device write while its memory is unmapped. At the end the supervisor holds
 * what it held before.
 * usage: hostile SEED SECONDS BDF (a dmatest that nobody else touches)
 */
#include "dmatest.h"
#include <dirent.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define HOSTILE 4
#define HELD 512 /* descriptors that a hostile program keeps */
#define SERVED_WITHIN 0.1
#define FIRST_COMMAND 0x80
#define COMMANDS 24

static const char *bdf;
static double end;

/* ---- numbers ---- */

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(next() % limit);
}

/* ---- what hostile programs do ---- */

static int held[HELD], count;
static char *unbrought; /* a page that nobody provides, if the host allows that */

static void keep(int fd)
{
    if (fd < 0)
        return;
    if (count == HELD)
        close(held[--count]);
    held[count++] = fd;
}

static int any_fd(void)
{
    /* not what it shares with its starter, which is not a victim */
    return count && below(8) ? held[below((uint32_t)count)] : (int)below(64) + 3;
}

static const char *any_path(void)
{
    static const char *paths[] = {"/dev/iommu", "/dev/vfio/vfio", "/dev/sva", "/dev/vfio/devices/vfio0", "/dev/vfio/0",
        "/dev/null", "/dev/vfio/devices", "/sys/bus/pci/devices", "/sys/bus/pci/devices/../../../../etc/shadow",
        "/sys/class/iommu/dmar0/../../../../proc/self/mem", "/sys/kernel/iommu_groups/0/devices", "/proc/self/fd/3",
        "/proc/self/status", "/sys/class/vfio-dev/vfio0/device/config", "/dev/vfio/devices/../../../proc/self/environ",
        "/sys/class/iommu/dmar0/devices", "nothing", ""};
    return paths[below(sizeof(paths) / sizeof(paths[0]))];
}

static void any_ioctl(void)
{
    static uint8_t structure[256] __attribute__((aligned(8)));
    for (size_t i = 0; i < sizeof(structure); i += 4)
        *(uint32_t *)(structure + i) = below(4) ? below(16) : (uint32_t)next();
    *(uint32_t *)structure = below(4) ? below(12) * 8 : (uint32_t)next();
    unsigned long number = _IO(';', below(2) ? FIRST_COMMAND + below(COMMANDS) : 100 + below(30));
    ioctl(any_fd(), number, below(16) ? (void *)structure : (void *)next());
}

static void any_path_call(void)
{
    static char buffer[4096];
    struct stat stat_buffer;
    struct statfs statfs_buffer;
    const char *path = any_path();
    switch (below(8)) {
    case 0: stat(path, &stat_buffer); break;
    case 1: lstat(path, &stat_buffer); break;
    case 2: fstat(any_fd(), &stat_buffer); break;
    case 3: statfs(path, &statfs_buffer); break;
    case 4: (void)!readlink(path, buffer, sizeof(buffer)); break;
    case 5: access(path, (int)below(8)); break;
    case 6: keep(openat(any_fd(), path, (int)below(4) | O_NONBLOCK | (below(4) ? 0 : O_PATH))); break;
    default: keep(open(path, (int)below(4) | O_NONBLOCK | (below(8) ? 0 : O_DIRECTORY))); break;
    }
}

static void move_bytes(void)
{
    static char buffer[8192];
    off_t at = (off_t)((uint64_t)below(12) << 40) + below(4096);
    if (below(2))
        (void)!pread(any_fd(), buffer, below(sizeof(buffer)), at);
    else
        (void)!pwrite(any_fd(), buffer, below(64), at);
}

static void *wait_for_ever(void *nothing)
{
    if (below(2))
        ioctl(held[0], IOMMU_IOAS_ALLOC, unbrought);
    else
        syscall(SYS_openat, AT_FDCWD, unbrought, O_RDONLY);
    return nothing;
}

/* a thread whose call ends only with the program */
static void hang_one(void)
{
    pthread_t thread;
    if (unbrought && !pthread_create(&thread, NULL, wait_for_ever, NULL))
        pthread_detach(thread);
}

static void exhaust(void)
{
    int mine[4096], n = 0;
    while (n < 4096 && (mine[n] = open("/dev/iommu", O_RDWR)) >= 0)
        n++;
    while (n)
        close(mine[--n]);
}

static void map_something(void)
{
    int iommu = open("/dev/iommu", O_RDWR);
    if (iommu < 0)
        return;
    char *memory = pages(4);
    struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
    if (!ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas)) {
        for (int i = 0; i < 64; i++)
            map_at(iommu, ioas.out_ioas_id, memory + below(4) * PAGE, PAGE, (uint64_t)below(1024) * PAGE, RW);
        unmap(iommu, ioas.out_ioas_id, (uint64_t)below(1024) * PAGE, (uint64_t)below(512) * PAGE);
    }

    munmap(memory, 4 * PAGE);
    keep(iommu);
}

static void fork_one(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 20; i++)
            any_ioctl();
        _exit(0);
    }

    if (child < 0)
        return;
    if (below(2))
        kill(child, below(2) ? SIGKILL : SIGSTOP);
    kill(child, SIGCONT);
    waitpid(child, NULL, 0);
}

static void find_unbrought(void)
{
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API};
    if (faults < 0 || ioctl(faults, UFFDIO_API, &api))
        return;
    char *page = pages(1);
    struct uffdio_register all = {.range = {addr(page), PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (!ioctl(faults, UFFDIO_REGISTER, &all))
        unbrought = page;
}

static void hostile(uint64_t seed)
{
    must(prctl(PR_SET_PDEATHSIG, SIGKILL));
    state = seed * 0x9e3779b97f4a7c15ULL + 1;
    struct rlimit limit = {1024, 1024};
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    int nothing = must(open("/dev/null", O_RDWR));
    for (int fd = 0; fd <= 2; fd++)
        must(dup2(nothing, fd));
    find_unbrought();
    keep(open("/dev/iommu", O_RDWR));
    if (geteuid() == 0 && below(2) && !setresgid(65534, 65534, 65534))
        (void)!setresuid(65534, 65534, 65534);
    for (int hung = 0;;) {
        uint32_t what = below(1000);
        if (what < 500)
            any_ioctl();
        else if (what < 800)
            any_path_call();
        else if (what < 900)
            move_bytes();
        else if (what < 940 && count > 1)
            close(held[--count]);
        else if (what < 980)
            map_something();
        else if (what < 995)
            fork_one();
        else if (what < 997)
            exhaust();
        else if (hung++ < 40)
            hang_one();
        if (below(64) == 0)
            usleep(1000); /* the two processors are for everybody */
    }
}

/* ---- the measured program ---- */

struct measure {
    double worst, control; /* seconds: of a call that is served; of one that is only the kernel's */
    uint64_t calls;
};

/* a byte there and back through another process: the machine's own time to switch processes */
static double ping(int there)
{
    char byte = 0;
    double start = now();
    expect_eq(write(there, &byte, 1), 1);
    expect_eq(read(there, &byte, 1), 1);
    return now() - start;
}

static int measured(int told)
{
    must(prctl(PR_SET_PDEATHSIG, SIGKILL));
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pid_t echo = must(fork());
    if (echo == 0) {
        must(prctl(PR_SET_PDEATHSIG, SIGKILL));
        close(pair[1]);
        for (char byte; read(pair[0], &byte, 1) == 1 && write(pair[0], &byte, 1) == 1;)
            continue;
        _exit(0);
    }

    struct measure result = {0};
    while (now() < end) {
        double control = ping(pair[1]), start = now();
        close(must(open("/dev/null", O_RDONLY)));
        int iommu = open_iommu();
        ioas_alloc(iommu);
        close(iommu);
        double took = (now() - start) / 3;
        result.worst = took > result.worst ? took : result.worst;
        result.control = control > result.control ? control : result.control;
        result.calls += 3;
        usleep(2000);
    }

    close(pair[1]);
    must(kill(echo, SIGKILL));
    must(waitpid(echo, NULL, 0));
    expect_eq(write(told, &result, sizeof(result)), sizeof(result));
    return 0;
}

/* ---- no byte moves after its unmap ---- */

static int unmapping(int told)
{
    must(prctl(PR_SET_PDEATHSIG, SIGKILL));
    const uint64_t iova = 0x10000;
    uint8_t *memory = pages(1), ones[4096];
    memset(ones, 0xff, sizeof(ones));
    uint64_t rounds = 0, under_way = 0;
    while (now() < end) {
        int iommu = open_iommu();
        uint32_t ioas = ioas_alloc(iommu), pt = ioas;
        struct dmatest test = open_dmatest(bdf, iommu, BY_PIO);
        must(attach(test.device.fd, &pt));
        buffer_write(&test, 0, ones, sizeof(ones));
        bar_write32(&test.registers, DMATEST_PAUSE, 50);
        for (int i = 0; i < 20; i++, rounds++) {
            memset(memory, 0, PAGE);
            must(map_at(iommu, ioas, memory, PAGE, iova, RW));
            dma_start(&test, iova, 4096, 0);
            for (uint32_t spin = below(4000); spin; spin--)
                __asm__ volatile("");
            expect_eq(unmap(iommu, ioas, iova, PAGE), PAGE);
            under_way += memory[0] == 0xff && memory[4095] == 0;
            fill(memory, PAGE, (uint32_t)i);
            dma_wait(&test);
            expect_filled(memory, PAGE, (uint32_t)i);
        }

        must(close(test.device.fd));
        must(close(iommu));
    }

    uint64_t result[2] = {rounds, under_way};
    expect_eq(write(told, result, sizeof(result)), sizeof(result));
    return 0;
}

/* ---- the supervisor's holdings ---- */

/* except the runtime's parts, which are loaded on first use */
static bool is_runtime(const char *path)
{
    char target[512];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = 0;
    return strstr(target, ".dll") || strstr(target, ".so");
}

static int entries(pid_t process, const char *of)
{
    char path[64], entry_path[384];
    int n = 0;
    snprintf(path, sizeof(path), "/proc/%d/%s", process, of);
    DIR *directory = opendir(path);
    expect(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) {
        snprintf(entry_path, sizeof(entry_path), "%s/%s", path, entry->d_name);
        n += !is_runtime(entry_path);
    }

    closedir(directory);
    return n;
}

static long resident(pid_t process)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%d/statm", process);
    int file = must(open(path, O_RDONLY));
    ssize_t got = read(file, text, sizeof(text) - 1);
    close(file);
    text[got > 0 ? got : 0] = 0;
    long pages_in_all = 0, here = 0;
    expect_eq(sscanf(text, "%ld %ld", &pages_in_all, &here), 2);
    return here * (long)PAGE >> 20;
}

static pid_t start(int (*program)(int), int told)
{
    pid_t child = must(fork());
    if (child == 0)
        _exit(program(told));
    return child;
}

static pid_t start_hostile(uint64_t seed)
{
    pid_t child = must(fork());
    if (child == 0)
        hostile(seed);
    return child;
}

int main(int argc, char **argv)
{
    uint64_t seed = strtoull(argument(argc, argv, 1, "seed"), NULL, 0);
    double seconds = atof(argument(argc, argv, 2, "seconds"));
    bdf = argument(argc, argv, 3, "BDF of a dmatest");
    pid_t supervisor = getppid(), programs[HOSTILE];
    close(open_iommu()); /* what the very first call makes */
    int files = entries(supervisor, "fd"), threads = entries(supervisor, "task");
    long memory = resident(supervisor);
    end = now() + seconds;
    state = seed * 0x2545f4914f6cdd1dULL + 1;

    int served[2], moved[2], status;
    must(pipe(served));
    must(pipe(moved));
    pid_t innocent = start(measured, served[1]), mover = start(unmapping, moved[1]);
    uint64_t number = seed * 1000;
    for (int i = 0; i < HOSTILE; i++)
        programs[i] = start_hostile(number++);
    while (now() < end) {
        usleep(100000 + below(400000));
        int victim = (int)below(HOSTILE);
        if (below(3) == 0) {
            kill(programs[victim], SIGSTOP);
            usleep(below(50000));
            kill(programs[victim], SIGCONT);
            continue;
        }

        must(kill(programs[victim], SIGKILL));
        must(waitpid(programs[victim], NULL, 0));
        programs[victim] = start_hostile(number++);
    }

    for (int i = 0; i < HOSTILE; i++) {
        must(kill(programs[i], SIGKILL));
        must(waitpid(programs[i], NULL, 0));
    }

    struct measure measure;
    uint64_t rounds[2];
    must(waitpid(innocent, &status, 0));
    expect_eq(status, 0);
    must(waitpid(mover, &status, 0));
    expect_eq(status, 0);
    expect_eq(read(served[0], &measure, sizeof(measure)), sizeof(measure));
    expect_eq(read(moved[0], rounds, sizeof(rounds)), sizeof(rounds));
    printf("seed %" PRIu64 ": %" PRIu64 " hostile programs; %" PRIu64
           " calls served, the slowest after %.1f ms (the machine itself: %.1f ms)\n",
        seed, number - seed * 1000, measure.calls, measure.worst * 1e3, measure.control * 1e3);
    printf("%" PRIu64 " unmaps, %" PRIu64 " of them under a DMA: no byte moved afterwards\n", rounds[0], rounds[1]);
    expect(rounds[1] > 0);
    expect(measure.worst < SERVED_WITHIN + 3 * measure.control);
    wait_until(entries(supervisor, "fd") <= files + 4);
    wait_until(entries(supervisor, "task") <= threads + 12);
    printf("supervisor: %d descriptors (%d before), %d threads (%d), %ld MiB (%ld)\n", entries(supervisor, "fd"), files,
           entries(supervisor, "task"), threads, resident(supervisor), memory);
    expect(resident(supervisor) < memory + 256);
    printf("hostile: all as it must be\n");
    return 0;
}
