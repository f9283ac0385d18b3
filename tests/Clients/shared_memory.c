/* SPDX-License-Identifier: MIT */
/*
 * A child maps memory that it shares with us, by its own pointers, and ends. The mapping outlives it: the device still
 * reaches the shared memory, even after we have unmapped and closed everything but our own view. Then the same with
 * memory of many files, as DPDK has a file for each huge page.
 * usage: shared_memory BDF
 */
#include <sys/wait.h>

#include "engine.h"

#define FILES 8

/* a child maps FILES files in a row for the device at once, pages 1 and 2 of each, and ends */
static void many_files(int iommu, uint32_t ioas, struct engine *engine)
{
    const uint64_t iova = 0x200000, row = 2 * PAGE;
    uint8_t *ours[FILES];
    int fds[FILES];
    for (int i = 0; i < FILES; i++) {
        fds[i] = must(memfd_create("shared_memory", MFD_CLOEXEC));
        must(ftruncate(fds[i], 4 * PAGE));
        ours[i] = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
        expect(ours[i] != MAP_FAILED);
    }
    pid_t child = must(fork());
    if (!child) {
        uint8_t *theirs = mmap(NULL, FILES * row, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        expect(theirs != MAP_FAILED);
        for (int i = 0; i < FILES; i++)
            expect(mmap(theirs + (uint64_t)i * row, row, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fds[i], PAGE)
                   != MAP_FAILED);
        must(map_at(iommu, ioas, theirs, FILES * row, iova, RW));
        must(munmap(theirs, FILES * row));
        _exit(0);
    }
    int status;
    must(waitpid(child, &status, 0));
    expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i + 1 < FILES; i++) {
        fill(ours[i] + PAGE, ENGINE_MOST, (uint32_t)i);
        /* half of it to the end of a file, half to the begin of the next */
        engine_copy(engine, iova + (uint64_t)i * row, iova + (uint64_t)(i + 1) * row - ENGINE_MOST / 2, ENGINE_MOST);
        uint8_t came[ENGINE_MOST];
        memcpy(came, ours[i] + 3 * PAGE - ENGINE_MOST / 2, ENGINE_MOST / 2);
        memcpy(came + ENGINE_MOST / 2, ours[i + 1] + PAGE, ENGINE_MOST / 2);
        expect_filled(came, ENGINE_MOST, (uint32_t)i);
        must(close(fds[i]));
    }
    expect_eq(unmap(iommu, ioas, iova, FILES * row), FILES * row);
    printf("memory of many files: ok\n");
}

int main(int argc, char **argv)
{
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    struct engine engine = open_engine(argument(argc, argv, 1, "BDF"), iommu, ioas);
    int fd = must(memfd_create("shared_memory", MFD_CLOEXEC));
    must(ftruncate(fd, 8 * PAGE));
    uint8_t *ours = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    expect(ours != MAP_FAILED);

    pid_t child = must(fork());
    if (!child) {
        uint8_t *theirs = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
        expect(theirs != MAP_FAILED);
        must(map_at(iommu, ioas, theirs + PAGE, 3 * PAGE, 0x100000, RW)); /* pages 3, 4 and 5 of the file */
        must(munmap(theirs, 4 * PAGE));
        _exit(0);
    }
    int status;
    must(waitpid(child, &status, 0));
    expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    fill(ours + 3 * PAGE, ENGINE_MOST, 1);
    engine_copy(&engine, 0x100000, 0x100000 + PAGE + 7, ENGINE_MOST);
    expect_filled(ours + 4 * PAGE + 7, ENGINE_MOST, 1);
    printf("memory shared by a process that has ended: ok\n");

    must(close(fd));
    fill(ours + 3 * PAGE, ENGINE_MOST, 2);
    engine_copy(&engine, 0x100000, 0x100000 + 2 * PAGE, PAGE / 2);
    expect_filled(ours + 5 * PAGE, PAGE / 2, 2);
    expect_eq(unmap(iommu, ioas, 0x100000, 3 * PAGE), 3 * PAGE);
    many_files(iommu, ioas, &engine);
    printf("shared_memory: all as it must be\n");
    return 0;
}
