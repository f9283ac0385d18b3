/* SPDX-License-Identifier: MIT */
/*
 * An attribute of our sysfs is the file that stat(2) reports, by every way of asking, and behaves as one of the host's
 * does.
 * usage: sysfs_files BDF
 */
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "beside.h"

#define HOSTS "/sys/class/mem/null/dev" /* on every Linux */

static char ours[128];
static char room[PAGE];

#define of_files(what, expression)                                                            \
    do {                                                                                      \
        const char *path = ours;                                                              \
        long ours_ = (expression);                                                            \
        path = HOSTS;                                                                         \
        compare(what, ours_, (expression));                                                   \
    } while (0)

/* with the file open for reading */
#define of_open_files(what, expression)                                                       \
    of_files(what, ({                                                                         \
                 int file = must(open(path, O_RDONLY));                                       \
                 long value_ = (expression);                                                  \
                 must(close(file));                                                           \
                 value_;                                                                      \
             }))

static long opened(const char *path, int flags)
{
    long file = outcome(open(path, flags, 0600));
    return file < 0 ? file : close((int)file);
}

static long reopened(int file, int flags)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    return opened(path, flags);
}

static char *folder_of(const char *path)
{
    static char folder[128];
    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = 0;
    return folder;
}

static bool one_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_mode == other->st_mode &&
        one->st_size == other->st_size && one->st_nlink == other->st_nlink;
}

static ino_t listed_as(const char *path)
{
    ino_t number = 0;
    DIR *stream = opendir(folder_of(path));
    expect(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (!strcmp(entry->d_name, strrchr(path, '/') + 1))
            number = entry->d_ino;
    closedir(stream);
    return number;
}

static void identities(void)
{
    struct stat status, other;
    struct statx extended;
    struct statfs system;
    must(stat(ours, &status));
    of_open_files("fstat", (must(stat(path, &status)), must(fstat(file, &other)), one_file(&status, &other)));
    of_files("below the folder's descriptor", ({
                 int folder = must(open(folder_of(path), O_RDONLY | O_DIRECTORY));
                 must(stat(path, &status));
                 must(fstatat(folder, strrchr(path, '/') + 1, &other, 0));
                 must(close(folder));
                 one_file(&status, &other);
             }));
    of_files("statx",
        (must(stat(path, &status)), must(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_MNT_ID, &extended)),
            extended.stx_ino == status.st_ino && (extended.stx_mask & STATX_MNT_ID)));
    of_files("the listing's number", (must(stat(path, &status)), listed_as(path) == status.st_ino));
    of_files("the folder's listing's number", ({
                 char folder[128];
                 snprintf(folder, sizeof(folder), "%s", folder_of(path));
                 must(lstat(folder, &status));
                 listed_as(folder) == status.st_ino;
             }));
    of_files("the folder and its descriptor", ({
                 int folder = must(open(folder_of(path), O_RDONLY | O_DIRECTORY));
                 must(stat(folder_of(path), &status));
                 must(fstat(folder, &other));
                 must(close(folder));
                 one_file(&status, &other);
             }));
    of_files("size", (must(stat(path, &status)), status.st_size));
    of_files("mode", (must(stat(path, &status)), status.st_mode));
    of_files("block size", (must(stat(path, &status)), status.st_blksize));
    of_files("statfs", (must(statfs(path, &system)), system.f_type));
    of_files("statfs of the folder", (must(statfs(folder_of(path), &system)), system.f_type));
    of_open_files("fstatfs", (must(fstatfs(file, &system)), system.f_type));
    of_open_files("its name", ({
                      char link[64], name[PAGE] = "", real[PAGE];
                      snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
                      must(readlink(link, name, sizeof(name) - 1));
                      expect(realpath(path, real));
                      !strcmp(name, real);
                  }));
}

static void opens(void)
{
    static const int flags[] = {O_RDONLY, O_RDWR, O_WRONLY, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND,
        O_CREAT, O_CREAT | O_EXCL, O_DIRECT, O_NOATIME, O_DIRECTORY, O_PATH};
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        char what[64];
        snprintf(what, sizeof(what), "open, flags 0%o", flags[i]);
        of_files(what, opened(path, flags[i]));
    }
    of_open_files("opened anew", reopened(file, O_RDONLY));
    of_open_files("opened anew for writing", reopened(file, O_WRONLY));
    of_files("access for writing", outcome(access(path, W_OK)));
    of_files("access for execution", outcome(access(path, X_OK)));
    of_files("its mode, as it is", outcome(chmod(path, 0444)));
}

static void contents(void)
{
    of_open_files("read to its end", (must(read(file, room, sizeof(room))), outcome(read(file, room, sizeof(room)))));
    of_open_files("read beyond", outcome(pread(file, room, 10, 5000)));
    of_open_files("write", outcome(write(file, "x", 1)));
    of_open_files("ftruncate", outcome(ftruncate(file, 0)));
    of_open_files("shared mapping", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED ? -errno : 0);
    of_open_files("private mapping", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0) == MAP_FAILED ? -errno : 0);
    of_open_files("ioctl", outcome(ioctl(file, IOMMU_IOAS_ALLOC, room)));
    of_open_files("fchmod, as it is", outcome(fchmod(file, 0444)));
    of_open_files("sendfile", ({
                      int memory = must(memfd_create("text", 0));
                      long sent = outcome(sendfile(memory, file, NULL, 100));
                      must(close(memory));
                      sent > 0;
                  }));
}

static void directories(void)
{
    of_files("chdir", ({
                 char here[PAGE] = "", real[PAGE];
                 must(chdir(folder_of(path)));
                 long result = access(strrchr(path, '/') + 1, R_OK) == 0 && getcwd(here, sizeof(here)) &&
                     realpath(folder_of(path), real) && !strcmp(here, real);
                 must(chdir("/"));
                 result;
             }));
    of_files("chdir to a file", outcome(chdir(path)));
    of_files("chdir below", ({
                 char folder[140];
                 snprintf(folder, sizeof(folder), "%s/nothing", folder_of(path));
                 outcome(chdir(folder));
             }));
    of_files("getcwd with little room", (must(chdir(folder_of(path))), outcome(syscall(SYS_getcwd, room, 3))));
    must(chdir("/"));
}

int main(int argc, char **argv)
{
    snprintf(ours, sizeof(ours), "/sys/bus/pci/devices/%s/vendor", argument(argc, argv, 1, "BDF of a device"));
    identities();
    opens();
    contents();
    directories();
    return beside_end("sysfs_files");
}
