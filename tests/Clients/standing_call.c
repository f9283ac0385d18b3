/* SPDX-License-Identifier: MIT */
/*
 * Stands in a call that is being served, and says so: the call names memory that nobody provides (userfaultfd). Says
 * how the call ends, and makes no other until then that a filter would stop.
 */
#include "client.h"
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/syscall.h>

static int faults;

/* the supervisor has begun to read the structure */
static void *hear_fault(void *unused)
{
    struct uffd_msg message;
    expect_eq(read(faults, &message, sizeof(message)), sizeof(message));
    expect_eq(write(STDOUT_FILENO, "standing\n", 9), 9);
    return unused;
}

int main(void)
{
    void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(memory != MAP_FAILED);
    int iommu = open_iommu();
    faults = must((int)syscall(SYS_userfaultfd, O_CLOEXEC));
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register all = {.range = {addr(memory), PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    must(ioctl(faults, UFFDIO_API, &api));
    must(ioctl(faults, UFFDIO_REGISTER, &all));
    pthread_t hearer;
    expect_eq(pthread_create(&hearer, NULL, hear_fault, NULL), 0);
    int result = ioctl(iommu, IOMMU_IOAS_ALLOC, memory);
    dprintf(STDOUT_FILENO, "came back: %s\n", result < 0 ? strerror(errno) : "served");
    return 0;
}
