/* SPDX-License-Identifier: MIT */
/*
 * Files that lose pages while a device uses them: by truncation, by a hole, and by a file system without space. The
 * device goes on with pages that belong to no file, and whoever serves it goes on too.
 * usage: lost_pages BDF
 */
#include <linux/memfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "engine.h"

#define HUGE_PAGE (2UL << 20)
#define IOVA 0x1000000UL
#define SCRATCH 0x100000UL /* two pages of private memory: FIRST goes to the device, SECOND comes from it */
#define FIRST SCRATCH
#define SECOND (SCRATCH + PAGE)
#define SOME 3000

static int iommu;
static uint32_t ioas;
static struct engine engine;
static uint8_t *scratch;

static int map_file(int fd, uint64_t start, uint64_t length, uint64_t iova)
{
    struct iommu_ioas_map_file arguments = {.size = sizeof(arguments),
                                            .flags = RW | FIXED,
                                            .ioas_id = ioas,
                                            .fd = fd,
                                            .start = start,
                                            .length = length,
                                            .iova = iova};
    return ioctl(iommu, IOMMU_IOAS_MAP_FILE, &arguments);
}

/* the device writes a pattern to an address and reads it back */
static void write_and_read(uint64_t iova, uint32_t seed)
{
    fill(scratch, SOME, seed);
    engine_copy(&engine, FIRST, iova, SOME);
    memset(scratch + PAGE, 0, PAGE);
    engine_copy(&engine, iova, SECOND, SOME);
    expect_filled(scratch + PAGE, SOME, seed);
}

static void another_is_served(void)
{
    pid_t child = must(fork());
    if (!child) {
        ioas_alloc(open_iommu());
        exit(0);
    }
    int status = -1;
    expect_eq(waitpid(child, &status, 0), child);
    expect_eq(status, 0);
}

static void expect_zeros(int fd, uint64_t at)
{
    uint8_t bytes[SOME], zeros[SOME] = {0};
    expect_eq(pread(fd, bytes, SOME, (off_t)at), SOME);
    expect(!memcmp(bytes, zeros, SOME));
}

/* a file of two pages that loses the second one; no more than three pages are mapped at a time (RLIMIT_MEMLOCK) */
static void truncated(int fd, uint64_t page, const char *what)
{
    const uint64_t by_address = IOVA + 4 * page, anew = IOVA + 8 * page;
    must(ftruncate(fd, (off_t)(2 * page)));
    uint8_t *view = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *second = view + page;
    expect(view != MAP_FAILED);
    must(map_file(fd, 0, 2 * page, IOVA));
    must(map_at(iommu, ioas, second, page, by_address, RW));
    write_and_read(IOVA, 1);
    write_and_read(IOVA + page, 2);
    write_and_read(by_address + page - PAGE, 3);
    expect_filled(second + page - PAGE, SOME, 3);

    must(ftruncate(fd, (off_t)page));
    write_and_read(IOVA + page, 4);
    write_and_read(by_address + page - PAGE, 5);
    write_and_read(IOVA, 6); /* this page is still the file's */
    expect_filled(view, SOME, 6);
    another_is_served();

    /* a file that grows has new pages; only new mappings lead to them */
    must(ftruncate(fd, (off_t)(2 * page)));
    expect_zeros(fd, page);
    write_and_read(IOVA + page, 7);
    expect_zeros(fd, page);
    expect_eq(unmap(iommu, ioas, by_address, page), page);
    must(map_file(fd, page, page, anew));
    write_and_read(anew, 8);
    expect_filled(second, SOME, 8);
    memset(scratch + PAGE, 0, PAGE);
    engine_copy(&engine, IOVA + page, SECOND, SOME);
    expect_filled(scratch + PAGE, SOME, 7);
    expect_eq(unmap(iommu, ioas, IOVA, 2 * page), 2 * page);
    must(map_at(iommu, ioas, view, 2 * page, IOVA, RW));
    write_and_read(IOVA + page, 9);
    expect_filled(second, SOME, 9);
    expect_eq(unmap(iommu, ioas, IOVA, 2 * page), 2 * page);
    expect_eq(unmap(iommu, ioas, anew, page), page);
    must(munmap(view, 2 * page));
    printf("%s that is truncated: ok\n", what);
}

static atomic_bool stop;

static void *truncate_often(void *file)
{
    int fd = *(int *)file;
    for (uint64_t i = 0; !stop; i++) {
        must(ftruncate(fd, (off_t)((i % 8) * PAGE)));
        must(ftruncate(fd, 64 * PAGE));
        if (i % 3 == 0)
            must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 32 * PAGE));
    }
    return NULL;
}

/* while the device is under way; whatever it reads, it reads */
static void truncated_meanwhile(void)
{
    int fd = must(memfd_create("lost_pages", MFD_CLOEXEC));
    pthread_t thread;
    must(ftruncate(fd, 64 * PAGE));
    expect_eq(pthread_create(&thread, NULL, truncate_often, &fd), 0);
    for (uint64_t round = 0; round < 100; round++) {
        while (map_file(fd, 0, 64 * PAGE, IOVA))
            expect_eq(errno, EINVAL); /* it was short at that moment */
        for (uint64_t i = 0; i < 8; i++) {
            engine_copy(&engine, FIRST, IOVA + (round + i * 9) % 63 * PAGE + PAGE / 2, SOME);
            engine_copy(&engine, IOVA + (round * 7 + i) % 64 * PAGE, SECOND, SOME);
        }
        expect_eq(unmap(iommu, ioas, IOVA, 64 * PAGE), 64 * PAGE);
    }
    stop = true;
    expect_eq(pthread_join(thread, NULL), 0);
    must(ftruncate(fd, 64 * PAGE));
    must(map_file(fd, 0, 64 * PAGE, IOVA));
    write_and_read(IOVA + 63 * PAGE, 30);
    uint8_t bytes[SOME];
    expect_eq(pread(fd, bytes, SOME, 63 * PAGE), SOME);
    expect_filled(bytes, SOME, 30);
    expect_eq(unmap(iommu, ioas, IOVA, 64 * PAGE), 64 * PAGE);
    another_is_served();
    must(close(fd));
    printf("truncations under a DMA: ok\n");
}

static void put(const char *path, const char *format, unsigned id)
{
    char text[64];
    int length = snprintf(text, sizeof(text), format, id), fd = must(open(path, O_WRONLY | O_CLOEXEC));
    expect_eq(write(fd, text, (size_t)length), length);
    must(close(fd));
}

/* a tmpfs with room for eight pages, which nobody else sees */
static void full(void)
{
    if (unshare(CLONE_NEWNS)) { /* without the privilege, in a user namespace */
        unsigned user = getuid(), group = getgid();
        must(unshare(CLONE_NEWUSER | CLONE_NEWNS));
        put("/proc/self/setgroups", "deny", 0);
        put("/proc/self/uid_map", "0 %u 1", user);
        put("/proc/self/gid_map", "0 %u 1", group);
    }
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("lost_pages", "/mnt", "tmpfs", 0, "size=32k"));
    int fd = must(open("/mnt/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    must(ftruncate(fd, 16 * PAGE));
    uint8_t *view = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    expect(view != MAP_FAILED);
    expect_errno(map_file(fd, 0, 16 * PAGE, IOVA), ENOSPC);
    expect_errno(map_at(iommu, ioas, view, 16 * PAGE, IOVA, RW), EFAULT);
    must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 16 * PAGE));
    must(map_file(fd, 0, 4 * PAGE, IOVA));
    write_and_read(IOVA + PAGE, 40);
    expect_filled(view + PAGE, SOME, 40);

    /* its page goes, and the space goes to another one */
    must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
    int other = must(open("/mnt/other", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    must(fallocate(other, 0, 0, 5 * PAGE));
    write_and_read(IOVA + PAGE, 41);
    write_and_read(IOVA + 2 * PAGE, 42);
    expect_filled(view + 2 * PAGE, SOME, 42);
    another_is_served();
    expect_eq(unmap(iommu, ioas, IOVA, 4 * PAGE), 4 * PAGE);
    printf("a file system without space: ok\n");
}

int main(int argc, char **argv)
{
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    engine = open_engine(argument(argc, argv, 1, "BDF"), iommu, ioas);
    scratch = pages(2);
    must(map_at(iommu, ioas, scratch, 2 * PAGE, SCRATCH, RW));
    truncated(must(memfd_create("lost_pages", MFD_CLOEXEC)), PAGE, "a memfd");
    int huge = must(memfd_create("lost_pages", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB));
    truncated(huge, HUGE_PAGE, "a file of huge pages");
    must(close(huge));
    truncated_meanwhile();
    full();
    printf("lost_pages: all as it must be\n");
    return 0;
}
