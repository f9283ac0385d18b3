/* SPDX-License-Identifier: MIT */
/* dmatest by pread and pwrite. usage: dmatest_pio BDF */
#include "dmatest.h"

int main(int argc, char **argv)
{
    dmatest_exercise(argument(argc, argv, 1, "BDF of a dmatest"), BY_PIO);
    return 0;
}
