/* SPDX-License-Identifier: MIT */
/*
 * What a program can see of a device without opening it: sysfs, and the nodes in /dev. By every way that programs use:
 * open and openat, the stats, readlink, opendir, access, realpath.
 * usage: sysfs_view BDF [without-numa]
 */
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "client.h"

static const char *bdf;
static char home[128]; /* /sys/bus/pci/devices/BDF */

static bool listed(const char *directory, const char *name, unsigned char type)
{
    DIR *stream = opendir(directory);
    bool found = false;
    struct dirent *entry;
    if (!stream)
        fail("expected the directory %s", directory);
    while ((entry = readdir(stream)))
        if (!strcmp(entry->d_name, name)) {
            if (found)
                fail("expected %s once in %s, came twice", name, directory);
            if (entry->d_type != type && entry->d_type != DT_UNKNOWN)
                fail("expected %s in %s to be of type %u, came %u", name, directory, type, entry->d_type);
            found = true;
        }
    closedir(stream);
    return found;
}
#define expect_listed(directory, name, type)                                                  \
    do {                                                                                      \
        if (!listed(directory, name, type))                                                   \
            fail("expected %s to be listed in %s, it is not", (const char *)(name), (const char *)(directory)); \
    } while (0)

/* the last component of the link's target, after a check that the target exists */
static const char *link_to(const char *path, char *target, size_t room)
{
    struct stat status;
    must(lstat(path, &status));
    if (!S_ISLNK(status.st_mode))
        fail("expected %s to be a symbolic link, came mode 0%o", path, status.st_mode);
    ssize_t length = must(readlink(path, target, room - 1));
    target[length] = 0;
    char few[4];
    expect_eq(readlink(path, few, sizeof(few)), length < 4 ? length : 4); /* truncated, not refused */
    if (stat(path, &status) || !S_ISDIR(status.st_mode))
        fail("expected %s to lead to a directory, to %s", path, target);
    return strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
}

static void number_file(const char *name, unsigned width, unsigned wanted)
{
    char text[64], expected[64], path[256];
    snprintf(path, sizeof(path), "%s/%s", home, name);
    if (!sysfs_text(text, sizeof(text), "%s", path))
        fail("expected %s to be readable", path);
    snprintf(expected, sizeof(expected), "0x%0*x", (int)width, wanted);
    if (strcmp(text, expected))
        fail("expected %s to say %s, came %s", path, expected, text);
    struct stat status;
    must(stat(path, &status));
    if (!S_ISREG(status.st_mode) || (status.st_mode & 0777) != 0444)
        fail("expected %s to be a file that all may read, came mode 0%o", path, status.st_mode);
    expect_listed(home, name, DT_REG);
}

static void attributes(void)
{
    uint8_t config[4096];
    char path[256], text[4096];
    snprintf(path, sizeof(path), "%s/config", home);
    int fd = must(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t length = must(read(fd, config, sizeof(config)));
    expect(length == 64 || length == 256 || length == 4096); /* the header for everybody, all of it for root */
    uint16_t word = 0;
    expect_eq(pread(fd, &word, 2, PCI_DEVICE_ID), 2);
    expect_eq(word, config[2] | config[3] << 8);
    struct stat status;
    must(fstat(fd, &status));
    expect(status.st_size == 256 || status.st_size == 4096);
    must(close(fd));
    expect_listed(home, "config", DT_REG);

    number_file("vendor", 4, (unsigned)(config[0] | config[1] << 8));
    number_file("device", 4, (unsigned)(config[2] | config[3] << 8));
    number_file("class", 6, (unsigned)(config[9] | config[10] << 8 | config[11] << 16));
    number_file("subsystem_vendor", 4, (unsigned)(config[44] | config[45] << 8));
    number_file("subsystem_device", 4, (unsigned)(config[46] | config[47] << 8));

    if (!sysfs_text(text, sizeof(text), "%s/irq", home))
        fail("expected %s/irq to be readable", home);
    char *end;
    strtoul(text, &end, 10);
    expect(end != text && !*end);

    /* one line per resource: first, last, flags */
    if (!sysfs_text(text, sizeof(text), "%s/resource", home))
        fail("expected %s/resource to be readable", home);
    int lines = 0;
    uint64_t first, last, flags, sizes[6] = {0};
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        expect_eq(strlen(line), 3 * 18 + 2);
        expect_eq(sscanf(line, "0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64, &first, &last, &flags), 3);
        if (lines < 6 && flags)
            sizes[lines] = last - first + 1;
    }
    expect(lines >= 7);
    int iommu = open_iommu(), cdev = open_cdev(bdf);
    must(bind_iommufd(cdev, iommu, NULL));
    for (uint32_t bar = 0; bar < 6; bar++)
        expect_eq(region_info(cdev, bar).size, sizes[bar]);
    must(close(cdev));
    must(close(iommu));
    printf("attributes: ok\n");
}

static void links(void)
{
    char path[512], target[PATH_MAX], group[64], real[PATH_MAX];
    snprintf(path, sizeof(path), "%s", home);
    if (strcmp(link_to(path, target, sizeof(target)), bdf))
        fail("expected %s to lead to the device, came %s", path, target);
    snprintf(path, sizeof(path), "%s/driver", home);
    if (strcmp(link_to(path, target, sizeof(target)), "vfio-pci"))
        fail("expected %s to lead to vfio-pci, came %s", path, target);
    snprintf(path, sizeof(path), "%s/subsystem", home);
    if (strcmp(link_to(path, target, sizeof(target)), "pci"))
        fail("expected %s to lead to pci, came %s", path, target);
    snprintf(path, sizeof(path), "%s/iommu_group", home);
    snprintf(group, sizeof(group), "%.60s", link_to(path, target, sizeof(target)));
    expect(strspn(group, "0123456789") == strlen(group));
    expect(realpath(path, real));
    snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s", group);
    if (strcmp(real, path))
        fail("expected the group's real path to be %s, came %s", path, real);
    expect_listed(home, "driver", DT_LNK);
    expect_listed(home, "subsystem", DT_LNK);
    expect_listed(home, "iommu_group", DT_LNK);
    expect_listed(home, "vfio-dev", DT_DIR);
    expect_listed("/sys/bus/pci/devices", bdf, DT_LNK);

    /* the group and its members */
    expect_listed("/sys/kernel/iommu_groups", group, DT_DIR);
    expect_listed(path, "devices", DT_DIR);
    snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices", group);
    expect_listed(path, bdf, DT_LNK);
    snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices/%s", group, bdf);
    if (strcmp(link_to(path, target, sizeof(target)), bdf))
        fail("expected %s to lead to the device, came %s", path, target);
    /* the same file by every path */
    char other[PATH_MAX];
    expect(realpath(path, real) && realpath(home, other) && !strcmp(real, other));
    printf("links: driver vfio-pci, group %s: ok\n", group);
}

static void nodes(void)
{
    char name[256], path[512], text[64], target[PATH_MAX], real[PATH_MAX], other[PATH_MAX];
    unsigned major_number, minor_number;
    cdev_name(bdf, name, sizeof(name));
    if (!sysfs_text(text, sizeof(text), "%s/vfio-dev/%s/dev", home, name))
        fail("expected %s/vfio-dev/%s/dev to be readable", home, name);
    expect_eq(sscanf(text, "%u:%u", &major_number, &minor_number), 2);
    expect_listed("/sys/class/vfio-dev", name, DT_LNK);
    snprintf(path, sizeof(path), "/sys/class/vfio-dev/%s", name);
    if (strcmp(link_to(path, target, sizeof(target)), name))
        fail("expected %s to lead to %s, came %s", path, name, target);
    expect(realpath(path, real));
    snprintf(path, sizeof(path), "%s/vfio-dev/%s", home, name);
    expect(realpath(path, other) && !strcmp(real, other));
    expect_listed(path, "dev", DT_REG);

    expect_listed("/dev/vfio", "devices", DT_DIR);
    expect_listed("/dev/vfio/devices", name, DT_CHR);
    snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
    const char *both[] = {path, "/dev/iommu"};
    for (int i = 0; i < 2; i++) {
        struct stat by_path, by_link, by_fd, by_at;
        struct statx extended;
        must(stat(both[i], &by_path));
        must(lstat(both[i], &by_link));
        int fd = must(open(both[i], O_RDWR | O_CLOEXEC));
        must(fstat(fd, &by_fd));
        must(fstatat(fd, "", &by_at, AT_EMPTY_PATH));
        must(statx(AT_FDCWD, both[i], 0, STATX_BASIC_STATS, &extended));
        struct stat *all[] = {&by_path, &by_link, &by_fd, &by_at};
        for (int each = 0; each < 4; each++) {
            if (!S_ISCHR(all[each]->st_mode))
                fail(
                    "expected %s to be a character device, came mode 0%o by way %d", both[i], all[each]->st_mode, each);
            expect_eq(all[each]->st_rdev, by_path.st_rdev);
            expect_eq(all[each]->st_ino, by_path.st_ino);
            expect_eq(all[each]->st_dev, by_path.st_dev);
            expect_eq(all[each]->st_size, 0);
        }
        expect(S_ISCHR(extended.stx_mode));
        expect_eq(makedev(extended.stx_rdev_major, extended.stx_rdev_minor), by_path.st_rdev);
        must(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &extended));
        expect(S_ISCHR(extended.stx_mode));
        expect_eq(makedev(extended.stx_rdev_major, extended.stx_rdev_minor), by_path.st_rdev);
        must(access(both[i], R_OK | W_OK));
        must(faccessat(AT_FDCWD, both[i], F_OK, 0));
        if (i == 0)
            expect_eq(by_path.st_rdev, makedev(major_number, minor_number));
        else
            expect_eq(major(by_path.st_rdev), 10); /* a misc device */
        must(close(fd));
    }
    printf("nodes: %s is %u:%u: ok\n", path, major_number, minor_number);
}

/* indirect ways to a file */
static void ways(void)
{
    char text[64], again[64], path[256];
    struct stat status;
    int directory = must(open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), place = must(open(home, O_PATH | O_CLOEXEC));
    must(fstat(directory, &status));
    expect(S_ISDIR(status.st_mode));
    int fd = must(openat(directory, "vendor", O_RDONLY | O_CLOEXEC));
    ssize_t length = must(read(fd, text, sizeof(text)));
    expect_eq(read(fd, again, sizeof(again)), 0); /* the end */
    expect_eq(lseek(fd, 0, SEEK_SET), 0);
    for (ssize_t i = 0; i < length; i++) { /* one byte at a time */
        expect_eq(read(fd, again, 1), 1);
        expect_eq(again[0], text[i]);
    }
    must(close(fd));
    fd = must(openat(place, "vendor", O_RDONLY | O_CLOEXEC));
    must(close(fd));
    must(fstatat(place, "device", &status, 0));
    must(faccessat(place, "device", R_OK, 0));
    must(close(directory));
    must(close(place));

    snprintf(path, sizeof(path), "/sys//bus/./pci/devices/../devices/%s/vendor", bdf);
    fd = must(open(path, O_RDONLY | O_CLOEXEC));
    must(close(fd));
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor/", bdf);
    expect_errno(open(path, O_RDONLY), ENOTDIR);
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nothing", bdf);
    expect_errno(open(path, O_RDONLY), ENOENT);
    expect_errno(stat(path, &status), ENOENT);
    expect_errno(readlink(path, text, sizeof(text)), ENOENT);
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor", bdf);
    expect_errno(readlink(path, text, sizeof(text)), EINVAL);
    expect_errno(open(path, O_RDONLY | O_DIRECTORY), ENOTDIR);
    expect_errno(open("/sys/bus/pci/devices/ffff:ff:1f.7/vendor", O_RDONLY), ENOENT);
    expect_errno(open("/dev/vfio/devices/vfio999", O_RDWR), ENOENT);
    expect_errno(open("/dev/iommu/nothing", O_RDWR), ENOTDIR);
    expect_errno(open("/dev/iommu", O_RDONLY | O_DIRECTORY), ENOTDIR);
    expect_errno(open("/dev/iommu", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    fd = must(open("/dev/iommu", O_RDWR | O_NOFOLLOW | O_NONBLOCK));
    expect_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    expect_eq(fcntl(fd, F_GETFD), 0); /* close-on-exec only if requested */
    must(close(fd));
    fd = must(open("/dev/iommu", O_RDWR | O_CLOEXEC));
    expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    must(close(fd));
    printf("ways: ok\n");
}

int main(int argc, char **argv)
{
    bdf = argument(argc, argv, 1, "BDF");
    snprintf(home, sizeof(home), "/sys/bus/pci/devices/%.60s", bdf);
    attributes();
    links();
    nodes();
    ways();
    if (argc < 3) { /* a kernel may be built without it */
        char text[64];
        if (!sysfs_text(text, sizeof(text), "%s/numa_node", home))
            fail("expected %s/numa_node to be readable", home);
        expect(atoi(text) >= -1);
    }
    printf("sysfs_view: all as it must be\n");
    return 0;
}
