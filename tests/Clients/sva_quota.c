/* SPDX-License-Identifier: MIT */
/*
 * The initial number of PASIDs of an open /dev/sva, and that only a privileged program can have more.
 * usage: sva_quota COUNT, without CAP_SYS_RESOURCE
 */
#include "sva_node.h"

int main(int argc, char **argv)
{
    uint32_t count = (uint32_t)strtoul(argument(argc, argv, 1, "how many there must be"), NULL, 0);
    int sva = open_sva();
    for (uint32_t i = 0; i < count; i++)
        must(sva_alloc(sva, 1, 0xfffff));
    expect_errno(sva_alloc(sva, 1, 0xfffff), ENOMEM);
    expect_errno(sva_quota(sva, count + 1), EPERM);
    must(sva_quota(sva, count));
    must(sva_quota(sva, 0));
    must(sva_quota(sva, count)); /* no more than it started with */
    expect_errno(sva_alloc(sva, 1, 0xfffff), ENOMEM);
    printf("sva_quota: all as it must be\n");
    return 0;
}
