/* SPDX-License-Identifier: MIT */
/*
 * Runs twice at once, on two devices of one machine: neither can name, see or change what belongs to the other.
 * usage: two_programs BDF OTHERS_BDF FIFO_OUT FIFO_IN        the other: OTHERS_BDF BDF FIFO_IN FIFO_OUT
 */
#include "engine.h"

struct ids {
    uint32_t ioas, extra, hwpt, device;
};

static int out, in;

static void tell(const struct ids *mine, struct ids *theirs)
{
    struct pollfd wait = {.fd = in, .events = POLLIN};
    expect_eq(write(out, mine, sizeof(*mine)), sizeof(*mine));
    expect_eq(poll(&wait, 1, PATIENCE_SECONDS * 1000), 1);
    expect_eq(read(in, theirs, sizeof(*theirs)), sizeof(*theirs));
}

static void meet(void)
{
    struct ids nothing = {0}, theirs;
    tell(&nothing, &theirs);
}

/* the other's objects do not exist here */
static void expect_unknown(int iommu, const struct device *device, uint32_t id)
{
    uint32_t pt = id;
    uint8_t *memory = pages(1);
    struct iommu_iova_range range;
    struct iommu_hw_info info = {.size = sizeof(info), .dev_id = id};
    struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .dev_id = id, .pt_id = id};
    expect_errno(destroy(iommu, id), ENOENT);
    expect_errno(map_at(iommu, id, memory, PAGE, 0x1000000, RW), ENOENT);
    expect_errno(unmap(iommu, id, 0, UINT64_MAX), ENOENT);
    expect_errno(iova_ranges(iommu, id, &range, 1), ENOENT);
    expect_errno(ioctl(iommu, IOMMU_GET_HW_INFO, &info), ENOENT);
    expect_errno(ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt), ENOENT);
    expect_errno(attach(device->fd, &pt), ENOENT);
    munmap(memory, PAGE);
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF"), *others = argument(argc, argv, 2, "the other's BDF");
    /* both FIFOs are open in both directions: neither waits for the other in open() */
    out = must(open(argument(argc, argv, 3, "a FIFO to write"), O_RDWR));
    in = must(open(argument(argc, argv, 4, "a FIFO to read"), O_RDWR));
    uint32_t seed = strcmp(bdf, others) < 0 ? 1 : 2;

    int iommu = open_iommu();
    /* IDs that cannot be the other's: one of the two starts higher */
    for (int i = 0; seed == 2 && i < 40; i++)
        ioas_alloc(iommu);
    struct ids mine = {.ioas = ioas_alloc(iommu)}, theirs;
    struct engine engine = open_engine(bdf, iommu, mine.ioas);
    mine.device = engine.device.id;
    mine.extra = ioas_alloc(iommu);
    struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .dev_id = mine.device, .pt_id = mine.extra};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
    mine.hwpt = hwpt.out_hwpt_id;
    tell(&mine, &theirs);

    if (seed == 1) { /* the other's IDs are all above ours */
        expect_unknown(iommu, &engine.device, theirs.ioas);
        expect_unknown(iommu, &engine.device, theirs.extra);
        expect_unknown(iommu, &engine.device, theirs.hwpt);
        expect_unknown(iommu, &engine.device, theirs.device);
    }
    int cdev = open_cdev(others);
    expect_errno(bind_iommufd(cdev, iommu, NULL), EINVAL); /* and its device is in use */
    must(close(cdev));
    meet();
    printf("%s: the other's ids and device: ok\n", bdf);

    /* at the same IOVA, at the same time, each in its own memory */
    uint8_t *memory = pages(2);
    must(map_at(iommu, mine.ioas, memory, 2 * PAGE, 0x10000, RW));
    for (uint32_t round = 0; round < 10; round++) {
        fill(memory, PAGE, 10 * round + seed);
        memset(memory + PAGE, 0, PAGE);
        meet();
        engine_copy(&engine, 0x10000, 0x10000 + PAGE, ENGINE_MOST);
        expect_filled(memory + PAGE, ENGINE_MOST, 10 * round + seed);
    }
    printf("%s: DMA beside the other's: ok\n", bdf);

    /* one ends, the other is unaffected; then the first one's device is free */
    if (seed == 1) {
        must(close(engine.device.fd));
        must(close(iommu));
        meet();
    } else {
        meet();
        engine_copy(&engine, 0x10000, 0x10000 + PAGE, ENGINE_MOST);
        expect_filled(memory + PAGE, ENGINE_MOST, 92);
        cdev = open_cdev(others);
        must(bind_iommufd(cdev, iommu, NULL));
    }
    meet();
    printf("%s: all as it must be\n", bdf);
    return 0;
}
