/* SPDX-License-Identifier: MIT */
/*
 * Cost of writing a line of a trace with fprintf(3), in nanoseconds, all of it included until the file has it.
 * usage: lines FILE
 */
#include "common.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES 100000
#define ROUNDS 7

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        FILE *file = fopen(argv[1], "w");
        if (!file)
            return 1;
        for (uint64_t i = 0; i < LINES; i++) {
            uint64_t iova = i << 12;
            fprintf(file, "        map space=%s iova=0x%lx last=0x%lx access=%s address=0x%lx\n", "driver", iova,
                iova + 4095, "rw", 0x7f0f5b3c2000 + iova);
        }
        if (fclose(file))
            return 1;
        double each = (now() - start) / LINES;
        if (each < best)
            best = each;
    }
    printf("line: %.0f ns (best of %d x %d)\n", best, ROUNDS, LINES);
    return 0;
}
