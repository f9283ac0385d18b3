/* SPDX-License-Identifier: MIT */
/*
 * Paths that go through a device's sysfs and out again, to files of the host. A program gets through them what it gets
 * directly, or is refused; it never gets more.
 * usage: detours BDF FILE same|other|elsewhere
 *   same:      FILE can be read directly, and through every detour
 *   other:     FILE can be seen neither directly nor through a detour: it is another user's, or outside of this root
 *              directory
 *   elsewhere: whatever is true directly, no detour leads to FILE
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "client.h"

static char up[128]; /* from the device's link to the root */

static const char *by_detour(const char *path)
{
    static char text[600];
    snprintf(text, sizeof(text), "%s%s", up, path);
    return text;
}

static void expect_refused(const char *path)
{
    struct stat status;
    struct statfs system;
    char text[64];
    static const int ways[] = {
        O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDONLY | O_CREAT, O_RDWR | O_CREAT | O_TRUNC, O_PATH};
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        if (open(by_detour(path), ways[i], 0666) >= 0)
            fail("expected %s to be refused with flags 0%o, it was opened", by_detour(path), ways[i]);
    expect_errno(stat(by_detour(path), &status), EACCES);
    expect_errno(lstat(by_detour(path), &status), EACCES);
    expect_errno(statfs(by_detour(path), &system), EACCES);
    expect_errno(access(by_detour(path), F_OK), EACCES);
    expect_errno(readlink(by_detour(path), text, sizeof(text)), EACCES);
    expect_errno(chdir(by_detour(path)), EACCES);
    expect_errno(chmod(by_detour(path), 0777), EACCES);
}

static void proc_is_nobodys(void)
{
    static const char *const files[] = {"/proc/self/mem", "/proc/self/maps", "/proc/self/environ", "/proc/self/fd",
        "/proc/thread-self/mem", "/proc/self/root/etc/passwd", "/proc/self/cwd", "/proc/1/exe", "/proc/version"};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        int file = open(by_detour(files[i]), O_RDONLY);
        if (file >= 0)
            fail("expected %s to be refused, it was opened", by_detour(files[i]));
        if (errno != EACCES && errno != ELOOP)
            fail("expected %s to be refused", by_detour(files[i]));
    }
    printf("the supervisor's own /proc: ok\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a device");
    const char *file = argument(argc, argv, 2, "a file of the host");
    const char *rights = argument(argc, argv, 3, "same, other or elsewhere");
    char text[64], made[300];
    struct stat direct, status;
    /* a device's directory is /sys/devices/pciDOMAIN:BUS/BDF */
    snprintf(up, sizeof(up), "/sys/bus/pci/devices/%s/../../../..", bdf);
    snprintf(made, sizeof(made), "%s-made", file);

    proc_is_nobodys();
    if (!strcmp(rights, "same")) {
        must(stat(file, &direct));
        must(stat(by_detour(file), &status));
        expect_eq(status.st_ino, direct.st_ino);
        int opened = must(open(by_detour(file), O_RDWR));
        expect_eq(read(opened, text, sizeof(text)), direct.st_size);
        must(close(opened));
        must(access(by_detour(file), R_OK | W_OK));
        expect_errno(open(by_detour(file), O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
        must(close(must(open(by_detour(file), O_RDWR | O_CREAT, 0600))));
        /* nothing is created this way */
        expect_errno(open(by_detour(made), O_RDWR | O_CREAT, 0666), EACCES);
        expect_errno(stat(made, &status), ENOENT);
        must(close(must(open(by_detour("/dev/null"), O_RDWR))));
        printf("the same rights: ok\n");
    } else {
        if (!strcmp(rights, "other"))
            expect(open(file, O_RDONLY) < 0);
        expect_refused(file);
        expect(open(by_detour(made), O_RDWR | O_CREAT, 0666) < 0);
        char below[400];
        int directory = must(open("/dev/vfio/devices", O_RDONLY | O_DIRECTORY));
        snprintf(below, sizeof(below), "../../..%s", file);
        expect(openat(directory, below, O_RDONLY) < 0);
        expect(fstatat(directory, below, &status, 0) < 0);
        must(fchdir(directory));
        expect(open(below + strlen("../"), O_RDONLY) < 0); /* from /dev/vfio/devices this is /dev */
        expect(open(below, O_RDONLY) < 0);
        printf("other rights: ok\n");
    }
    printf("detours: all as it must be\n");
    return 0;
}
