/* SPDX-License-Identifier: MIT */
/*
 * The common part of the client programs: checks that report the place and the values, and the steps by which any Linux
 * program uses a VFIO device through its character device. Nothing here knows who serves the nodes.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define PATIENCE_SECONDS 60 /* for what must happen: far more than it ever takes */
#define RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define FIXED IOMMU_IOAS_MAP_FIXED_IOVA

static inline uint64_t addr(const volatile void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

/* ---- checks ---- */

__attribute__((format(printf, 3, 4), noreturn)) static inline void fail_at(
    const char *file, int line, const char *format, ...)
{
    int error = errno;
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (errno %d: %s)\n", error, strerror(error));
    exit(1);
}
#define fail(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define expect(condition)                                                                     \
    do {                                                                                      \
        if (!(condition))                                                                     \
            fail("expected %s, it is not so", #condition);                                    \
    } while (0)

#define expect_eq(actual, wanted)                                                             \
    do {                                                                                      \
        uint64_t came_ = (uint64_t)(actual), wanted_ = (uint64_t)(wanted);                    \
        if (came_ != wanted_)                                                                 \
            fail("expected %s == %s (0x%" PRIx64 "), came 0x%" PRIx64, #actual, #wanted, wanted_, came_); \
    } while (0)

/* a system call that must succeed; evaluates to its result */
#define must(call)                                                                            \
    ({                                                                                        \
        __auto_type result_ = (call);                                                         \
        if (result_ == (__typeof__(result_))-1)                                               \
            fail("expected %s to succeed", #call);                                            \
        result_;                                                                              \
    })

static inline const char *error_name(int error)
{
    return error ? strerrorname_np(error) : "success";
}

/* a system call that must fail, with this errno and no other */
#define expect_errno(call, wanted)                                                            \
    do {                                                                                      \
        errno = 0;                                                                            \
        long result_ = (long)(call);                                                          \
        int came_ = result_ == -1 ? errno : 0;                                                \
        if (came_ != (wanted))                                                                \
            fail("expected %s to give %s, came %s", #call, error_name(wanted), error_name(came_)); \
    } while (0)

/* ---- waiting: for an event, never for a time ---- */

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#define wait_until(condition)                                                                 \
    do {                                                                                      \
        double deadline_ = now() + PATIENCE_SECONDS;                                          \
        while (!(condition)) {                                                                \
            if (now() > deadline_)                                                            \
                fail("expected %s within %d s", #condition, PATIENCE_SECONDS);                \
            sched_yield();                                                                    \
        }                                                                                     \
    } while (0)

/* Whether a child has ended, which must be with status 0. */
static inline bool has_ended_well(pid_t child)
{
    int status;
    pid_t ended = waitpid(child, &status, WNOHANG);
    must(ended);
    if (ended == child)
        expect_eq(status, 0);
    return ended == child;
}

static inline int new_eventfd(void)
{
    return must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/* waits for the event; returns the number of signals since the last read */
static inline uint64_t wait_event(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint64_t count = 0;
    expect_eq(poll(&poll_fd, 1, PATIENCE_SECONDS * 1000), 1);
    expect_eq(read(fd, &count, sizeof(count)), sizeof(count));
    return count;
}

static inline void expect_no_event(int fd)
{
    uint64_t count;
    expect_errno(read(fd, &count, sizeof(count)), EAGAIN);
}

/* ---- /dev/iommu ---- */

static inline int open_iommu(void)
{
    return must(open("/dev/iommu", O_RDWR | O_CLOEXEC));
}

static inline uint32_t ioas_alloc(int iommu)
{
    struct iommu_ioas_alloc arguments = {.size = sizeof(arguments)};
    must(ioctl(iommu, IOMMU_IOAS_ALLOC, &arguments));
    return arguments.out_ioas_id;
}

static inline int destroy(int iommu, uint32_t id)
{
    struct iommu_destroy arguments = {.size = sizeof(arguments), .id = id};
    return ioctl(iommu, IOMMU_DESTROY, &arguments);
}

static inline int map_at(int iommu, uint32_t ioas, const void *memory, uint64_t length, uint64_t iova, uint32_t flags)
{
    struct iommu_ioas_map arguments = {.size = sizeof(arguments),
                                       .flags = flags | FIXED,
                                       .ioas_id = ioas,
                                       .user_va = addr(memory),
                                       .length = length,
                                       .iova = iova};
    return ioctl(iommu, IOMMU_IOAS_MAP, &arguments);
}

static inline uint64_t map_any(int iommu, uint32_t ioas, const void *memory, uint64_t length, uint32_t flags)
{
    struct iommu_ioas_map arguments = {
        .size = sizeof(arguments), .flags = flags, .ioas_id = ioas, .user_va = addr(memory), .length = length};
    must(ioctl(iommu, IOMMU_IOAS_MAP, &arguments));
    return arguments.iova;
}

/* returns the bytes unmapped; -1 with errno if refused */
static inline int64_t unmap(int iommu, uint32_t ioas, uint64_t iova, uint64_t length)
{
    struct iommu_ioas_unmap arguments = {.size = sizeof(arguments), .ioas_id = ioas, .iova = iova, .length = length};
    return ioctl(iommu, IOMMU_IOAS_UNMAP, &arguments) ? -1 : (int64_t)arguments.length;
}

/* returns the number of ranges that the IOAS allows; -1 with errno if refused */
static inline int iova_ranges(int iommu, uint32_t ioas, struct iommu_iova_range *ranges, uint32_t room)
{
    struct iommu_ioas_iova_ranges arguments = {
        .size = sizeof(arguments), .ioas_id = ioas, .num_iovas = room, .allowed_iovas = addr(ranges)};
    return ioctl(iommu, IOMMU_IOAS_IOVA_RANGES, &arguments) ? -1 : (int)arguments.num_iovas;
}

static inline void *pages(size_t count)
{
    void *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(memory != MAP_FAILED);
    return memory;
}

/* bytes that are unique for (seed, place), so that a byte that is lost, moved or left behind shows */
static inline void fill(void *memory, size_t length, uint32_t seed)
{
    uint8_t *bytes = memory;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)((i * 31 + (i >> 8) * 7 + seed * 97 + 13) % 251);
}

#define expect_filled(memory, length, seed)                                                   \
    do {                                                                                      \
        const uint8_t *bytes_ = (const uint8_t *)(memory);                                    \
        uint8_t *wanted_ = malloc(length);                                                    \
        fill(wanted_, (length), (seed));                                                      \
        for (size_t i_ = 0; i_ < (length); i_++)                                              \
            if (bytes_[i_] != wanted_[i_])                                                    \
                fail("expected byte %zu of %s to be 0x%02x (pattern %u), came 0x%02x", i_, #memory, wanted_[i_], \
                     (unsigned)(seed), bytes_[i_]);                                           \
        free(wanted_);                                                                        \
    } while (0)

/* ---- sysfs ---- */

/* the text of a sysfs file without its newline; NULL when there is none */
static inline char *sysfs_text(char *buffer, size_t room, const char *format, ...)
{
    char path[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof(path), format, arguments);
    va_end(arguments);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t count = read(fd, buffer, room - 1);
    close(fd);
    if (count < 0)
        return NULL;
    buffer[count] = 0;
    if (count > 0 && buffer[count - 1] == '\n')
        buffer[count - 1] = 0;
    return buffer;
}

static inline unsigned sysfs_number(const char *bdf, const char *name)
{
    char text[64];
    if (!sysfs_text(text, sizeof(text), "/sys/bus/pci/devices/%s/%s", bdf, name))
        fail("expected /sys/bus/pci/devices/%s/%s to be readable", bdf, name);
    return (unsigned)strtoul(text, NULL, 0);
}

/* whether a device's name is an mdev's, a UUID, and not a function's address */
static inline bool is_mdev(const char *name)
{
    return strlen(name) == 36;
}

/* "vfioN" of the device */
static inline void cdev_name(const char *bdf, char *name, size_t room)
{
    char path[256];
    snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/vfio-dev", is_mdev(bdf) ? "mdev" : "pci", bdf);
    DIR *directory = opendir(path);
    if (!directory)
        fail("expected the directory %s", path);
    struct dirent *entry;
    name[0] = 0;
    while ((entry = readdir(directory)))
        if (!strncmp(entry->d_name, "vfio", 4))
            snprintf(name, room, "%.200s", entry->d_name);
    closedir(directory);
    if (!name[0])
        fail("expected a vfioN in %s", path);
}

/* ---- the device ---- */

struct device {
    int fd;
    uint32_t id; /* its ID in the iommufd that it is bound to */
    uint32_t model;
    struct vfio_device_info info;
    uint64_t config; /* offset of the config space in fd */
};

static inline int open_cdev(const char *bdf)
{
    char name[256], path[512];
    cdev_name(bdf, name, sizeof(name));
    snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fail("expected %s to open", path);
    return fd;
}

static inline int bind_iommufd(int cdev, int iommu, uint32_t *id)
{
    struct vfio_device_bind_iommufd arguments = {.argsz = sizeof(arguments), .iommufd = iommu};
    int result = ioctl(cdev, VFIO_DEVICE_BIND_IOMMUFD, &arguments);
    if (!result && id)
        *id = arguments.out_devid;
    return result;
}

/* pt: in: an IOAS or a HWPT; out: what it is attached to */
static inline int attach(int cdev, uint32_t *pt)
{
    struct vfio_device_attach_iommufd_pt arguments = {.argsz = sizeof(arguments), .pt_id = *pt};
    int result = ioctl(cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arguments);
    if (!result)
        *pt = arguments.pt_id;
    return result;
}

static inline int detach(int cdev)
{
    struct vfio_device_detach_iommufd_pt arguments = {.argsz = sizeof(arguments)};
    return ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arguments);
}

static inline int attach_pasid_of(int cdev, uint32_t pasid, uint32_t pt)
{
    struct vfio_device_attach_iommufd_pt arguments = {
        .argsz = sizeof(arguments), .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = pt, .pasid = pasid};
    return ioctl(cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arguments);
}

static inline int detach_pasid_of(int cdev, uint32_t pasid)
{
    struct vfio_device_detach_iommufd_pt arguments = {
        .argsz = sizeof(arguments), .flags = VFIO_DEVICE_DETACH_PASID, .pasid = pasid};
    return ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arguments);
}

static inline struct vfio_region_info region_info(int cdev, uint32_t index)
{
    struct vfio_region_info info = {.argsz = sizeof(info), .index = index};
    must(ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &info));
    return info;
}

static inline uint16_t config_read16(const struct device *device, unsigned offset)
{
    uint16_t value = 0;
    expect_eq(pread(device->fd, &value, sizeof(value), (off_t)(device->config + offset)), sizeof(value));
    return value;
}

static inline void config_write16(const struct device *device, unsigned offset, uint16_t value)
{
    expect_eq(pwrite(device->fd, &value, sizeof(value), (off_t)(device->config + offset)), sizeof(value));
}

/* without bus mastering a device's DMA goes nowhere, as on hardware */
static inline void bus_master(const struct device *device, bool on)
{
    uint16_t command = config_read16(device, PCI_COMMAND) & ~PCI_COMMAND_MASTER;
    config_write16(device, PCI_COMMAND, command | PCI_COMMAND_MEMORY | (on ? PCI_COMMAND_MASTER : 0));
}

/* everything after a bind: describe it and enable DMA */
static inline struct device device_bound(int cdev, uint32_t id)
{
    struct device device = {.fd = cdev, .id = id, .info = {.argsz = sizeof(device.info)}};
    must(ioctl(cdev, VFIO_DEVICE_GET_INFO, &device.info));
    expect(device.info.flags & VFIO_DEVICE_FLAGS_PCI);
    device.config = region_info(cdev, VFIO_PCI_CONFIG_REGION_INDEX).offset;
    device.model = config_read16(&device, PCI_DEVICE_ID);
    bus_master(&device, true);
    return device;
}

/* everything after an open */
static inline struct device device_from(int cdev, int iommu)
{
    uint32_t id = 0;
    must(bind_iommufd(cdev, iommu, &id));
    return device_bound(cdev, id);
}

static inline struct device open_device(const char *bdf, int iommu)
{
    struct device device = device_from(open_cdev(bdf), iommu);
    if (!is_mdev(bdf))
        expect_eq(device.model, sysfs_number(bdf, "device"));
    return device;
}

/* ---- BARs: mapped, or by pread and pwrite ---- */

struct bar {
    int fd;
    uint64_t offset, size;
    volatile uint8_t *memory; /* NULL: by pread and pwrite */
};

enum how { BY_MMAP, BY_PIO };

static inline struct bar open_bar(const struct device *device, uint32_t index, enum how how)
{
    struct vfio_region_info info = region_info(device->fd, index);
    struct bar bar = {.fd = device->fd, .offset = info.offset, .size = info.size};
    expect(info.size > 0);
    if (how == BY_MMAP) {
        expect(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
        void *memory = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, (off_t)info.offset);
        if (memory == MAP_FAILED)
            fail("expected BAR%u to be mapped", index);
        bar.memory = memory;
    }
    return bar;
}

#define BAR_ACCESS(bits)                                                                      \
    static inline uint##bits##_t bar_read##bits(const struct bar *bar, uint64_t at)           \
    {                                                                                         \
        uint##bits##_t value = 0;                                                             \
        if (bar->memory)                                                                      \
            return *(volatile uint##bits##_t *)(bar->memory + at);                            \
        expect_eq(pread(bar->fd, &value, sizeof(value), (off_t)(bar->offset + at)), sizeof(value)); \
        return value;                                                                         \
    }                                                                                         \
    static inline void bar_write##bits(const struct bar *bar, uint64_t at, uint##bits##_t value) \
    {                                                                                         \
        if (bar->memory)                                                                      \
            *(volatile uint##bits##_t *)(bar->memory + at) = value;                           \
        else                                                                                  \
            expect_eq(pwrite(bar->fd, &value, sizeof(value), (off_t)(bar->offset + at)), sizeof(value)); \
    }
BAR_ACCESS(8)
BAR_ACCESS(16)
BAR_ACCESS(32)
BAR_ACCESS(64)

/* ---- interrupts ---- */

static inline struct vfio_irq_info irq_info(int cdev, uint32_t index)
{
    struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};
    must(ioctl(cdev, VFIO_DEVICE_GET_IRQ_INFO, &info));
    return info;
}

/* data: count values of the type in flags (none, bool, eventfd) */
static inline int set_irqs(int cdev, uint32_t index, uint32_t flags, uint32_t start, uint32_t count, const void *data)
{
    uint32_t type = flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
    size_t each = type == VFIO_IRQ_SET_DATA_EVENTFD ? 4 : type == VFIO_IRQ_SET_DATA_BOOL ? 1 : 0;
    size_t length = data ? each * count : 0;
    struct vfio_irq_set *set = calloc(1, sizeof(*set) + length);
    *set = (struct vfio_irq_set){
        .argsz = (uint32_t)(sizeof(*set) + length), .flags = flags, .index = index, .start = start, .count = count};
    if (length)
        memcpy(set->data, data, length);
    int result = ioctl(cdev, VFIO_DEVICE_SET_IRQS, set);
    int error = errno;
    free(set);
    errno = error;
    return result;
}

#define TRIGGER_EVENTFD (VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD)
#define TRIGGER_NONE (VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE)
#define TRIGGER_BOOL (VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_BOOL)
#define UNMASK_NONE (VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE)
#define UNMASK_EVENTFD (VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_EVENTFD)
#define MASK_NONE (VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_DATA_NONE)

static inline int irqs_off(int cdev, uint32_t index)
{
    return set_irqs(cdev, index, TRIGGER_NONE, 0, 0, NULL);
}

/* ---- arguments of each program ---- */

static inline const char *argument(int argc, char **argv, int index, const char *what)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (index >= argc) {
        fprintf(stderr, "%s: argument %d is missing: %s\n", argv[0], index, what);
        exit(2);
    }
    return argv[index];
}

#endif
