/* SPDX-License-Identifier: MIT */
/*
 * What /dev/vhost-vdpa-N answers to each ioctl and message. Prints one line for each call.
 * usage: vdpa_probe NODE
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;

static const char *result(long value)
{
    static char text[40];
    if (value < 0)
        return strerrorname_np(errno);
    sprintf(text, "%ld", value);
    return text;
}

#define CALL(label, command, argument) \
    do { \
        errno = 0; \
        printf("%-52s %s\n", label, result(ioctl(fd, command, argument))); \
    } while (0)

static void vring(const char *label, unsigned long command, uint32_t index, uint32_t number)
{
    struct vhost_vring_state state = {index, number};
    errno = 0;
    long answer = ioctl(fd, command, &state);
    printf("%-52s %s", label, result(answer));
    if (answer >= 0)
        printf(" num=%u", state.num);
    printf("\n");
}

static void vring_file(const char *label, unsigned long command, uint32_t index, int file)
{
    struct vhost_vring_file state = {index, file};
    CALL(label, command, &state);
}

static void vring_addr(const char *label, uint32_t index, uint32_t flags, uint64_t desc, uint64_t used, uint64_t avail,
                       uint64_t log)
{
    struct vhost_vring_addr address = {index, flags, desc, used, avail, log};
    CALL(label, VHOST_SET_VRING_ADDR, &address);
}

static long message(uint32_t layout, uint32_t asid, int type, uint64_t iova, uint64_t size, uint64_t uaddr, int perm,
                    size_t count)
{
    unsigned char bytes[200] = {0};
    memcpy(bytes, &layout, 4);
    memcpy(bytes + 4, &asid, 4);
    memcpy(bytes + 8, &iova, 8);
    memcpy(bytes + 16, &size, 8);
    memcpy(bytes + 24, &uaddr, 8);
    bytes[32] = perm;
    bytes[33] = type;
    errno = 0;
    return write(fd, bytes, count);
}

#define MESSAGE(label, ...) \
    do { \
        long answer_ = message(__VA_ARGS__); \
        printf("%-52s %s\n", label, result(answer_)); \
    } while (0)

static void set_status(uint8_t status)
{
    char label[40];
    sprintf(label, "SET_STATUS 0x%x", status);
    CALL(label, VHOST_VDPA_SET_STATUS, &status);
}

static void get_status(void)
{
    uint8_t status = 0xee;
    long answer = ioctl(fd, VHOST_VDPA_GET_STATUS, &status);
    printf("%-52s %s 0x%x\n", "GET_STATUS", result(answer), status);
}

static long pinned(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[200];
    long pages = -1;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "VmPin:", 6))
            pages = atol(line + 6);
    fclose(file);
    return pages;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    const char *path = argv[1];
    setbuf(stdout, 0);
    fd = open(path, O_RDWR);
    printf("open %s\n", result(fd));
    {
        int g = open(path, O_RDWR);
        printf("second open %s\n", result(g));
    }
    uint64_t x;
    uint32_t w;
    uint16_t h;
    uint8_t b;
    printf("-- before SET_OWNER\n");
    w = 0;
    CALL("GET_DEVICE_ID", VHOST_VDPA_GET_DEVICE_ID, &w);
    printf("   =%u\n", w);
    x = 0;
    CALL("GET_FEATURES", VHOST_GET_FEATURES, &x);
    printf("   =0x%lx\n", x);
    x = 0;
    CALL("GET_BACKEND_FEATURES", VHOST_GET_BACKEND_FEATURES, &x);
    printf("   =0x%lx\n", x);
    get_status();
    CALL("GET_VRING_NUM", VHOST_VDPA_GET_VRING_NUM, &h);
    printf("   =%u\n", h);
    CALL("GET_CONFIG_SIZE", VHOST_VDPA_GET_CONFIG_SIZE, &w);
    printf("   =%u\n", w);
    CALL("GET_VQS_COUNT", VHOST_VDPA_GET_VQS_COUNT, &w);
    printf("   =%u\n", w);
    CALL("GET_GROUP_NUM", VHOST_VDPA_GET_GROUP_NUM, &w);
    printf("   =%u\n", w);
    CALL("GET_AS_NUM", VHOST_VDPA_GET_AS_NUM, &w);
    printf("   =%u\n", w);
    {
        uint64_t r[2];
        CALL("GET_IOVA_RANGE", VHOST_VDPA_GET_IOVA_RANGE, r);
        printf("   =0x%lx-0x%lx\n", (unsigned long)r[0], (unsigned long)r[1]);
    }
    vring("SET_VRING_NUM 0", VHOST_SET_VRING_NUM, 0, 64);
    vring("GET_VRING_GROUP 0", VHOST_VDPA_GET_VRING_GROUP, 0, 0);
    vring("SET_VRING_ENABLE 0", VHOST_VDPA_SET_VRING_ENABLE, 0, 1);
    vring("SET_GROUP_ASID", VHOST_VDPA_SET_GROUP_ASID, 0, 0);
    CALL("unknown 0xAF/0xEE _IO", _IO(0xAF, 0xEE), 0);
    CALL("SET_LOG_BASE", VHOST_SET_LOG_BASE, &x);
    CALL("SET_MEM_TABLE", VHOST_SET_MEM_TABLE, &x);
    CALL("RESET_OWNER", VHOST_RESET_OWNER, 0);
    CALL("SUSPEND", VHOST_VDPA_SUSPEND, 0);
    MESSAGE("IOTLB UPDATE before owner", 2, 0, 2, 0x1000, 0x1000, (uint64_t)0, 3, 72);
    x = 1ull << 33 | 1ull << 32;
    CALL("SET_FEATURES V1|PLATFORM before owner", VHOST_SET_FEATURES, &x);
    set_status(0);
    printf("-- SET_OWNER\n");
    CALL("SET_OWNER", VHOST_SET_OWNER, 0);
    CALL("SET_OWNER again", VHOST_SET_OWNER, 0);
    if (!fork()) {
        printf("-- child\n");
        CALL("child GET_STATUS", VHOST_VDPA_GET_STATUS, &b);
        vring("child SET_VRING_NUM", VHOST_SET_VRING_NUM, 0, 64);
        CALL("child SET_OWNER", VHOST_SET_OWNER, 0);
        MESSAGE("child IOTLB", 2, 0, 5, 0, 0, 0, 0, 72);
        _exit(0);
    }
    wait(0);
    CALL("RESET_OWNER", VHOST_RESET_OWNER, 0);
    CALL("unknown _IO(0xAF,0xEE) arg NULL", _IO(0xAF, 0xEE), 0);
    w = 0;
    CALL("unknown _IO(0xAF,0xEE) arg->0", _IO(0xAF, 0xEE), &w);
    w = 99;
    CALL("unknown _IO(0xAF,0xEE) arg->99", _IO(0xAF, 0xEE), &w);
    w = 0;
    CALL("unknown type 0x3B", _IO(0x3B, 1), &w);
    CALL("FIONREAD", FIONREAD, &w);
    CALL("FIONBIO", FIONBIO, &w);
    CALL("SET_LOG_BASE", VHOST_SET_LOG_BASE, &x);
    CALL("SET_LOG_FD", VHOST_SET_LOG_FD, &w);
    CALL("GET_FEATURES_ARRAY", _IOR(0xAF, 0x83, uint64_t), &x);
    {
        struct {
            uint32_t n, p;
        } m = {0, 0};
        CALL("SET_MEM_TABLE n=0", VHOST_SET_MEM_TABLE, &m);
    }
    {
        struct vhost_worker_state ws;
        CALL("NEW_WORKER", VHOST_NEW_WORKER, &ws);
        struct vhost_vring_worker vw = {0, 0};
        CALL("GET_VRING_WORKER", VHOST_GET_VRING_WORKER, &vw);
    }
    CALL("GET_FORK_FROM_OWNER", _IOR(0xAF, 0x85, uint8_t), &b);
    vring("SET_VRING_ENDIAN", VHOST_SET_VRING_ENDIAN, 0, 0);
    vring("GET_VRING_BUSYLOOP", VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0, 0);
    printf("-- backend features\n");
    x = ~0ull;
    CALL("SET_BACKEND ~0", VHOST_SET_BACKEND_FEATURES, &x);
    x = 1 << 7;
    CALL("SET_BACKEND DESC_ASID alone", VHOST_SET_BACKEND_FEATURES, &x);
    x = 1 << 7 | 1 << 3;
    CALL("SET_BACKEND DESC_ASID|ASID", VHOST_SET_BACKEND_FEATURES, &x);
    x = 1;
    CALL("SET_BACKEND bit0", VHOST_SET_BACKEND_FEATURES, &x);
    CALL("SET_BACKEND NULL", VHOST_SET_BACKEND_FEATURES, 0);
    printf("-- iotlb without backend features (asid ignored)\n");
    int mfd = memfd_create("m", 0);
    if (ftruncate(mfd, 1 << 20))
        return 2;
    char *sh = mmap(0, 1 << 20, 3, MAP_SHARED, mfd, 0);
    char *an = mmap(0, 1 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(an, 1, 1 << 20);
    char *ro = mmap(0, 1 << 20, 1, MAP_SHARED, mfd, 0);
    MESSAGE("UPDATE asid=77 v2", 2, 77, 2, 0x1000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("INVALIDATE", 2, 0, 3, 0x1000, 0x1000, 0, 0, 72);
    x = 0x1e;
    CALL("SET_BACKEND 0x1e", VHOST_SET_BACKEND_FEATURES, &x);
    printf("-- features/status\n");
    x = 0;
    CALL("SET_FEATURES 0", VHOST_SET_FEATURES, &x);
    x = 1ull << 33;
    CALL("SET_FEATURES PLATFORM", VHOST_SET_FEATURES, &x);
    x = 1ull << 33 | 1ull << 60 | 1ull << 34;
    CALL("SET_FEATURES PLATFORM|unoffered", VHOST_SET_FEATURES, &x);
    set_status(1);
    set_status(3);
    set_status(1);
    get_status();
    set_status(0x43);
    set_status(3);
    set_status(0);
    set_status(3);
    x = 1ull << 33 | 1ull << 32 | 0x20000ull * 0;
    CALL("SET_FEATURES V1|PLATFORM", VHOST_SET_FEATURES, &x);
    set_status(0xb);
    CALL("SET_FEATURES after FEATURES_OK", VHOST_SET_FEATURES, &x);
    CALL("SET_FEATURES NULL after FEATURES_OK", VHOST_SET_FEATURES, 0);
    printf("-- config\n");
    {
        struct {
            uint32_t off, len;
            uint8_t b[5000];
        } g;
        memset(&g, 0, sizeof g);
        g.off = 0;
        g.len = 0;
        CALL("GET_CONFIG len0", VHOST_VDPA_GET_CONFIG, &g);
        g.len = 6;
        CALL("GET_CONFIG 6", VHOST_VDPA_GET_CONFIG, &g);
        g.len = 4096;
        CALL("GET_CONFIG 4096", VHOST_VDPA_GET_CONFIG, &g);
        g.off = 5000;
        g.len = 1;
        CALL("GET_CONFIG off5000", VHOST_VDPA_GET_CONFIG, &g);
        g.off = 0;
        g.len = 6;
        memset(g.b, 0xa2, 6);
        CALL("SET_CONFIG mac", VHOST_VDPA_SET_CONFIG, &g);
        memset(g.b, 0, 6);
        CALL("GET_CONFIG mac", VHOST_VDPA_GET_CONFIG, &g);
        printf("   mac %02x\n", g.b[0]);
    }
    printf("-- vrings\n");
    vring("SET_VRING_NUM idx9", VHOST_SET_VRING_NUM, 9, 64);
    vring("SET_VRING_NUM 0", VHOST_SET_VRING_NUM, 0, 0);
    vring("SET_VRING_NUM 3", VHOST_SET_VRING_NUM, 0, 3);
    vring("SET_VRING_NUM 512", VHOST_SET_VRING_NUM, 0, 512);
    vring("SET_VRING_NUM 64", VHOST_SET_VRING_NUM, 0, 64);
    vring_addr("SET_VRING_ADDR flags 2", 0, 2, 0, 0, 0, 0);
    vring_addr("ADDR avail misaligned 1", 0, 0, 0x10, 0x10, 0x11, 0);
    vring_addr("ADDR used misaligned 2", 0, 0, 0x10, 0x12, 0x10, 0);
    vring_addr("ADDR desc misaligned 1", 0, 0, 0x11, 0x10, 0x10, 0);
    vring_addr("ADDR log flag", 0, 1, 0x10, 0x10, 0x10, 0);
    vring_addr("ADDR fine unmapped", 0, 0, 0x100000, 0x102000, 0x101000, 0);
    vring("SET_VRING_BASE 0x10000", VHOST_SET_VRING_BASE, 0, 0x10000);
    vring("SET_VRING_BASE 5", VHOST_SET_VRING_BASE, 0, 5);
    vring("GET_VRING_BASE", VHOST_GET_VRING_BASE, 0, 0);
    vring("GET_VRING_BASE idx9", VHOST_GET_VRING_BASE, 9, 0);
    vring("GET_VRING_SIZE", VHOST_VDPA_GET_VRING_SIZE, 0, 0);
    vring("GET_VRING_GROUP 0", VHOST_VDPA_GET_VRING_GROUP, 0, 0);
    vring("GET_VRING_GROUP 1", VHOST_VDPA_GET_VRING_GROUP, 1, 0);
    vring("GET_VRING_GROUP 2", VHOST_VDPA_GET_VRING_GROUP, 2, 0);
    vring("GET_VRING_GROUP 3", VHOST_VDPA_GET_VRING_GROUP, 3, 0);
    vring("GET_VRING_DESC_GROUP", VHOST_VDPA_GET_VRING_DESC_GROUP, 0, 0);
    vring("SET_GROUP_ASID 0->0", VHOST_VDPA_SET_GROUP_ASID, 0, 0);
    vring("SET_GROUP_ASID 1->1", VHOST_VDPA_SET_GROUP_ASID, 1, 1);
    vring("SET_GROUP_ASID 2->0", VHOST_VDPA_SET_GROUP_ASID, 2, 0);
    vring("SET_GROUP_ASID 3->0", VHOST_VDPA_SET_GROUP_ASID, 3, 0);
    vring("SET_GROUP_ASID 0->2", VHOST_VDPA_SET_GROUP_ASID, 0, 2);
    vring("SET_GROUP_ASID 1->0", VHOST_VDPA_SET_GROUP_ASID, 1, 0);
    int ef = eventfd(0, 0);
    vring_file("KICK eventfd", VHOST_SET_VRING_KICK, 0, ef);
    vring_file("KICK -1", VHOST_SET_VRING_KICK, 0, -1);
    vring_file("KICK 999", VHOST_SET_VRING_KICK, 0, 999);
    vring_file("KICK memfd", VHOST_SET_VRING_KICK, 0, mfd);
    vring_file("CALL eventfd", VHOST_SET_VRING_CALL, 0, ef);
    vring_file("CALL -1", VHOST_SET_VRING_CALL, 0, -1);
    vring_file("CALL -2", VHOST_SET_VRING_CALL, 0, -2);
    vring_file("ERR eventfd", VHOST_SET_VRING_ERR, 0, ef);
    {
        int q = ef;
        CALL("CONFIG_CALL eventfd", VHOST_VDPA_SET_CONFIG_CALL, &q);
        q = -1;
        CALL("CONFIG_CALL -1", VHOST_VDPA_SET_CONFIG_CALL, &q);
        q = 999;
        CALL("CONFIG_CALL 999", VHOST_VDPA_SET_CONFIG_CALL, &q);
        q = mfd;
        CALL("CONFIG_CALL memfd", VHOST_VDPA_SET_CONFIG_CALL, &q);
    }
    CALL("SUSPEND before DRIVER_OK", VHOST_VDPA_SUSPEND, 0);
    CALL("RESUME before DRIVER_OK", VHOST_VDPA_RESUME, 0);
    printf("-- iotlb, backend 0x1e\n");
    MESSAGE("v2 size 72 shared", 2, 0, 2, 0x1000, 0x1000, (uint64_t)sh, 3, 72);
    printf("   VmPin %ld kB\n", pinned());
    MESSAGE("same again", 2, 0, 2, 0x1000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("overlap", 2, 0, 2, 0x0, 0x2000, (uint64_t)sh, 3, 72);
    MESSAGE("v2 size 40", 2, 0, 2, 0x10000, 0x1000, (uint64_t)sh, 3, 40);
    MESSAGE("v2 size 39", 2, 0, 2, 0x20000, 0x1000, (uint64_t)sh, 3, 39);
    MESSAGE("v2 size 100", 2, 0, 2, 0x30000, 0x1000, (uint64_t)sh, 3, 100);
    MESSAGE("size 3", 2, 0, 2, 0x30000, 0x1000, (uint64_t)sh, 3, 3);
    MESSAGE("size 0", 2, 0, 2, 0, 0, 0, 0, 0);
    MESSAGE("type 7", 7, 0, 2, 0x40000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("v1 72", 1, 0, 2, 0x50000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("anon private", 2, 0, 2, 0x60000, 0x1000, (uint64_t)an, 3, 72);
    printf("   VmPin %ld kB\n", pinned());
    MESSAGE("anon private again (EEXIST if it was entered)", 2, 0, 2, 0x60000, 0x1000, (uint64_t)an, 3, 72);
    MESSAGE("hole uaddr (unmapped)", 2, 0, 2, 0x70000, 0x1000, 0x1000, 3, 72);
    MESSAGE("uaddr above all", 2, 0, 2, 0x70000, 0x1000, 0x7fffffffe000, 3, 72);
    MESSAGE("size 0", 2, 0, 2, 0x80000, 0, (uint64_t)sh, 3, 72);
    MESSAGE("unaligned iova, size 0x10", 2, 0, 2, 0x90010, 0x10, (uint64_t)sh, 3, 72);
    MESSAGE("iova/uaddr differ in page offset", 2, 0, 2, 0xa0010, 0x1000, (uint64_t)sh + 0x20, 3, 72);
    MESSAGE("perm 0", 2, 0, 2, 0xb0000, 0x1000, (uint64_t)sh, 0, 72);
    MESSAGE("perm RO", 2, 0, 2, 0xc0000, 0x1000, (uint64_t)sh, 1, 72);
    MESSAGE("perm WO", 2, 0, 2, 0xd0000, 0x1000, (uint64_t)sh, 2, 72);
    MESSAGE("perm 4", 2, 0, 2, 0xe0000, 0x1000, (uint64_t)sh, 4, 72);
    MESSAGE("RW on read-only VMA", 2, 0, 2, 0xf0000, 0x1000, (uint64_t)ro, 3, 72);
    MESSAGE("wrap iova", 2, 0, 2, ~0xfffull, 0x2000, (uint64_t)sh, 3, 72);
    MESSAGE("last page", 2, 0, 2, ~0xfffull, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("asid 1", 2, 1, 2, 0x1000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("asid 2", 2, 2, 2, 0x1000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("INVALIDATE asid never used(9)", 2, 9, 3, 0x1000, 0x1000, 0, 0, 72);
    MESSAGE("INVALIDATE nothing there", 2, 0, 3, 0x900000, 0x1000, 0, 0, 72);
    MESSAGE("INVALIDATE size 0", 2, 0, 3, 0x1000, 0, 0, 0, 72);
    MESSAGE("INVALIDATE part (0x1800,0x10)", 2, 0, 3, 0x1800, 0x10, 0, 0, 72);
    MESSAGE("map again 0x1000 (ok if whole gone)", 2, 0, 2, 0x1000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("MISS type 1", 2, 0, 1, 0, 0, 0, 0, 72);
    MESSAGE("type 0", 2, 0, 0, 0, 0, 0, 0, 72);
    MESSAGE("ACCESS_FAIL", 2, 0, 4, 0, 0, 0, 0, 72);
    MESSAGE("type 200", 2, 0, 200, 0, 0, 0, 0, 72);
    MESSAGE("BATCH_END without begin", 2, 0, 6, 0, 0, 0, 0, 72);
    MESSAGE("BATCH_BEGIN 0", 2, 0, 5, 0, 0, 0, 0, 72);
    MESSAGE("BATCH_BEGIN 0 again", 2, 0, 5, 0, 0, 0, 0, 72);
    MESSAGE("UPDATE asid1 in batch 0", 2, 1, 2, 0x8000, 0x1000, (uint64_t)sh, 3, 72);
    MESSAGE("BATCH_BEGIN 1 in batch 0", 2, 1, 5, 0, 0, 0, 0, 72);
    MESSAGE("BATCH_END 1 in batch 0", 2, 1, 6, 0, 0, 0, 0, 72);
    MESSAGE("UPDATE asid0", 2, 0, 2, 0x100000, 0x3000, (uint64_t)sh, 3, 72);
    MESSAGE("BATCH_END 0", 2, 0, 6, 0, 0, 0, 0, 72);
    MESSAGE("INVALIDATE 0..SIZE_MAX", 2, 0, 3, 0, ~0ull, 0, 0, 72);
    MESSAGE("after: map last page again", 2, 0, 2, ~0xfffull, 0x1000, (uint64_t)sh, 3, 72);
    {
        struct rlimit rl = {1 << 16, 1 << 16};
        struct rlimit old;
        getrlimit(RLIMIT_MEMLOCK, &old);
        setrlimit(RLIMIT_MEMLOCK, &rl);
        MESSAGE("1 MiB with RLIMIT_MEMLOCK 64K", 2, 0, 2, 0x4000000, 1 << 20, (uint64_t)sh, 3, 72);
        printf("   VmPin %ld\n", pinned());
        setrlimit(RLIMIT_MEMLOCK, &old);
        MESSAGE("INVALIDATE", 2, 0, 3, 0x4000000, 1 << 20, 0, 0, 72);
    }
    printf("-- read, poll, mmap\n");
    {
        char q[100];
        errno = 0;
        printf("read %s\n", result(read(fd, q, 72)));
        struct pollfd pf = {fd, POLLIN | POLLOUT, 0};
        int r = poll(&pf, 1, 0);
        printf("poll %d revents 0x%x\n", r, pf.revents);
        errno = 0;
        printf("pread %s\n", result(pread(fd, q, 72, 0)));
        printf("pwrite(72) %s\n", result(pwrite(fd, q, 72, 0)));
        printf("lseek %s\n", result(lseek(fd, 0, 0)));
    }
    {
        void *m;
        errno = 0;
        m = mmap(0, 4096, 2, MAP_SHARED, fd, 0);
        printf("mmap W shared %s\n", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
        errno = 0;
        m = mmap(0, 4096, 3, MAP_SHARED, fd, 0);
        printf("mmap RW shared %s\n", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
        m = mmap(0, 4096, 2, MAP_PRIVATE, fd, 0);
        printf("mmap W private %s\n", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
        m = mmap(0, 8192, 2, MAP_SHARED, fd, 0);
        printf("mmap 2 pages %s\n", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
        m = mmap(0, 4096, 2, MAP_SHARED, fd, 9 * 4096);
        printf("mmap page 9 %s\n", m == MAP_FAILED ? strerrorname_np(errno) : "ok");
    }
    printf("-- DRIVER_OK\n");
    set_status(0xf);
    get_status();
    vring_addr("ADDR after DRIVER_OK", 0, 0, 0x100000, 0x102000, 0x101000, 0);
    vring("BASE after DRIVER_OK", VHOST_SET_VRING_BASE, 0, 7);
    vring("GET_VRING_BASE", VHOST_GET_VRING_BASE, 0, 0);
    vring("NUM after DRIVER_OK", VHOST_SET_VRING_NUM, 0, 32);
    vring("ENABLE after DRIVER_OK", VHOST_VDPA_SET_VRING_ENABLE, 0, 1);
    vring("SET_GROUP_ASID after DRIVER_OK", VHOST_VDPA_SET_GROUP_ASID, 0, 0);
    vring("SET_GROUP_ASID bad after DRIVER_OK", VHOST_VDPA_SET_GROUP_ASID, 0, 5);
    vring_file("KICK", VHOST_SET_VRING_KICK, 0, ef);
    vring_file("CALL", VHOST_SET_VRING_CALL, 0, ef);
    CALL("SUSPEND", VHOST_VDPA_SUSPEND, 0);
    CALL("SUSPEND again", VHOST_VDPA_SUSPEND, 0);
    get_status();
    vring_addr("ADDR when suspended", 0, 0, 0x100000, 0x102000, 0x101000, 0);
    vring("BASE when suspended", VHOST_SET_VRING_BASE, 0, 9);
    vring("GET_VRING_BASE", VHOST_GET_VRING_BASE, 0, 0);
    CALL("RESUME", VHOST_VDPA_RESUME, 0);
    CALL("RESUME again", VHOST_VDPA_RESUME, 0);
    printf("-- reset keeps what?\n");
    MESSAGE("map 0x200000", 2, 0, 2, 0x200000, 0x1000, (uint64_t)sh, 3, 72);
    set_status(0);
    get_status();
    MESSAGE("map 0x200000 after reset (EFAULT=still there)", 2, 0, 2, 0x200000, 0x1000, (uint64_t)sh, 3, 72);
    vring("GET_VRING_BASE", VHOST_GET_VRING_BASE, 0, 0);
    x = 1;
    CALL("GET_BACKEND", VHOST_GET_BACKEND_FEATURES, &x);
    CALL("SET_OWNER after reset", VHOST_SET_OWNER, 0);
    MESSAGE("BATCH_BEGIN", 2, 0, 5, 0, 0, 0, 0, 72);
    set_status(0);
    MESSAGE("UPDATE asid1 (EFAULT if batch survives reset)", 2, 1, 2, 0x300000, 0x1000, (uint64_t)sh, 3, 72);
    close(fd);
    printf("   VmPin after close %ld\n", pinned());
    fd = open(path, O_RDWR);
    printf("reopen %s\n", result(fd));
    get_status();
    CALL("SET_OWNER", VHOST_SET_OWNER, 0);
    MESSAGE("map 0x200000 after reopen", 2, 0, 2, 0x200000, 0x1000, (uint64_t)sh, 3, 72);
    return 0;
}
