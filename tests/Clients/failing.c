/* SPDX-License-Identifier: MIT */
/*
 * A program that maps memory for a device and gives all back, with one fault of each kind in how it takes a failure.
 * usage: failing right|retry|leak|ignore|hang|crash BDF
 */
#include "client.h"

static const char *kind;

static bool is(const char *name)
{
    return !strcmp(kind, name);
}

static int call(int fd, unsigned long request, void *argument)
{
    int result = ioctl(fd, request, argument);
    if (result && is("retry") && errno == ENOMEM)
        result = ioctl(fd, request, argument);
    return result;
}

int main(int argc, char **argv)
{
    int code = 1;
    kind = argument(argc, argv, 1, "kind");
    void *memory = pages(1);
    char name[256], path[512];
    cdev_name(argument(argc, argv, 2, "BDF"), name, sizeof(name));
    snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);

    int iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    if (iommu < 0 && is("retry"))
        iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    if (iommu < 0)
        return 1;
    int device = open(path, O_RDWR | O_CLOEXEC);
    if (device < 0 && is("retry"))
        device = open(path, O_RDWR | O_CLOEXEC);
    if (device < 0)
        goto close_iommu;
    struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
    if (call(device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
        goto close_device;
    struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
    if (call(iommu, IOMMU_IOAS_ALLOC, &ioas))
        goto close_device;
    struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = ioas.out_ioas_id};
    if (call(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
        goto destroy;
    struct iommu_ioas_map map = {.size = sizeof(map), .flags = RW, .ioas_id = ioas.out_ioas_id,
        .user_va = addr(memory), .length = PAGE};
    if (call(iommu, IOMMU_IOAS_MAP, &map)) {
        if (is("crash"))
            abort();
        while (is("hang"))
            pause();
        if (is("ignore"))
            code = 0;
        if (is("leak"))
            goto close_device;
    } else {
        code = 0;
        must(unmap(iommu, ioas.out_ioas_id, map.iova, PAGE));
    }
    struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};
    must(ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
destroy:
    must(destroy(iommu, ioas.out_ioas_id));
close_device:
    must(close(device));
close_iommu:
    must(close(iommu));
    return code;
}
