/* SPDX-License-Identifier: MIT */
/* A memfd mapped for DMA: it needs no memory of the process, not even a mapping. usage: map_file BDF */
#include <sys/wait.h>

#include "engine.h"

static int map_file(int iommu, uint32_t ioas, int fd, uint64_t start, uint64_t length, uint64_t *iova, uint32_t flags)
{
    struct iommu_ioas_map_file arguments = {.size = sizeof(arguments),
                                            .flags = flags,
                                            .ioas_id = ioas,
                                            .fd = fd,
                                            .start = start,
                                            .length = length,
                                            .iova = *iova};
    int result = ioctl(iommu, IOMMU_IOAS_MAP_FILE, &arguments);
    *iova = arguments.iova;
    return result;
}

static int change_process(int iommu)
{
    struct iommu_ioas_change_process arguments = {.size = sizeof(arguments)};
    return ioctl(iommu, IOMMU_IOAS_CHANGE_PROCESS, &arguments);
}

static void put(int fd, uint64_t at, uint32_t seed)
{
    uint8_t bytes[ENGINE_MOST];
    fill(bytes, sizeof(bytes), seed);
    expect_eq(pwrite(fd, bytes, sizeof(bytes), (off_t)at), sizeof(bytes));
}

static void expect_in_file(int fd, uint64_t at, uint32_t seed)
{
    uint8_t bytes[ENGINE_MOST];
    expect_eq(pread(fd, bytes, sizeof(bytes), (off_t)at), sizeof(bytes));
    expect_filled(bytes, sizeof(bytes), seed);
}

int main(int argc, char **argv)
{
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    struct engine engine = open_engine(argument(argc, argv, 1, "BDF"), iommu, ioas);
    int fd = must(memfd_create("map_file", MFD_CLOEXEC));
    must(ftruncate(fd, 16 * PAGE));

    must(change_process(iommu)); /* with nothing mapped */
    uint64_t iova = 0x100000, anywhere = 0;
    must(map_file(iommu, ioas, fd, 2 * PAGE, 8 * PAGE, &iova, RW | FIXED));
    must(map_file(iommu, ioas, fd, 10 * PAGE, 2 * PAGE, &anywhere, RW));
    expect(anywhere != 0);
    expect_errno(map_file(iommu, ioas, fd, 0, PAGE, &iova, RW | FIXED), EEXIST);

    put(fd, 3 * PAGE, 1);
    engine_copy(&engine, iova + PAGE, iova + 4 * PAGE + 123, ENGINE_MOST);
    expect_in_file(fd, 6 * PAGE + 123, 1);
    engine_copy(&engine, iova + PAGE, anywhere + PAGE / 2, ENGINE_MOST);
    expect_in_file(fd, 10 * PAGE + PAGE / 2, 1);
    printf("DMA in a file that the process has not mapped: ok\n");

    /* the mapping holds the file, not the descriptor */
    int kept = must(dup(fd));
    must(close(fd));
    put(kept, 4 * PAGE, 2);
    engine_copy(&engine, iova + 2 * PAGE, iova + 5 * PAGE, ENGINE_MOST);
    expect_in_file(kept, 7 * PAGE, 2);

    /* a shared mapping of it is the same memory, mapped by address */
    uint8_t *shared = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, kept, 0);
    expect(shared != MAP_FAILED);
    must(map_at(iommu, ioas, shared + 12 * PAGE, 4 * PAGE, 0x200000, RW));
    fill(shared + 3 * PAGE, ENGINE_MOST, 3);
    engine_copy(&engine, iova + PAGE, 0x200000 + PAGE, ENGINE_MOST);
    expect_filled(shared + 13 * PAGE, ENGINE_MOST, 3);
    expect_in_file(kept, 13 * PAGE, 3);
    printf("DMA in a shared mapping of it: ok\n");

    /* files follow the program to another process; memory would not */
    expect_errno(change_process(iommu), EINVAL);
    expect_eq(unmap(iommu, ioas, 0x200000, 4 * PAGE), 4 * PAGE);
    fflush(stdout);
    pid_t child = must(fork());
    if (!child) {
        must(change_process(iommu));
        put(kept, 3 * PAGE, 4);
        engine_copy(&engine, iova + PAGE, iova + 6 * PAGE, ENGINE_MOST);
        expect_in_file(kept, 8 * PAGE, 4);
        _exit(0);
    }
    int status = -1;
    expect_eq(waitpid(child, &status, 0), child);
    expect_eq(status, 0);
    put(kept, 3 * PAGE, 5);
    /* the process that took it over is gone, the file is not */
    engine_copy(&engine, iova + PAGE, iova + 6 * PAGE, ENGINE_MOST);
    expect_in_file(kept, 8 * PAGE, 5);
    must(change_process(iommu));
    printf("changing the process: ok\n");

    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 10 * PAGE);
    printf("map_file: all as it must be\n");
    return 0;
}
