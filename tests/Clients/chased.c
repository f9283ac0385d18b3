/* SPDX-License-Identifier: MIT */
/*
 * Follows paths component by component with O_PATH and O_NOFOLLOW, and reads links through their descriptors, as
 * libudev, systemd and others do for safety. It must end at the file that stat(2) reports.
 * usage: chased BDF
 */
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "client.h"

#define ROOM 4096
#define MOST_LINKS 20

/* a descriptor of the path's target */
static int chase(const char *path)
{
    char todo[ROOM], done[ROOM] = "";
    int links = 0, at = must(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    snprintf(todo, sizeof(todo), "%s", path);
    for (;;) {
        char *rest = todo + strspn(todo, "/"), part[256];
        size_t length = strcspn(rest, "/");
        if (!length)
            return at;
        snprintf(part, sizeof(part), "%.*s", (int)length, rest);
        memmove(todo, rest + length, strlen(rest + length) + 1);
        if (!strcmp(part, "."))
            continue;
        if (!strcmp(part, "..")) {
            char *slash = strrchr(done, '/');
            if (slash)
                *slash = 0;
            must(close(at));
            at = must(open(*done ? done : "/", O_PATH | O_DIRECTORY | O_CLOEXEC));
            continue;
        }
        int next = openat(at, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            fail("expected %s to be found in %s", part, done);
        struct stat status;
        must(fstat(next, &status));
        if (!S_ISLNK(status.st_mode)) {
            snprintf(done + strlen(done), sizeof(done) - strlen(done), "/%s", part);
            must(close(at));
            at = next;
            continue;
        }
        char target[ROOM / 2], whole[2 * ROOM];
        ssize_t got = must(readlinkat(next, "", target, sizeof(target) - 1));
        target[got] = 0;
        must(close(next));
        expect(++links < MOST_LINKS);
        snprintf(whole, sizeof(whole), "%s/%s", target, todo);
        snprintf(todo, sizeof(todo), "%.*s", ROOM - 1, whole);
        if (target[0] == '/') {
            *done = 0;
            must(close(at));
            at = must(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
    }
}

static int entries(int directory)
{
    int count = 0;
    DIR *stream = fdopendir(directory);
    expect(stream);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

static void ends_where_stat_says(const char *path)
{
    struct stat direct, chased;
    struct statfs system, chased_system;
    char again[64], one[ROOM], other[ROOM];
    must(stat(path, &direct));
    must(statfs(path, &system));
    int file = chase(path);
    must(fstat(file, &chased));
    must(fstatfs(file, &chased_system));
    if (chased.st_dev != direct.st_dev || chased.st_ino != direct.st_ino || chased.st_mode != direct.st_mode ||
        chased.st_rdev != direct.st_rdev)
        fail("expected %s to be one file, came %lu:%lu 0%o and %lu:%lu 0%o", path, direct.st_dev, direct.st_ino,
            direct.st_mode, chased.st_dev, chased.st_ino, chased.st_mode);
    expect_eq(chased_system.f_type, system.f_type);
    snprintf(again, sizeof(again), "/proc/self/fd/%d", file);
    ssize_t length = must(readlink(again, one, sizeof(one) - 1));
    one[length] = 0;
    expect(realpath(path, other));
    if (strcmp(one, other))
        fail("expected the descriptor to say %s, came %s", other, one);
    if (S_ISREG(chased.st_mode)) {
        int first = must(open(again, O_RDONLY)), second = must(open(path, O_RDONLY));
        length = must(read(first, one, sizeof(one)));
        expect_eq(read(second, other, sizeof(other)), length);
        expect(!memcmp(one, other, (size_t)length));
        expect_errno(read(file, one, 1), EBADF);
        must(close(first));
        must(close(second));
    } else if (S_ISDIR(chased.st_mode)) {
        expect_eq(entries(must(openat(file, ".", O_RDONLY | O_DIRECTORY))),
            entries(must(open(path, O_RDONLY | O_DIRECTORY))));
    } else if (!strcmp(path, "/dev/iommu")) {
        int iommu = must(open(again, O_RDWR));
        ioas_alloc(iommu);
        must(close(iommu));
    }
    must(close(file));
}

/* links of /proc to directories of the caller's own: the path goes on from there */
static void found_through_proc(const char *path)
{
    static const char *const roots[] = {"/proc/self/root", "/proc/thread-self/root", "/proc/self/root/proc/self/root"};
    struct stat direct, status;
    char text[ROOM], *slash;
    must(stat(path, &direct));
    for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
        snprintf(text, sizeof(text), "%s%s", roots[i], path);
        must(stat(text, &status));
        expect_eq(status.st_ino, direct.st_ino);
        must(close(must(open(text, O_RDONLY))));
        snprintf(text, sizeof(text), "%s%s-not-there", roots[i], path);
        expect_errno(stat(text, &status), ENOENT);
    }
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_NO_MAGICLINKS};
    snprintf(text, sizeof(text), "/proc/self/root%s", path);
    expect_errno(syscall(SYS_openat2, AT_FDCWD, text, &how, sizeof(how)), ELOOP);

    snprintf(text, sizeof(text), "%s", path);
    slash = strrchr(text, '/');
    *slash = 0;
    int directory = must(open(text, O_RDONLY | O_DIRECTORY));
    must(fchdir(directory));
    snprintf(text, sizeof(text), "/proc/self/fd/%d/%s", directory, strrchr(path, '/') + 1);
    must(close(must(open(text, O_RDONLY))));
    snprintf(text, sizeof(text), "/proc/self/cwd/%s", strrchr(path, '/') + 1);
    must(close(must(open(text, O_RDONLY))));
    must(chdir("/"));
    must(close(directory));
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a device");
    static const char *const below[] = {
        "", "/vendor", "/driver", "/iommu_group", "/iommu_group/devices", "/subsystem", "/driver/.."};
    char path[600], name[256];
    ends_where_stat_says("/dev/iommu");
    ends_where_stat_says("/dev/vfio/vfio");
    ends_where_stat_says("/sys/class/misc/iommu");
    for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
        snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%s", bdf, below[i]);
        ends_where_stat_says(path);
    }
    cdev_name(bdf, name, sizeof(name));
    static const char *const of_node[] = {"/sys/class/vfio-dev/%s", "/sys/class/vfio-dev/%s/dev",
        "/sys/class/vfio-dev/%s/device/vendor", "/dev/vfio/devices/%s"};
    for (size_t i = 0; i < sizeof(of_node) / sizeof(*of_node); i++) {
        snprintf(path, sizeof(path), of_node[i], name);
        ends_where_stat_says(path);
    }
    found_through_proc("/dev/iommu");
    found_through_proc("/sys/class/misc/iommu/dev");
    snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
    found_through_proc(path);
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor", bdf);
    found_through_proc(path);
    must(close(must(open("/proc/self/root/dev/null", O_RDWR))));
    printf("chased: all as it must be\n");
    return 0;
}
