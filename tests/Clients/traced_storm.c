/* SPDX-License-Identifier: MIT */
/*
 * A child maps and unmaps memory without an end and is killed meanwhile, most likely within a call. Its parent then
 * uses /dev/iommu itself.
 */
#include "client.h"
#include <signal.h>
#include <sys/wait.h>

static void storm(int started)
{
    int iommu = open_iommu();
    uint32_t ioas = ioas_alloc(iommu);
    uint8_t *memory = pages(4);
    for (int i = 0;; i++) {
        must(map_at(iommu, ioas, memory, 4 * PAGE, 0x10000, RW));
        must(unmap(iommu, ioas, 0x10000, 4 * PAGE));
        if (i == 100)
            must(write(started, "", 1));
    }
}

int main(void)
{
    int ready[2], status;
    char byte;
    must(pipe(ready));
    pid_t child = must(fork());
    if (child == 0)
        storm(ready[1]);
    must(read(ready[0], &byte, 1));
    must(kill(child, SIGKILL));
    must(waitpid(child, &status, 0));
    expect_eq(WIFSIGNALED(status), 1);
    int iommu = open_iommu();
    ioas_alloc(iommu);
    printf("killed %d\n", (int)child);
    return 0;
}
