/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* /dev/ioasis_dmatest: a dmatest that works on the pointers of whoever opened it. */
#ifndef IOASIS_DMATEST_H
#define IOASIS_DMATEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct ioasis_dmatest_copy - the device copies within the process's memory
 * @from: pointer to the first byte to read
 * @to: pointer to the first byte to write
 * @length: 1 to 4096
 * @status: out: 1 done, 2 fault; the device's word for it
 * @reason: out: why there was a fault; the device's word for it
 * @pasid: out: the PASID that the requests had
 */
struct ioasis_dmatest_copy {
	__u64 from;
	__u64 to;
	__u32 length;
	__u32 status;
	__u32 reason;
	__u32 pasid;
};

#define IOASIS_DMATEST_COPY _IOWR('d', 0, struct ioasis_dmatest_copy)

#endif
