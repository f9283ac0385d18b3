/* SPDX-License-Identifier: MIT */
/* dmatest with its registers and its buffer mapped. usage: dmatest_mmio BDF */
#include "dmatest.h"

int main(int argc, char **argv)
{
    dmatest_exercise(argument(argc, argv, 1, "BDF of a dmatest"), BY_MMAP);
    return 0;
}
