/* SPDX-License-Identifier: MIT */
/*
 * The process that serves the nodes, this program's parent, may open only n more files, for each n from 0 on. So every
 * step of a device's life fails in turn for lack of one. Each failure is reported, and once there are files again
 * everything works and nothing is lost.
 * usage: fail_nth BDF OTHER (a dmatest, an edu)
 */
#include "dmatest.h"
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define IOVA 0x10000
#define MOST 40 /* files that a life takes, and some more */
#define SOME_FAILED 2

static pid_t server;
static char path[512], other_path[512];

/* ---- a device's life, step by step; a step is skipped if an earlier one that it needs has failed ---- */

static struct {
    int iommu, device, other, fault_queue, events[4], memory_file;
    uint32_t ioas;
    uint8_t *memory;
    uint64_t registers, config;
    void *mapped;
} life;

static int open_context(void)
{
    return life.iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
}

static int open_device_node(void)
{
    return life.device = open(path, O_RDWR | O_CLOEXEC);
}

static int bind_device(void)
{
    return bind_iommufd(life.device, life.iommu, NULL);
}

static int allocate(void)
{
    struct iommu_ioas_alloc arguments = {.size = sizeof(arguments)};
    int result = ioctl(life.iommu, IOMMU_IOAS_ALLOC, &arguments);
    life.ioas = arguments.out_ioas_id;
    return result;
}

static int attach_device(void)
{
    uint32_t pt = life.ioas;
    return attach(life.device, &pt);
}

static int map_private(void)
{
    return map_at(life.iommu, life.ioas, life.memory, PAGE, IOVA, RW);
}

static int map_shared(void)
{
    void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, life.memory_file, 0);
    return map_at(life.iommu, life.ioas, shared, PAGE, IOVA + PAGE, RW);
}

static int map_file(void)
{
    struct iommu_ioas_map_file arguments = {.size = sizeof(arguments),
                                            .flags = RW | FIXED,
                                            .ioas_id = life.ioas,
                                            .fd = life.memory_file,
                                            .length = PAGE,
                                            .iova = IOVA + 2 * PAGE};
    return ioctl(life.iommu, IOMMU_IOAS_MAP_FILE, &arguments);
}

static int allocate_queue(void)
{
    struct iommu_fault_alloc arguments = {.size = sizeof(arguments)};
    int result = ioctl(life.iommu, IOMMU_FAULT_QUEUE_ALLOC, &arguments);
    life.fault_queue = result ? -1 : (int)arguments.out_fault_fd;
    return result;
}

static int enable_messages(void)
{
    return set_irqs(life.device, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 4, life.events);
}

static int set_ioeventfd(void)
{
    struct vfio_device_ioeventfd arguments = {.argsz = sizeof(arguments),
                                              .flags = VFIO_DEVICE_IOEVENTFD_32,
                                              .offset = life.registers + DMATEST_PAUSE,
                                              .data = 0,
                                              .fd = life.events[3]};
    return ioctl(life.device, VFIO_DEVICE_IOEVENTFD, &arguments);
}

static int map_registers(void)
{
    life.mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, life.device, (off_t)life.registers);
    return life.mapped == MAP_FAILED ? -1 : 0;
}

static int open_other(void)
{
    return life.other = open(other_path, O_RDWR | O_CLOEXEC);
}

static int bind_other(void)
{
    return bind_iommufd(life.other, life.iommu, NULL);
}

static int enable_line(void)
{
    return set_irqs(life.other, VFIO_PCI_INTX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, life.events);
}

static int enable_unmask(void)
{
    uint32_t flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_EVENTFD;
    return set_irqs(life.other, VFIO_PCI_INTX_IRQ_INDEX, flags, 0, 1, life.events + 1);
}

static int master(void)
{
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    ssize_t written = pwrite(life.device, &command, sizeof(command), (off_t)(life.config + PCI_COMMAND));
    return written == sizeof(command) ? 0 : -1;
}

static int move(void)
{
    uint64_t iova = IOVA;
    uint32_t length = 64, command = DMATEST_START | DMATEST_TO_DEVICE;
    off_t at = (off_t)life.registers;
    return pwrite(life.device, &iova, sizeof(iova), at + DMATEST_IOVA) == sizeof(iova) &&
                   pwrite(life.device, &length, sizeof(length), at + DMATEST_LENGTH) == sizeof(length) &&
                   pwrite(life.device, &command, sizeof(command), at + DMATEST_COMMAND) == sizeof(command)
               ? 0
               : -1;
}

static const struct step {
    const char *name;
    int (*run)(void);
    uint32_t needs; /* bits of earlier steps */
} steps[] = {
    {"open of /dev/iommu", open_context, 0},
    {"open of the device", open_device_node, 0},
    {"BIND_IOMMUFD", bind_device, 1 << 0 | 1 << 1},
    {"IOAS_ALLOC", allocate, 1 << 0},
    {"ATTACH_IOMMUFD_PT", attach_device, 1 << 2 | 1 << 3},
    {"IOAS_MAP", map_private, 1 << 3},
    {"IOAS_MAP of shared memory", map_shared, 1 << 3},
    {"IOAS_MAP_FILE", map_file, 1 << 3},
    {"FAULT_QUEUE_ALLOC", allocate_queue, 1 << 0},
    {"SET_IRQS", enable_messages, 1 << 2},
    {"IOEVENTFD", set_ioeventfd, 1 << 2},
    {"mmap", map_registers, 1 << 2},
    {"open of the other device", open_other, 0},
    {"BIND_IOMMUFD of the other", bind_other, 1 << 0 | 1 << 12},
    {"SET_IRQS of INTx", enable_line, 1 << 13},
    {"SET_IRQS of an unmask eventfd", enable_unmask, 1 << 14},
    {"bus mastering", master, 1 << 2},
    {"a command", move, 1 << 4 | 1 << 5 | 1 << 16},
};
#define STEPS (sizeof(steps) / sizeof(*steps))

/* runs the steps, checks their errors, and returns the number of failures */
static int live(void)
{
    uint32_t succeeded = 0;
    int failed = 0;
    for (uint32_t i = 0; i < STEPS; i++) {
        if ((succeeded & steps[i].needs) != steps[i].needs)
            continue;
        errno = 0;
        if (steps[i].run() >= 0) {
            succeeded |= 1u << i;
            continue;
        }
        /* EACCES: it could not be found out whether the caller may open the file */
        bool opens = steps[i].run == open_context || steps[i].run == open_device_node || steps[i].run == open_other;
        if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && !(opens && errno == EACCES))
            fail("expected %s to fail for want of files only, came %s", steps[i].name, error_name(errno));
        failed++;
    }
    uint32_t busy = DMATEST_START;
    if (succeeded & 1u << (STEPS - 1))
        wait_until(pread(life.device, &busy, sizeof(busy), (off_t)(life.registers + DMATEST_COMMAND)) == sizeof(busy) &&
            !(busy & DMATEST_START));
    return failed;
}

/* ---- each time in a new process, whose threads are unknown yet ---- */

static int files_of_server(void)
{
    char files[64];
    snprintf(files, sizeof(files), "/proc/%d/fd", server);
    DIR *directory = opendir(files);
    expect(directory);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        /* not . and .., and no assembly, which the runtime loads when its code first runs */
        char target[PATH_MAX];
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target));
        count += length >= 4 && memcmp(target + length - 4, ".dll", 4) != 0;
    }
    closedir(directory);
    return count;
}

static int in_a_process(void)
{
    int status;
    fflush(stdout);
    pid_t child = must(fork());
    if (!child) {
        alarm(PATIENCE_SECONDS / 2);
        _exit(live() ? SOME_FAILED : 0);
    }
    expect_eq(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail("expected a life to end, came signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) && WEXITSTATUS(status) != SOME_FAILED)
        fail("expected a life to end well, it said why not");
    return WEXITSTATUS(status);
}

static void must_live(void)
{
    if (in_a_process())
        fail("expected every step to succeed");
}

static void find_node(const char *bdf, char *node)
{
    char name[256];
    cdev_name(bdf, name, sizeof(name));
    snprintf(node, sizeof(path), "/dev/vfio/devices/%s", name);
}

int main(int argc, char **argv)
{
    find_node(argument(argc, argv, 1, "BDF of a dmatest"), path);
    find_node(argument(argc, argv, 2, "BDF of an edu"), other_path);
    server = getppid();
    life.memory = pages(1);
    life.memory_file = must(memfd_create("shared", MFD_CLOEXEC));
    must(ftruncate(life.memory_file, PAGE));
    for (int i = 0; i < 4; i++)
        life.events[i] = new_eventfd();
    int device = must(open_device_node());
    int iommu = open_iommu();
    must(bind_iommufd(device, iommu, NULL));
    life.registers = region_info(device, VFIO_PCI_BAR0_REGION_INDEX).offset;
    life.config = region_info(device, VFIO_PCI_CONFIG_REGION_INDEX).offset;
    must(close(device));
    must(close(iommu));

    must_live();
    must_live();
    struct rlimit usual;
    must(prlimit(server, RLIMIT_NOFILE, NULL, &usual));
    int before = files_of_server(), kinds = 0;
    for (int more = 0; more < MOST; more++) {
        struct rlimit few = {.rlim_cur = (rlim_t)(before + more), .rlim_max = usual.rlim_max};
        must(prlimit(server, RLIMIT_NOFILE, &few, NULL));
        kinds += in_a_process() != 0;
        must(prlimit(server, RLIMIT_NOFILE, &usual, NULL));
        must_live();
    }
    expect(kinds > 3);
    wait_until(files_of_server() <= before + 4); /* some are kept for the next caller */
    printf("fail_nth: all as it must be\n");
    return 0;
}
