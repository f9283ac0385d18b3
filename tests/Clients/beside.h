/* SPDX-License-Identifier: MIT */
/*
 * Two paths side by side, one that is served and one that is the kernel's: what a call says of both must be the same.
 */
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
