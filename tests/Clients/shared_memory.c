/* SPDX-License-Identifier: MIT */
/*
 * A child maps memory that it shares with us, by its own pointers, and ends. The mapping outlives it: the device still
 * reaches the shared memory, even after we have unmapped and closed everything but our own view.
 * usage: shared_memory BDF
 */
#include <sys/wait.h>

#include "engine.h"

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
    printf("shared_memory: all as it must be\n");
    return 0;
}
