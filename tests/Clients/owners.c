/* SPDX-License-Identifier: MIT */
/*
 * A node admits those whom its owner, group and mode admit, and these can be changed as on devtmpfs and sysfs.
 * usage: owners BDF, as root: it changes to other users itself
 */
#include <grp.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "client.h"

#define SOMEBODY 1234
#define SOME_GROUP 4321

static char node[320], attribute[128];

/* in a new process, with these rights */
#define as(user, group, other_group, ...)                                                     \
    do {                                                                                      \
        fflush(stdout);                                                                       \
        pid_t child = must(fork());                                                           \
        if (!child) {                                                                         \
            gid_t groups[] = {other_group};                                                   \
            must(setgroups(1, groups));                                                       \
            must(setresgid(group, group, group));                                             \
            must(setresuid(user, user, user));                                                \
            __VA_ARGS__;                                                                      \
            exit(0);                                                                          \
        }                                                                                     \
        int ending;                                                                           \
        must(waitpid(child, &ending, 0));                                                     \
        if (ending)                                                                           \
            fail("expected the rights of user %d, group %d, they are not so (%d)", user, group, ending); \
    } while (0)

static void expect_state(const char *path, mode_t mode, uid_t user, gid_t group)
{
    struct stat status;
    must(stat(path, &status));
    if ((status.st_mode & 07777) != mode || status.st_uid != user || status.st_gid != group)
        fail("expected %s to be 0%o %u:%u, came 0%o %u:%u", path, mode, user, group, status.st_mode & 07777,
            status.st_uid, status.st_gid);
}

static void may_open(const char *path, int flags)
{
    must(close(must(open(path, flags))));
    must(access(path, flags == O_RDWR ? R_OK | W_OK : R_OK));
}

static void may_not_open(const char *path, int flags)
{
    expect_errno(open(path, flags), EACCES);
    expect_errno(access(path, flags == O_RDWR ? R_OK | W_OK : R_OK), EACCES);
    expect_errno(syscall(SYS_faccessat2, AT_FDCWD, path, flags == O_RDWR ? R_OK | W_OK : R_OK, AT_EACCESS), EACCES);
}

static void nodes(void)
{
    expect_state(node, 0660, 0, 0);
    may_open(node, O_RDWR);
    as(SOMEBODY, SOMEBODY, SOMEBODY, {
        may_not_open(node, O_RDWR);
        must(close(must(open(node, O_PATH))));
        must(access(node, F_OK));
        expect_errno(chmod(node, 0666), EPERM);
        expect_errno(chown(node, SOMEBODY, -1), EPERM);
        may_open("/dev/iommu", O_RDWR);
    });
    as(SOMEBODY, SOMEBODY, 0, may_open(node, O_RDWR)); /* a member of the group */

    must(chmod(node, 0600));
    as(SOMEBODY, SOMEBODY, 0, may_not_open(node, O_RDWR));
    must(chown(node, SOMEBODY, SOME_GROUP));
    expect_state(node, 0600, SOMEBODY, SOME_GROUP);
    as(SOMEBODY, SOMEBODY, SOME_GROUP, {
        may_open(node, O_RDWR);
        int device = must(open(node, O_RDWR));
        must(fchmod(device, 0640));
        expect_state(node, 0640, SOMEBODY, SOME_GROUP);
        must(fchownat(AT_FDCWD, node, -1, SOMEBODY, 0));
        expect_errno(fchown(device, 0, -1), EPERM);
        expect_errno(fchown(device, -1, 0), EPERM);
        must(fchown(device, -1, SOME_GROUP));
        must(fchmodat(AT_FDCWD, node, 0060, 0));
        may_not_open(node, O_RDONLY); /* the owner's own bits are clear */
        must(fchmodat(AT_FDCWD, node, 0640, 0));
    });
    as(SOMEBODY + 1, SOME_GROUP, SOMEBODY, {
        may_open(node, O_RDONLY);
        may_not_open(node, O_RDWR);
    });
    may_open(node, O_RDWR); /* root's capabilities */
    must(chown(node, 0, 0));
    must(chmod(node, 0660));
    printf("nodes: ok\n");
}

static void attributes(void)
{
    expect_state(attribute, 0444, 0, 0);
    must(access(attribute, R_OK | W_OK)); /* the mode permits it to root; */
    expect_errno(open(attribute, O_RDWR), EACCES); /* sysfs itself does not */
    expect_errno(access(attribute, X_OK), EACCES);
    as(SOMEBODY, SOMEBODY, SOMEBODY, {
        may_open(attribute, O_RDONLY);
        may_not_open(attribute, O_RDWR);
    });
    must(chmod(attribute, 0400));
    as(SOMEBODY, SOMEBODY, SOMEBODY, may_not_open(attribute, O_RDONLY));
    may_open(attribute, O_RDONLY);
    must(chmod(attribute, 0444));
    printf("attributes: ok\n");
}

static void directories(void)
{
    must(chmod("/dev/vfio", 0700));
    struct stat status;
    as(SOMEBODY, SOMEBODY, SOMEBODY, {
        expect_errno(open("/dev/vfio/vfio", O_RDWR), EACCES);
        expect_errno(stat("/dev/vfio/devices", &status), EACCES);
        expect_errno(open("/dev/vfio", O_RDONLY | O_DIRECTORY), EACCES);
        expect_errno(chdir("/dev/vfio"), EACCES);
    });
    must(stat("/dev/vfio/devices", &status));
    must(chmod("/dev/vfio", 0755));
    as(SOMEBODY, SOMEBODY, SOMEBODY, must(stat("/dev/vfio/devices", &status)));
    printf("directories: ok\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a device");
    char name[256];
    cdev_name(bdf, name, sizeof(name));
    snprintf(node, sizeof(node), "/dev/vfio/devices/%s", name);
    snprintf(attribute, sizeof(attribute), "/sys/bus/pci/devices/%s/vendor", bdf);
    nodes();
    attributes();
    directories();
    printf("owners: all as it must be\n");
    return 0;
}
