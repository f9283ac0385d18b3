/* SPDX-License-Identifier: MIT */
/* Compares two paths, one that we serve and one of the kernel's: a call must give the same result on both. */
#ifndef BESIDE_H
#define BESIDE_H

#include "client.h"

static int beside_tried;
static int beside_differ;

/* the result of a call, or the errno as a negative number */
#define outcome(call)                                                                         \
    ({                                                                                        \
        errno = 0;                                                                            \
        long result_ = (long)(call);                                                          \
        result_ < 0 ? -(long)errno : result_;                                                 \
    })

static inline void compare(const char *what, long ours, long kernels)
{
    beside_tried++;
    if (ours == kernels)
        return;
    beside_differ++;
    printf("%s: %ld %s, the kernel's: %ld %s\n", what, ours, ours < 0 ? error_name((int)-ours) : "", kernels,
           kernels < 0 ? error_name((int)-kernels) : "");
}

static inline int beside_end(const char *program)
{
    printf("%s: %d compared, %d differ\n", program, beside_tried, beside_differ);
    return beside_differ != 0;
}

#endif
