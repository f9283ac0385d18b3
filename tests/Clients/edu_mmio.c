/* SPDX-License-Identifier: MIT */
/* edu with its registers mapped. usage: edu_mmio BDF */
#include "edu.h"

int main(int argc, char **argv)
{
    edu_exercise(argument(argc, argv, 1, "BDF of an edu"), BY_MMAP);
    return 0;
}
