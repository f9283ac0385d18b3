/* SPDX-License-Identifier: MIT */
/*
 * MAP_FILE gives a device only the access to a file that its program has: by a descriptor, or by the permission to open
 * one.
 * usage: file_rights BDF [FILE]   FILE is in memory and belongs to another user: this one may read but not write it
 */
#include "dmatest.h"

static int iommu;
static uint32_t ioas;

static int map_file(int file, uint32_t flags)
{
    struct iommu_ioas_map_file map = {
        .size = sizeof(map), .flags = flags | FIXED, .ioas_id = ioas, .fd = file, .length = PAGE, .iova = 0x100000};
    int result = ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map);
    if (!result)
        expect_eq(unmap(iommu, ioas, 0x100000, PAGE), PAGE);
    return result;
}

static int anew(int file, int flags)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    return must(open(path, flags | O_CLOEXEC));
}

/* the same with a device and without: rights are checked when a file is mapped */
static void try_all(const char *other)
{
    int file = must(memfd_create("rights", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    must(ftruncate(file, PAGE));
    must(map_file(file, RW));
    must(map_file(anew(file, O_RDONLY), IOMMU_IOAS_MAP_READABLE));
    /* whoever has a memfd can reopen it in any mode */
    must(map_file(anew(file, O_RDONLY), RW));
    must(map_file(anew(file, O_WRONLY), IOMMU_IOAS_MAP_READABLE));
    expect_errno(map_file(anew(file, O_PATH), RW), EBADF);
    expect_errno(map_file(must(open("/", O_PATH)), RW), EBADF);

    must(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    expect_errno(map_file(file, RW), EPERM);
    must(map_file(file, IOMMU_IOAS_MAP_READABLE));
    if (other) {
        int theirs = must(open(other, O_RDONLY | O_CLOEXEC));
        expect_errno(open(other, O_RDWR), EACCES);
        must(map_file(theirs, IOMMU_IOAS_MAP_READABLE));
        expect_errno(map_file(theirs, RW), EACCES);
    }
}

int main(int argc, char **argv)
{
    const char *other = argc > 2 ? argv[2] : NULL;
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    try_all(other);
    uint32_t pt = ioas;
    struct device device = open_device(argument(argc, argv, 1, "BDF"), iommu);
    must(attach(device.fd, &pt));
    try_all(other);
    printf("file_rights: all as it must be\n");
    return 0;
}
