/* SPDX-License-Identifier: MIT */
/*
 * The driver vhost_vdpa lets a disk go and takes it again, by bind and unbind in sysfs. The node is gone at once. The
 * write to unbind waits until the disk is closed, and the program that has it open goes on until then.
 * usage: vdpa_driver NAME NODE (a disk's name on the vDPA bus, its /dev/vhost-vdpa-N)
 */
#include "vdpa.h"
#include <signal.h>
#include <sys/stat.h>

#define BUS "/sys/bus/vdpa/"
#define DRIVER BUS "drivers/vhost_vdpa/"
#define IOVA 0x100000

static const char *name, *node;

static int store(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        fail("expected %s to open", path);
    ssize_t written = write(fd, text, strlen(text));
    int error = errno;
    must(close(fd));
    if (written >= 0)
        expect_eq(written, strlen(text));
    errno = error;
    return written < 0 ? -1 : 0;
}

static bool is_there(const char *path)
{
    struct stat stat;
    int result = lstat(path, &stat);
    if (result)
        expect_eq(errno, ENOENT);
    return result == 0;
}

/* whether the driver has the disk, as its directories say */
static bool is_bound(void)
{
    char in_device[256], in_driver[256], device[256];
    snprintf(device, sizeof(device), BUS "devices/%s", name);
    snprintf(in_device, sizeof(in_device), BUS "devices/%s/driver", name);
    snprintf(in_driver, sizeof(in_driver), DRIVER "%s", name);
    expect(is_there(device));
    expect_eq(is_there(in_device), is_there(in_driver));
    expect_eq(is_there(in_device), is_there(node));
    return is_there(node);
}

/* a child that writes the name to an attribute, without the disk, and may come back from that only when it is closed */
static pid_t writer(const char *path, const struct vdpa_disk *disk, const volatile bool *is_closed)
{
    pid_t child = must(fork());
    if (child)
        return child;
    must(close(disk->queue.fd));
    must(store(path, name));
    expect(*is_closed);
    _exit(0);
}

static void use(struct vdpa_disk *disk)
{
    expect_eq(vdpa_disk_do(disk, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES), VIRTIO_BLK_S_OK);
}

/* what was written is answered when the disk is closed, in order */
static void wait_for_close(void)
{
    struct vdpa_disk disk = vdpa_disk_open(node, IOVA);
    volatile bool *is_closed = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t unbinder = writer(DRIVER "unbind", &disk, is_closed);
    wait_until(!is_there(node));
    expect(!is_bound());
    pid_t binder = writer(DRIVER "bind", &disk, is_closed);
    use(&disk);
    expect(!has_ended_well(unbinder) && !has_ended_well(binder));
    *is_closed = true;
    vdpa_disk_close(&disk);
    wait_until(has_ended_well(unbinder));
    wait_until(has_ended_well(binder));
    expect(is_bound());
    must(munmap((void *)is_closed, PAGE));
    disk = vdpa_disk_open(node, IOVA);
    use(&disk);
    vdpa_disk_close(&disk);
}

static void nobody_has_it_open(void)
{
    char nobody[64], override[256];
    expect_errno(store(DRIVER "bind", name), EBUSY);
    must(store(DRIVER "unbind", name));
    expect(!is_bound());
    expect_errno(open(node, O_RDWR), ENOENT);
    expect_errno(store(DRIVER "unbind", name), ENODEV);
    snprintf(nobody, sizeof(nobody), "%s", name);
    nobody[0] = '_';
    expect_errno(store(DRIVER "bind", nobody), ENODEV);
    expect_errno(store(DRIVER "unbind", nobody), ENODEV);
    expect_errno(store(BUS "drivers_probe", nobody), ENODEV);
    snprintf(override, sizeof(override), BUS "devices/%s/driver_override", name);
    must(store(override, "virtio_vdpa\n"));
    expect_errno(store(DRIVER "bind", name), ENODEV);
    must(store(BUS "drivers_probe", name));
    expect(!is_bound());
    must(store(override, "\n"));
    must(store(BUS "drivers_probe", name));
    expect(is_bound());
    must(store(BUS "drivers_probe", name));
}

/* a writer that is killed has had its wish; the disk is its owner's until it is closed */
static void kill_the_writer(void)
{
    static const volatile bool never;
    int status;
    struct vdpa_disk disk = vdpa_disk_open(node, IOVA);
    pid_t unbinder = writer(DRIVER "unbind", &disk, &never);
    wait_until(!is_there(node));
    must(kill(unbinder, SIGKILL));
    expect_eq(must(waitpid(unbinder, &status, 0)), unbinder);
    expect(WIFSIGNALED(status));
    use(&disk);
    vdpa_disk_close(&disk);
    must(store(DRIVER "bind", name)); /* waits until the driver has let it go */
    expect(is_bound());
    disk = vdpa_disk_open(node, IOVA);
    use(&disk);
    vdpa_disk_close(&disk);
}

int main(int argc, char **argv)
{
    name = argument(argc, argv, 1, "a disk's name");
    node = argument(argc, argv, 2, "its node");
    expect(is_bound());
    wait_for_close();
    printf("unbind and bind wait for the close: ok\n");
    nobody_has_it_open();
    printf("bind, unbind, drivers_probe and driver_override: ok\n");
    kill_the_writer();
    printf("a killed writer: ok\n");
    printf("vdpa_driver: all as it must be\n");
    return 0;
}
