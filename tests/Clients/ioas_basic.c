/* SPDX-License-Identifier: MIT */
/*
 * An I/O address space: fixed and automatic IOVAs, unmapping, copying, allowed and reserved ranges; and, with a device
 * that reports it (dmatest), that every access obeys them.
 * usage: ioas_basic BDF
 */
#include "dmatest.h"

#define MSI_FIRST 0xfee00000ull /* x86's interrupt window: writes there are interrupts, so it cannot be IOVA */
#define MSI_LAST 0xfeefffffull

static int iommu;

static int copy(uint32_t to, uint32_t from, uint64_t length, uint64_t *to_iova, uint64_t from_iova, uint32_t flags)
{
    struct iommu_ioas_copy arguments = {.size = sizeof(arguments),
                                        .flags = flags,
                                        .dst_ioas_id = to,
                                        .src_ioas_id = from,
                                        .length = length,
                                        .dst_iova = *to_iova,
                                        .src_iova = from_iova};
    int result = ioctl(iommu, IOMMU_IOAS_COPY, &arguments);
    *to_iova = arguments.dst_iova;
    return result;
}

static int allow(uint32_t ioas, struct iommu_iova_range *ranges, uint32_t count)
{
    struct iommu_ioas_allow_iovas arguments = {
        .size = sizeof(arguments), .ioas_id = ioas, .num_iovas = count, .allowed_iovas = addr(ranges)};
    return ioctl(iommu, IOMMU_IOAS_ALLOW_IOVAS, &arguments);
}

static void mapping(void)
{
    uint32_t ioas = ioas_alloc(iommu);
    struct iommu_iova_range range = {0};
    struct iommu_ioas_iova_ranges query = {.size = sizeof(query), .ioas_id = ioas};
    expect_errno(ioctl(iommu, IOMMU_IOAS_IOVA_RANGES, &query), EMSGSIZE);
    expect_eq(query.num_iovas, 1);
    expect_eq(query.out_iova_alignment, 1); /* nothing attached, no restriction */
    expect_eq(iova_ranges(iommu, ioas, &range, 1), 1);
    expect_eq(range.start, 0);
    expect_eq(range.last, UINT64_MAX);

    uint8_t *memory = pages(16);
    must(map_at(iommu, ioas, memory, 4 * PAGE, 0x10000, RW));
    expect_errno(map_at(iommu, ioas, memory, 4 * PAGE, 0x10000, RW), EEXIST);
    expect_errno(map_at(iommu, ioas, memory, PAGE, 0x10000 + 3 * PAGE, RW), EEXIST);
    expect_errno(map_at(iommu, ioas, memory, 2 * PAGE, 0x10000 - PAGE, RW), EEXIST);
    must(map_at(iommu, ioas, memory, PAGE, 0x10000 + 4 * PAGE, IOMMU_IOAS_MAP_READABLE));
    must(map_at(iommu, ioas, memory, 3, 0x7001, RW)); /* with an alignment of 1, bytes suffice */
    expect_eq(unmap(iommu, ioas, 0x7001, 3), 3);
    printf("map at a fixed IOVA: ok\n");

    /* automatic: never 0, unused, the same offset in the page as in memory, as aligned as memory and size allow */
    uint64_t first = map_any(iommu, ioas, memory, 2 * PAGE, RW);
    uint64_t second = map_any(iommu, ioas, memory + 100, PAGE, RW);
    expect(first != 0 && first % PAGE == 0);
    expect_eq(second % PAGE, 100);
    expect(first + 2 * PAGE <= 0x10000 || first >= 0x10000 + 5 * PAGE);
    uint8_t *area = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(area != MAP_FAILED);
    uint8_t *huge = area + (-addr(area) & ((2 << 20) - 1));
    uint64_t big = map_any(iommu, ioas, huge, 2 << 20, RW);
    expect_eq(big % (2 << 20), 0);
    printf("map at an automatic IOVA: ok\n");

    /* an area is unmapped whole or not at all */
    expect_errno(unmap(iommu, ioas, 0x10000, PAGE), ENOENT);
    expect_errno(unmap(iommu, ioas, 0x10000 + PAGE, 3 * PAGE), ENOENT);
    expect_errno(unmap(iommu, ioas, 0x10000 - PAGE, 2 * PAGE), ENOENT);
    expect_errno(unmap(iommu, ioas, 0x10000, 0), EINVAL);
    expect_errno(unmap(iommu, ioas, UINT64_MAX - PAGE, 2 * PAGE), EOVERFLOW);
    expect_errno(unmap(iommu, ioas, 0x123456789000, PAGE), ENOENT);
    expect_eq(unmap(iommu, ioas, 0x10000 - PAGE, 7 * PAGE), 5 * PAGE); /* two areas and their surroundings */
    expect_errno(unmap(iommu, ioas, 0x10000, 4 * PAGE), ENOENT);
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 3 * PAGE + (2 << 20));
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 0); /* everything of an empty IOAS is no error */
    must(destroy(iommu, ioas));
    expect_errno(destroy(iommu, ioas), ENOENT);
    munmap(area, 4 << 20);
    printf("unmap: ok\n");
}

static void copying(void)
{
    uint32_t from = ioas_alloc(iommu), to = ioas_alloc(iommu);
    uint8_t *memory = pages(8);
    uint64_t iova = 0x50000, automatic = 0;
    must(map_at(iommu, from, memory, 4 * PAGE, 0x10000, RW));
    must(map_at(iommu, from, memory + 4 * PAGE, 2 * PAGE, 0x10000 + 4 * PAGE, IOMMU_IOAS_MAP_READABLE));

    must(copy(to, from, 4 * PAGE, &iova, 0x10000, RW | FIXED));
    expect_errno(copy(to, from, 4 * PAGE, &iova, 0x10000, RW | FIXED), EEXIST);
    must(copy(to, from, PAGE, &automatic, 0x10000 + PAGE, RW)); /* a part of an area, to any IOVA */
    expect(automatic != 0);
    iova = 0x90000;
    must(copy(to, from, 6 * PAGE, &iova, 0x10000, IOMMU_IOAS_MAP_READABLE | FIXED)); /* across two areas */
    iova = 0xa0000;
    /* no more rights than the source */
    expect_errno(copy(to, from, 2 * PAGE, &iova, 0x10000 + 4 * PAGE, RW | FIXED), EPERM);
    expect_errno(copy(to, from, 7 * PAGE, &iova, 0x10000, IOMMU_IOAS_MAP_READABLE | FIXED), ENOENT);
    expect_errno(copy(to, from, PAGE, &iova, 0x1000, RW | FIXED), ENOENT);
    must(copy(from, from, PAGE, &iova, 0x10000, RW | FIXED)); /* within one IOAS */

    /* the copy is independent */
    expect_eq(unmap(iommu, from, 0, UINT64_MAX), 7 * PAGE);
    expect_errno(map_at(iommu, to, memory, PAGE, 0x50000, RW), EEXIST);
    must(destroy(iommu, from));
    expect_eq(unmap(iommu, to, 0x50000, 4 * PAGE), 4 * PAGE);
    must(destroy(iommu, to));
    printf("copy: ok\n");
}

static void ranges(struct device *device)
{
    uint32_t ioas = ioas_alloc(iommu);
    struct iommu_iova_range allowed[2] = {{0x100000, 0x1fffff}, {0x40000000, 0x4fffffff}}, found[16];
    struct iommu_iova_range window = {MSI_FIRST - 0x1000, MSI_LAST},
                            overlapping[2] = {{0x1000, 0x1fff}, {0x1800, 0x2fff}};
    uint8_t *memory = pages(4);

    must(allow(ioas, allowed, 2));
    for (int i = 0; i < 4; i++) {
        uint64_t iova = map_any(iommu, ioas, memory, 4 * PAGE, RW);
        expect(iova >= 0x100000 && iova + 4 * PAGE - 1 <= 0x1fffff);
    }
    must(map_at(iommu, ioas, memory, PAGE, 0x7000, RW)); /* only automatic IOVAs obey it */
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 17 * PAGE);
    expect_errno(allow(ioas, overlapping, 2), EINVAL);
    must(allow(ioas, NULL, 0));
    printf("allowed ranges: ok\n");

    /* what the device cannot reach becomes unusable at attach, and usable again at detach */
    uint32_t pt = ioas;
    must(map_at(iommu, ioas, memory, PAGE, MSI_FIRST, RW));
    expect_errno(attach(device->fd, &pt), EADDRINUSE);
    expect_eq(unmap(iommu, ioas, MSI_FIRST, PAGE), PAGE);
    must(allow(ioas, &window, 1));
    expect_errno(attach(device->fd, &pt), EADDRINUSE);
    must(allow(ioas, allowed, 2));
    must(attach(device->fd, &pt));
    expect(pt != ioas);
    int count = must(iova_ranges(iommu, ioas, found, 16));
    expect(count >= 2);
    expect_eq(found[0].start, 0);
    expect_eq(found[0].last, MSI_FIRST - 1);
    expect_eq(found[1].start, MSI_LAST + 1);
    expect(found[count - 1].last < UINT64_MAX);
    printf("IOVA ranges: %d, the last one ends at 0x%llx\n", count, (unsigned long long)found[count - 1].last);
    expect_errno(allow(ioas, &window, 1), EADDRINUSE);
    struct iommu_ioas_iova_ranges query = {
        .size = sizeof(query), .ioas_id = ioas, .num_iovas = 1, .allowed_iovas = addr(found)};
    expect_errno(ioctl(iommu, IOMMU_IOAS_IOVA_RANGES, &query), EMSGSIZE);
    expect_eq(query.num_iovas, count);
    expect_eq(query.out_iova_alignment, PAGE);
    expect_errno(map_at(iommu, ioas, memory, PAGE, MSI_FIRST, RW), EINVAL);
    expect_errno(map_at(iommu, ioas, memory, 2 * PAGE, MSI_FIRST - PAGE, RW), EINVAL);
    expect_errno(map_at(iommu, ioas, memory, PAGE, found[count - 1].last + 1, RW), EINVAL);
    expect_errno(map_at(iommu, ioas, memory, PAGE, 0x10800, RW), EINVAL);
    expect_errno(map_at(iommu, ioas, memory + 1, PAGE, 0x10000, RW), EINVAL);
    expect_errno(map_at(iommu, ioas, memory, 100, 0x10000, RW), EINVAL);
    must(map_at(iommu, ioas, memory, PAGE, MSI_FIRST - PAGE, RW));
    must(map_at(iommu, ioas, memory, PAGE, found[count - 1].last + 1 - PAGE, RW));
    expect_errno(map_at(iommu, ioas, memory, 2 * PAGE, found[count - 1].last + 1 - 2 * PAGE, RW), EEXIST);

    /* with a device attached, memory is pinned at once */
    uint8_t *gone = pages(1);
    munmap(gone, PAGE);
    expect_errno(map_at(iommu, ioas, gone, PAGE, 0x20000, RW), EFAULT);
    uint8_t *readonly = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect_errno(map_at(iommu, ioas, readonly, PAGE, 0x20000, RW), EFAULT);

    /* objects in use stay */
    uint32_t hwpt = pt;
    expect_errno(destroy(iommu, ioas), EBUSY);
    expect_errno(destroy(iommu, hwpt), EBUSY);
    expect_errno(destroy(iommu, device->id), EBUSY);
    must(attach(device->fd, &pt)); /* to the same HWPT by ID: unchanged */
    expect_eq(pt, hwpt);
    must(detach(device->fd));
    must(detach(device->fd)); /* not attached: no effect */
    expect_eq(iova_ranges(iommu, ioas, found, 16), 1);
    expect_errno(destroy(iommu, hwpt), ENOENT); /* made by the attach, gone with the detach */
    must(destroy(iommu, ioas));

    /* a program's own HWPT outlives its attachments */
    ioas = ioas_alloc(iommu);
    struct iommu_hwpt_alloc alloc = {.size = sizeof(alloc), .dev_id = device->id, .pt_id = ioas};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &alloc));
    pt = alloc.out_hwpt_id;
    must(attach(device->fd, &pt));
    expect_eq(pt, alloc.out_hwpt_id);
    pt = ioas;
    must(attach(device->fd, &pt)); /* replaced by the IOAS, which uses the same HWPT or one of its own */
    must(detach(device->fd));
    expect_errno(destroy(iommu, ioas), EBUSY);
    must(destroy(iommu, alloc.out_hwpt_id));
    must(destroy(iommu, ioas));
    printf("reserved ranges, attach and detach: ok\n");
}

static void accesses(struct device device)
{
    struct dmatest test = dmatest_from(device, BY_PIO);
    uint32_t ioas = ioas_alloc(iommu), other = ioas_alloc(iommu), pt = ioas;
    must(attach(device.fd, &pt));
    uint8_t *memory = pages(8);
    static uint8_t bytes[4096];

    /* before, during and after a mapping */
    fill(memory, PAGE, 1);
    expect_fault(&test, 0x10000, 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    must(map_at(iommu, ioas, memory, PAGE, 0x10000, RW));
    expect_dma(&test, 0x10000, 4096, DMATEST_TO_DEVICE);
    expect_eq(unmap(iommu, ioas, 0x10000, PAGE), PAGE);
    expect_fault(&test, 0x10000, 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    expect_fault(&test, 0x10000, 64, 0, NOT_MAPPED);
    expect_filled(memory, PAGE, 1);

    /* the same IOVA, new memory: never the old translation */
    for (uint32_t i = 0; i < 64; i++) {
        uint8_t *page = memory + (i % 8) * PAGE;
        fill(page, PAGE, 100 + i);
        must(map_at(iommu, ioas, page, PAGE, 0x10000, RW));
        expect_dma(&test, 0x10000, 4096, DMATEST_TO_DEVICE);
        buffer_read(&test, 0, bytes, sizeof(bytes));
        expect_filled(bytes, sizeof(bytes), 100 + i);
        expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), PAGE);
        expect_fault(&test, 0x10000, 1, DMATEST_TO_DEVICE, NOT_MAPPED);
    }

    /* permissions, and two neighbours that differ */
    memset(memory, 0x55, 2 * PAGE);
    must(map_at(iommu, ioas, memory, PAGE, 0x10000, IOMMU_IOAS_MAP_READABLE));
    must(map_at(iommu, ioas, memory + PAGE, PAGE, 0x10000 + PAGE, IOMMU_IOAS_MAP_WRITEABLE));
    expect_dma(&test, 0x10000, 4096, DMATEST_TO_DEVICE);
    expect_fault(&test, 0x10000, 64, 0, NO_PERMISSION);
    for (size_t i = 0; i < PAGE; i++)
        expect_eq(memory[i], 0x55);
    fill(bytes, sizeof(bytes), 7);
    buffer_write(&test, 0, bytes, sizeof(bytes));
    expect_dma(&test, 0x10000 + PAGE, 4096, 0);
    expect_filled(memory + PAGE, PAGE, 7);
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 2 * PAGE);

    /* a copy reaches the same memory, at another IOVA */
    fill(memory, PAGE, 8);
    must(map_at(iommu, other, memory, PAGE, 0x70000, RW));
    uint64_t iova = 0x30000;
    must(copy(ioas, other, PAGE, &iova, 0x70000, RW | FIXED));
    expect_fault(&test, 0x70000, 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    expect_dma(&test, 0x30000, 4096, DMATEST_TO_DEVICE);
    must(destroy(iommu, other));
    expect_dma(&test, 0x30000, 4096, DMATEST_TO_DEVICE);
    buffer_read(&test, 0, bytes, sizeof(bytes));
    expect_filled(bytes, sizeof(bytes), 8);

    /* attaching elsewhere replaces at once; earlier mappings of the new IOAS work too */
    other = ioas_alloc(iommu);
    must(map_at(iommu, other, memory + PAGE, PAGE, 0x70000, RW));
    pt = other;
    must(attach(device.fd, &pt));
    expect_fault(&test, 0x30000, 64, DMATEST_TO_DEVICE, NOT_MAPPED);
    expect_dma(&test, 0x70000, 4096, DMATEST_TO_DEVICE);
    must(detach(device.fd));
    expect_fault(&test, 0x70000, 64, DMATEST_TO_DEVICE, BLOCKED);
    printf("accesses obey the IOAS: ok\n");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    iommu = open_iommu();
    struct device device = open_device(bdf, iommu);
    mapping();
    copying();
    ranges(&device);
    if (device.model == DMATEST_MODEL)
        accesses(device);
    printf("ioas_basic: all as it must be\n");
    return 0;
}
