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

/**
 * struct ioasis_dmatest_spoiled_copy - a copy while an entry of the process's page tables is another, of which nobody
 * was told @copy: the copy
 * @address: a pointer that the entry is for
 * @entry: in: the entry for the time of the copy; out: the true one, which is back then
 * @level: 1 for the entry of a page, 2 for the one above
 *
 * For a test of what the device's IOMMU makes of garbage, and of an invalidation that was forgotten.
 */
struct ioasis_dmatest_spoiled_copy {
	struct ioasis_dmatest_copy copy;
	__u64 address;
	__u64 entry;
	__u32 level;
	__u32 __reserved;
};

#define IOASIS_DMATEST_SPOILED_COPY _IOWR('d', 1, struct ioasis_dmatest_spoiled_copy)

#endif
