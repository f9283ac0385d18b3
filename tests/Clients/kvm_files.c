/* SPDX-License-Identifier: MIT */
/*
 * KVM's VFIO device is told of VFIO files, as virtual machine monitors do before they bind a device: what it accepts
 * and refuses, and that it holds its files until it is closed.
 * usage: kvm_files BDF OTHER_BDF
 * Exit code 77 without /dev/kvm.
 */
#include <signal.h>
#include <sys/wait.h>

#include "kvm.h"

static void group_path(const char *bdf, char *path, size_t room)
{
    char link[256], *name;
    snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", bdf);
    char target[256] = "";
    must(readlink(link, target, sizeof(target) - 1));
    name = strrchr(target, '/');
    expect(name);
    snprintf(path, room, "/dev/vfio/%s", name + 1);
}

static void expect_free(const char *group)
{
    must(close(must(open(group, O_RDWR | O_CLOEXEC))));
}

static void expect_busy(const char *group)
{
    expect_errno(open(group, O_RDWR | O_CLOEXEC), EBUSY);
}

static void answers(int kvm, const char *bdf, const char *group)
{
    int device = new_vfio_device(new_vm(kvm)), cdev = open_cdev(bdf), again = open_cdev(bdf);
    must(add_file(device, cdev));
    expect_errno(add_file(device, cdev), EEXIST);
    expect_errno(add_file(device, must(dup(cdev))), EEXIST); /* the same file */
    must(add_file(device, again));
    int group_fd = must(open(group, O_RDWR | O_CLOEXEC));
    must(add_file(device, group_fd));
    expect_errno(add_file(device, group_fd), EEXIST);
    must(remove_file(must(dup(device)), cdev));
    expect_errno(remove_file(device, cdev), ENOENT);
    must(remove_file(device, group_fd));
    must(add_file(device, cdev));
    printf("files of devices and of groups: ok\n");

    int container = must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)), iommu = open_iommu();
    int memory = must(memfd_create("none of VFIO's", MFD_CLOEXEC)), closed = must(dup(memory));
    int others[] = {container, iommu, memory, device, kvm, new_eventfd()};
    must(close(closed));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        expect_errno(add_file(device, others[i]), EINVAL);
        expect_errno(remove_file(device, others[i]), ENOENT);
    }
    expect_errno(add_file(device, closed), EBADF);
    expect_errno(add_file(device, -1), EBADF);
    expect_errno(remove_file(device, closed), EBADF);
    expect_errno(set_attribute(device, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_ADD, NULL), EFAULT);
    expect_errno(set_attribute(device, KVM_DEV_VFIO_FILE, KVM_DEV_VFIO_FILE_DEL, (void *)16), EFAULT);
    expect_errno(ioctl(device, KVM_SET_DEVICE_ATTR, (void *)16), EFAULT);
    expect_errno(set_attribute(device, KVM_DEV_VFIO_FILE, 0, &again), ENXIO);
    expect_errno(set_attribute(device, KVM_DEV_VFIO_FILE, 4, &again), ENXIO);
    expect_errno(set_attribute(device, KVM_DEV_VFIO_FILE, 1ull << 32 | KVM_DEV_VFIO_FILE_ADD, &again), ENXIO);
    expect_errno(set_attribute(device, 0, KVM_DEV_VFIO_FILE_ADD, &again), ENXIO);
    expect_errno(set_attribute(device, 2, KVM_DEV_VFIO_FILE_ADD, &again), ENXIO);
    struct kvm_device_attr had = {.group = KVM_DEV_VFIO_FILE, .attr = KVM_DEV_VFIO_FILE_ADD};
    must(ioctl(device, KVM_HAS_DEVICE_ATTR, &had));
    must(remove_file(device, again)); /* none of these changed anything */
    must(remove_file(device, cdev));

    /* two machines have the same file, independently */
    int other = new_vfio_device(new_vm(kvm));
    must(add_file(device, cdev));
    expect_errno(remove_file(other, cdev), ENOENT);
    must(add_file(other, cdev));
    must(remove_file(device, cdev));
    must(remove_file(other, cdev));
    printf("what is refused: ok\n");

    int fds[] = {device, cdev, again, group_fd, container, iommu, memory, other};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        must(close(fds[i]));
}

static void holds(int kvm, const char *group)
{
    int vm = new_vm(kvm), device = new_vfio_device(vm), fd = must(open(group, O_RDWR | O_CLOEXEC));
    must(add_file(device, fd));
    must(close(fd));
    expect_busy(group); /* KVM has it open */
    int copy = must(dup(device));
    must(close(device));
    expect_busy(group);
    must(close(copy));
    expect_free(group);

    device = new_vfio_device(vm); /* a machine has one at a time; it starts without files */
    fd = must(open(group, O_RDWR | O_CLOEXEC));
    must(add_file(device, fd));
    must(remove_file(device, fd));
    must(close(fd));
    expect_free(group);

    /* the device first, then the file */
    fd = must(open(group, O_RDWR | O_CLOEXEC));
    must(add_file(device, fd));
    must(close(device));
    expect_busy(group);
    must(close(fd));
    expect_free(group);
    must(close(vm));
    printf("held until the device is closed: ok\n");
}

static void processes(int kvm, const char *group, const char *bdf)
{
    /* a machine belongs to its process; a child's copy of the descriptor still keeps the device */
    int device = new_vfio_device(new_vm(kvm)), fd = must(open(group, O_RDWR | O_CLOEXEC)), cdev = open_cdev(bdf);
    int pipe_fds[2];
    must(pipe2(pipe_fds, O_CLOEXEC));
    must(add_file(device, fd));
    pid_t child = must(fork());
    if (!child) {
        char byte;
        expect_errno(add_file(device, cdev), EIO);
        expect_errno(add_file(device, fd), EIO);
        expect_errno(remove_file(device, fd), EIO);
        close(fd);
        close(pipe_fds[1]);
        _exit(read(pipe_fds[0], &byte, 1) != 0); /* until the parent has checked */
    }
    must(close(pipe_fds[0]));
    must(close(fd));
    must(close(device));
    expect_busy(group);
    must(close(pipe_fds[1]));
    int status;
    must(waitpid(child, &status, 0));
    expect_eq(status, 0);
    expect_free(group);

    /* killed with a machine that holds a file */
    must(pipe2(pipe_fds, O_CLOEXEC));
    child = must(fork());
    if (!child) {
        device = new_vfio_device(new_vm(kvm));
        fd = must(open(group, O_RDWR | O_CLOEXEC));
        must(add_file(device, fd));
        close(fd);
        must(write(pipe_fds[1], "", 1));
        for (;;)
            pause();
    }
    char byte;
    expect_eq(read(pipe_fds[0], &byte, 1), 1);
    expect_busy(group);
    must(kill(child, SIGKILL));
    must(waitpid(child, &status, 0));
    expect_free(group);
    printf("processes: ok\n");
    must(close(cdev));
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF of a device"),
               *other = argument(argc, argv, 2, "BDF of another one");
    char group[256];
    int kvm = open_kvm();
    group_path(other, group, sizeof(group));
    answers(kvm, bdf, group);
    holds(kvm, group);
    processes(kvm, group, bdf);
    printf("kvm_files: all as it must be\n");
    return 0;
}
