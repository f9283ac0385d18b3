/* SPDX-License-Identifier: MIT */
/* What the probes of mdevs share: each call is a line, "what -> result", as in the answers that were recorded. */
#ifndef MDEV_H
#define MDEV_H

#include "client.h"

static inline const char *last_error(void)
{
    return strerrorname_np(errno);
}

/* Prints a call's result, or the name of its error, in a column. */
static inline long answer(const char *what, long result)
{
    if (result < 0)
        printf("%-58s -> %s\n", what, last_error());
    else
        printf("%-58s -> %ld\n", what, result);
    return result;
}

/* The call is made after errno was cleared, and before the line is printed. */
#define ASK(what, call) (errno = 0, answer(what, (long)(call)))

#endif
