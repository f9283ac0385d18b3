/* SPDX-License-Identifier: MIT */
/* edu with its registers read and written by pread and pwrite. usage: edu_pio BDF */
#include "edu.h"

int main(int argc, char **argv)
{
    edu_exercise(argument(argc, argv, 1, "BDF of an edu"), BY_PIO);
    return 0;
}
