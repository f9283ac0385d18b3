/* SPDX-License-Identifier: MIT */
/*
 * Calls that take a path, with odd flags, masks, modes and names: /dev/iommu behaves as /dev/null, /dev/vfio as
 * /dev/shm, and a link of our sysfs as one of the host's.
 * usage: path_calls BDF
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "beside.h"

#define LONGEST_PATH 4096

/* evaluates the expression with `path` set to each of the two */
#define both(what, one, other, expression)                                                    \
    do {                                                                                      \
        const char *path = one;                                                               \
        long ours_ = (expression);                                                            \
        path = other;                                                                         \
        compare(what, ours_, (expression));                                                   \
    } while (0)
#define of_nodes(what, expression) both(what, "/dev/iommu", "/dev/null", expression)
#define of_folders(what, expression) both(what, "/dev/vfio", "/dev/shm", expression)
#define of_links(what, expression) both(what, our_link, host_link, expression)

static char room[2 * LONGEST_PATH];
static char our_link[128], host_link[320];

static long opened(const char *path, int flags)
{
    long file = outcome(syscall(SYS_openat, AT_FDCWD, path, flags, 0600));
    return file < 0 ? file : close((int)file);
}

static const char *with(const char *path, const char *format, int width)
{
    int start = snprintf(room, sizeof(room), "%s/", path);
    snprintf(room + start, sizeof(room) - (size_t)start, format, width, 1);
    return room;
}

/* the path, with enough slashes before it to have this length */
static const char *of_length(const char *path, size_t length)
{
    memset(room, '/', length);
    strcpy(room + length - strlen(path), path);
    return room;
}

static void opens(void)
{
    static const int flags[] = {0, 1, 2, 3, O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC, O_APPEND, O_NONBLOCK, O_DSYNC, O_ASYNC,
        O_DIRECT, O_LARGEFILE, O_DIRECTORY, O_NOFOLLOW, O_NOATIME, O_CLOEXEC, O_SYNC, O_PATH, O_TMPFILE, O_TMPFILE | 2,
        O_CREAT | O_DIRECTORY, O_PATH | O_DIRECTORY, O_PATH | O_NOFOLLOW, O_PATH | O_CREAT, 1 << 30, -1,
        O_CREAT | O_EXCL | 2, O_CREAT | 2, O_TRUNC | 1};
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        char what[64];
        snprintf(what, sizeof(what), "openat, flags 0%o", flags[i]);
        of_nodes(what, opened(path, flags[i]));
    }
    of_nodes("a path of 4095 bytes", opened(of_length(path, LONGEST_PATH - 1), O_RDWR));
    of_nodes("a path of 4096 bytes", opened(of_length(path, LONGEST_PATH), O_RDWR));
    of_nodes("below a node", opened(with(path, "%0*d", 1), O_RDWR));
    of_folders("a folder for writing", opened(path, O_RDWR));
    of_folders("a folder with a slash", opened(with(path, "", 0), O_RDONLY));
    of_folders("a name of 255 bytes", opened(with(path, "%0*d", 255), O_RDWR));
    of_folders("a name of 256 bytes", opened(with(path, "%0*d", 256), O_RDWR));
    of_folders("a folder's own dot", opened(with(path, ".", 0), O_RDONLY));
    of_folders("O_TMPFILE without writing", opened(path, O_TMPFILE));
    of_folders("O_PATH of a folder", opened(path, O_PATH | O_DIRECTORY));
}

static void stats(void)
{
    static const unsigned flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH, AT_STATX_FORCE_SYNC,
        AT_STATX_DONT_SYNC, AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0x8000, 0x80000000, 1};
    struct stat status;
    struct statx extended;
    char what[64];
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        snprintf(what, sizeof(what), "newfstatat, flags 0x%x", flags[i]);
        of_nodes(what, outcome(syscall(SYS_newfstatat, AT_FDCWD, path, &status, flags[i])));
        snprintf(what, sizeof(what), "statx, flags 0x%x", flags[i]);
        of_nodes(what, outcome(syscall(SYS_statx, AT_FDCWD, path, flags[i], STATX_BASIC_STATS, &extended)));
    }
    of_nodes("statx, a reserved mask", outcome(syscall(SYS_statx, AT_FDCWD, path, 0, 0x80000000, &extended)));
    of_nodes("statx, no mask", outcome(syscall(SYS_statx, AT_FDCWD, path, 0, 0, &extended)));
    of_nodes("statx to nowhere", outcome(syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, 8)));
    of_nodes("stat to nowhere", outcome(syscall(SYS_stat, path, 8)));
    void *locked = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    of_nodes("stat to memory that cannot be written", outcome(syscall(SYS_stat, path, locked)));
    of_nodes("newfstatat of no descriptor", outcome(syscall(SYS_newfstatat, -5, path, &status, 0)));
    of_nodes("lstat", outcome(syscall(SYS_lstat, path, &status)));
}

static void accesses(void)
{
    static const unsigned flags[] = {AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x8000, 1};
    char what[64];
    for (int mode = 0; mode < 10; mode++) {
        snprintf(what, sizeof(what), "access, mode %d", mode);
        of_nodes(what, outcome(syscall(SYS_access, path, mode)));
        of_nodes(what, outcome(syscall(SYS_faccessat2, AT_FDCWD, path, mode, 0)));
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        snprintf(what, sizeof(what), "faccessat2, flags 0x%x", flags[i]);
        of_nodes(what, outcome(syscall(SYS_faccessat2, AT_FDCWD, path, R_OK, flags[i])));
    }
    of_folders("access of a folder", outcome(access(path, X_OK)));
}

static void attributes(void)
{
    char long_name[301];
    memset(long_name, 'x', 300);
    memcpy(long_name, "user.", 5);
    long_name[300] = 0;
    of_nodes("getxattr", outcome(getxattr(path, "user.a", room, 9)));
    of_nodes("getxattr without a namespace", outcome(getxattr(path, "abc", room, 9)));
    of_nodes("getxattr without a name", outcome(getxattr(path, "", room, 9)));
    of_nodes("getxattr, a long name", outcome(getxattr(path, long_name, room, 9)));
    of_nodes("lgetxattr, a name nowhere", outcome(syscall(SYS_lgetxattr, path, 8, room, 9)));
    of_nodes("setxattr", outcome(setxattr(path, "user.a", "b", 1, 0)));
}

static void links(void)
{
    struct stat status;
    of_nodes("readlink of a node", outcome(readlink(path, room, sizeof(room))));
    of_folders("readlink of a folder", outcome(readlink(path, room, sizeof(room))));
    of_links("a link, O_NOFOLLOW", opened(path, O_NOFOLLOW));
    of_links("a link, O_NOFOLLOW and O_PATH", opened(path, O_NOFOLLOW | O_PATH));
    of_links("a link, O_NOFOLLOW, O_PATH and O_DIRECTORY", opened(path, O_NOFOLLOW | O_PATH | O_DIRECTORY));
    of_links("a link", opened(path, O_RDONLY));
    of_links("a link for writing", opened(path, O_RDWR));
    of_links("a link that is not to be there", opened(path, O_CREAT | O_EXCL));
    of_links("a link with a slash", opened(with(path, "", 0), O_NOFOLLOW));
    of_links("a byte of a link", outcome(readlink(path, room, 1)));
    of_links("nothing of a link", outcome(syscall(SYS_readlink, path, room, 0)));
    of_links("less of a link", outcome(syscall(SYS_readlink, path, room, -1)));
    of_links("a link to nowhere", outcome(syscall(SYS_readlink, path, 8, 10)));
    of_links("lstat of a link", (must(lstat(path, &status)), S_ISLNK(status.st_mode)));
    of_links("stat of a link", (must(stat(path, &status)), S_ISDIR(status.st_mode)));
}

static void descriptors(void)
{
    int ours = must(open("/dev/iommu", O_PATH)), kernels = must(open("/dev/null", O_PATH));
    struct stat status;
#define of_names(what, expression)                                                            \
    do {                                                                                      \
        int file = ours;                                                                      \
        long ours_ = (expression);                                                            \
        file = kernels;                                                                       \
        compare("O_PATH: " what, ours_, (expression));                                        \
    } while (0)
    of_names("ioctl", outcome(ioctl(file, IOMMU_IOAS_ALLOC, room)));
    of_names("read", outcome(read(file, room, 1)));
    of_names("pread", outcome(pread(file, room, 1, 1ll << 40)));
    of_names("fstat", outcome(fstat(file, &status)));
    of_names("fchmod", outcome(fchmod(file, 0600)));
    of_names("fchown", outcome(fchown(file, -1, -1)));
    of_names("faccessat2", outcome(syscall(SYS_faccessat2, file, "", R_OK, AT_EMPTY_PATH)));
    of_names("readlinkat", outcome(readlinkat(file, "", room, 9)));
    of_names("openat below it", outcome(openat(file, "x", O_RDONLY)));
    of_names("shared mapping", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED ? -errno : 0);
    of_names("private mapping", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0) == MAP_FAILED ? -errno : 0);
}

int main(int argc, char **argv)
{
    snprintf(our_link, sizeof(our_link), "/sys/bus/pci/devices/%s", argument(argc, argv, 1, "BDF of a device"));
    DIR *stream = opendir("/sys/class/mem"); /* /dev/null's folder: links, on every Linux */
    expect(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.')
            snprintf(host_link, sizeof(host_link), "/sys/class/mem/%s", entry->d_name);
    closedir(stream);
    opens();
    stats();
    accesses();
    attributes();
    links();
    descriptors();
    return beside_end("path_calls");
}
