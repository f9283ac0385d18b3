/* SPDX-License-Identifier: MIT */
/*
 * Dual-stage translation. A guest's page tables, written by hand in its memory, translate a device's addresses to
 * guest-physical ones (stage 1). The IOAS maps those to this program's memory (stage 2).
 * usage: nested_dma [/dev/vfio/devices/vfioN of a dmatest]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRY(call) ((call) < 0 ? (perror(#call), exit(1), 0) : 0)
#define CHECK(what, holds) printf("%-62s %s\n", what, (holds) ? "ok" : (exit_code = 1, "NOT AS IT MUST BE"))

enum { PRESENT = 1, WRITE = 2, USER = 4, ACCESSED = 1 << 5, DIRTY = 1 << 6, LARGE = 1 << 7 };
enum { READS = 3, WRITES = 1 };                               /* commands of dmatest: from memory, to memory */
enum { OK = 0, NOT_MAPPED = 2, NO_PERMISSION = 3 };           /* and reasons for a refusal */
#define GUEST_SIZE (4UL << 20)
#define DATA (2UL << 20)                                      /* guest-physical: tables below, data above */

static int exit_code;
static uint64_t *guest;                                       /* the guest's memory, from its address 0 on */
static volatile uint32_t *registers;
static uint64_t *buffer;

static struct vfio_region_info region(int device, uint32_t index)
{
    struct vfio_region_info info = {.argsz = sizeof(info), .index = index};
    TRY(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info));
    return info;
}

/* The entry of a level (4 is the root, 1 that of a 4 KiB page) for an address. Makes the tables above it. */
static uint64_t *entry(uint64_t iova, int level)
{
    static uint64_t next_table = 4096;
    uint64_t table = 0;                                       /* the root is the guest's first page */
    for (int above = 4;; above--) {
        uint64_t *at = &guest[table / 8 + (iova >> (12 + 9 * (above - 1)) & 511)];
        if (above == level)
            return at;
        if (!(*at & PRESENT)) {
            *at = next_table | PRESENT | WRITE | USER;
            next_table += 4096;
        }
        table = *at & 0x000ffffffffff000;
    }
}

/* Lets the device copy 8 bytes; returns the reason for a refusal. */
static uint32_t dma(uint64_t iova, uint32_t command)
{
    *(volatile uint64_t *)registers = iova;
    registers[4] = 8;                                         /* bytes */
    registers[2] = command;
    while (registers[2] & 1)
        ;
    return registers[6];
}

int main(int argc, char **argv)
{
    int iommu = open("/dev/iommu", O_RDWR), device = open(argc > 1 ? argv[1] : "/dev/vfio/devices/vfio1", O_RDWR);
    struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
    TRY(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind));

    /* Does the unit support it? NEST is bit 26 of VT-d's extended capability register. */
    struct iommu_hw_info_vtd vtd = {0};
    struct iommu_hw_info info = {
        .size = sizeof(info), .dev_id = bind.out_devid, .data_len = sizeof(vtd), .data_uptr = (uintptr_t)&vtd};
    TRY(ioctl(iommu, IOMMU_GET_HW_INFO, &info));
    if (info.out_data_type != IOMMU_HW_INFO_TYPE_INTEL_VTD || !(vtd.ecap_reg >> 26 & 1))
        return fprintf(stderr, "no nested translation here\n"), 1;

    /* Stage 2: the guest's memory is a memfd, mapped from guest-physical 0 on. Its HWPT is a nest parent. */
    int memory = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    TRY(ftruncate(memory, GUEST_SIZE));
    TRY(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
    guest = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
    TRY(ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas));
    struct iommu_ioas_map_file map = {.size = sizeof(map),
        .ioas_id = ioas.out_ioas_id,
        .fd = memory,
        .length = GUEST_SIZE,
        .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_FIXED_IOVA};
    TRY(ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map));
    struct iommu_hwpt_alloc parent = {.size = sizeof(parent),
        .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
        .dev_id = bind.out_devid,
        .pt_id = ioas.out_ioas_id};
    TRY(ioctl(iommu, IOMMU_HWPT_ALLOC, &parent));

    /* Stage 1: four levels, with the root at guest-physical 0. */
    struct iommu_hwpt_vtd_s1 first_stage = {.pgtbl_addr = 0, .addr_width = 48};
    struct iommu_hwpt_alloc nested = {.size = sizeof(nested), .dev_id = bind.out_devid, .pt_id = parent.out_hwpt_id,
        .data_type = IOMMU_HWPT_DATA_VTD_S1, .data_len = sizeof(first_stage), .data_uptr = (uintptr_t)&first_stage};
    TRY(ioctl(iommu, IOMMU_HWPT_ALLOC, &nested));
    struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = nested.out_hwpt_id};
    TRY(ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));

    uint16_t command = 6;                                     /* memory decoding and bus mastering */
    TRY(pwrite(device, &command, 2, region(device, VFIO_PCI_CONFIG_REGION_INDEX).offset + 4));
    registers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, 0).offset);
    buffer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, 2).offset);

    /* Leaves of each size, all of which lead to the same word of the guest. */
    uint64_t *word = &guest[(DATA + 0x5000) / 8];
    *entry(0x1000, 1) = (DATA + 0x5000) | PRESENT | WRITE | USER;
    *entry(0x40000000, 2) = DATA | LARGE | PRESENT | WRITE | USER;
    *entry(0x8000000000, 3) = 0 | LARGE | PRESENT | WRITE | USER;
    uint64_t places[] = {0x1000, 0x40000000 + 0x5000, 0x8000000000 + DATA + 0x5000};
    const char *sizes[] = {"4 KiB", "2 MiB", "1 GiB"};
    for (int i = 0; i < 3; i++) {
        char text[80];
        *word = 0x1111 * (i + 1);
        snprintf(text, sizeof(text), "a leaf of %s at 0x%llx: the device reads memory", sizes[i],
            (unsigned long long)places[i]);
        CHECK(text, dma(places[i], READS) == OK && *buffer == *word);
        *buffer = 0x2222 * (i + 1);
        CHECK("  ... and writes it", dma(places[i], WRITES) == OK && *word == *buffer);
    }
    CHECK("the leaf was accessed and written, its flags say",
        (*entry(0x1000, 1) & (ACCESSED | DIRTY)) == (ACCESSED | DIRTY));

    /* Permissions. */
    uint64_t before = *word;
    *entry(0x2000, 1) = (DATA + 0x5000) | PRESENT | USER;
    *entry(0x3000, 1) = (DATA + 0x5000) | PRESENT | WRITE;
    CHECK("a leaf without R/W is read", dma(0x2000, READS) == OK);
    CHECK("  ... but not written", dma(0x2000, WRITES) == NO_PERMISSION && *word == before);
    CHECK("a leaf without U/S is the guest's kernel's alone", dma(0x3000, READS) == NO_PERMISSION);
    CHECK("no leaf, no access", dma(0x4000, READS) == NOT_MAPPED);
    *entry(0x6000, 1) = GUEST_SIZE | PRESENT | WRITE | USER;
    CHECK("a leaf that leads out of the guest's memory leads nowhere", dma(0x6000, READS) == NOT_MAPPED);

    /* A change needs an invalidation: until then the unit may use cached entries. */
    guest[(DATA + 0x9000) / 8] = 0x9999;
    *word = 0x5555;
    TRY(-(int)dma(0x1000, READS));
    *entry(0x1000, 1) = (DATA + 0x9000) | PRESENT | WRITE | USER;
    CHECK(
        "a change that was not invalidated is not seen yet (it may be)", dma(0x1000, READS) == OK && *buffer == 0x5555);
    struct iommu_hwpt_vtd_s1_invalidate page = {.addr = 0x1000, .npages = 1, .flags = IOMMU_VTD_INV_FLAGS_LEAF};
    struct iommu_hwpt_invalidate invalidate = {.size = sizeof(invalidate),
        .hwpt_id = nested.out_hwpt_id,
        .data_uptr = (uintptr_t)&page,
        .data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
        .entry_len = sizeof(page),
        .entry_num = 1};
    TRY(ioctl(iommu, IOMMU_HWPT_INVALIDATE, &invalidate));
    CHECK("  ... and is, once it was invalidated", dma(0x1000, READS) == OK && *buffer == 0x9999);

    /* Stage 2 belongs to the host: what it unmaps is gone at once. */
    struct iommu_ioas_unmap unmap = {.size = sizeof(unmap), .ioas_id = ioas.out_ioas_id, .length = GUEST_SIZE};
    TRY(ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap));
    CHECK("after the unmap of stage 2 nothing is translated", dma(0x1000, READS) == NOT_MAPPED);
    return exit_code;
}
