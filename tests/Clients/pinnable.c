/* SPDX-License-Identifier: MIT */
/*
 * Which memory of a program a device can use (Linux: pin_user_pages with FOLL_LONGTERM).
 * usage: pinnable BDF FOLDER-ON-A-DISK
 */
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "client.h"

#define TMPFS_MAGIC 0x01021994
#define READ_ONLY IOMMU_IOAS_MAP_READABLE
#define IOVA 0x100000

static int iommu;
static uint32_t ioas;

static void *view(int protection, int flags, int file)
{
    void *memory = mmap(NULL, 2 * PAGE, protection, flags, file, 0);
    expect(memory != MAP_FAILED);
    return memory;
}

static void expect_map(const char *what, void *memory, uint32_t flags, int wanted)
{
    errno = 0;
    int came = map_at(iommu, ioas, memory, PAGE, IOVA, flags) ? errno : 0;
    if (came != wanted)
        fail("expected %s to give %s, came %s", what, error_name(wanted), error_name(came));
    if (!came)
        expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
}

static void disk(const char *folder)
{
    char path[512];
    struct statfs statfs_;
    snprintf(path, sizeof(path), "%s/pinnable-XXXXXX", folder);
    int file = must(mkstemp(path));
    must(unlink(path));
    must(ftruncate(file, 2 * PAGE));
    must(fstatfs(file, &statfs_));
    if (statfs_.f_type == TMPFS_MAGIC) {
        printf("%s is in memory: what is on disks was not tried\n", folder);
        return;
    }
    int both = PROT_READ | PROT_WRITE;
    /* a file system must be told of each written page */
    expect_map("a shared view of a disk's file, to be written", view(both, MAP_SHARED, file), RW, EFAULT);
    expect_map("the same, to be read", view(both, MAP_SHARED, file), READ_ONLY, 0);
    expect_map("a private view of it, to be written", view(both, MAP_PRIVATE, file), RW, 0);
    must(ftruncate(file, 0));
    expect_map("a page beyond its end", view(both, MAP_PRIVATE, file), READ_ONLY, EFAULT);
    printf("files on disks: ok\n");
}

static void in_memory(void)
{
    int file = must(memfd_create("pinnable", MFD_CLOEXEC)), both = PROT_READ | PROT_WRITE;
    must(ftruncate(file, 2 * PAGE));
    expect_map("a shared view of a memfd", view(both, MAP_SHARED, file), RW, 0);
    expect_map("a view that cannot be written", view(PROT_READ, MAP_SHARED, file), RW, EFAULT);
    void *shared = view(both, MAP_SHARED, file);
    must(close(file));
    expect_map("a shared view of a file that is closed", shared, RW, 0);
    expect_map("shared memory of no file", view(both, MAP_SHARED | MAP_ANONYMOUS, -1), RW, 0);
    expect_map("private memory", view(both, MAP_PRIVATE | MAP_ANONYMOUS, -1), RW, 0);
    expect_map(
        "memory that can only be written, to be written", view(PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1), RW, 0);
    expect_map("the same, to be read", view(PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1), READ_ONLY, EFAULT);
    expect_map("memory for nobody", view(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1), READ_ONLY, EFAULT);
    int secret = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (secret >= 0) {
        must(ftruncate(secret, 2 * PAGE));
        expect_map("secret memory, to be written", view(both, MAP_SHARED, secret), RW, EFAULT);
        expect_map("secret memory, to be read", view(both, MAP_SHARED, secret), READ_ONLY, EFAULT);
    }
    printf("memory of every kind: ok\n");
}

/* pages that the kernel gives every program, which nobody can pin */
static void of_the_kernel(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    expect(maps);
    bool found = false;
    while (!found && fgets(line, sizeof(line), maps))
        found = strstr(line, "[vvar]");
    expect(found);
    fclose(maps);
    expect_map("[vvar]", (void *)strtoul(line, NULL, 16), READ_ONLY, EFAULT);
    printf("the kernel's own: ok\n");
}

int main(int argc, char **argv)
{
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    uint32_t pt = ioas;
    struct device device = open_device(argument(argc, argv, 1, "BDF"), iommu);
    must(attach(device.fd, &pt));
    disk(argument(argc, argv, 2, "FOLDER"));
    in_memory();
    of_the_kernel();
    printf("pinnable: all as it must be\n");
    return 0;
}
