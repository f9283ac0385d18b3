// SPDX-License-Identifier: MIT
// Maps a page in a method of a class template: its stack has names of C++.
#include <fcntl.h>
#include <linux/iommufd.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace stacks {
template <typename T> class Mapper {
public:
    explicit Mapper(int iommu) : iommu_(iommu) {}
    __attribute__((noinline)) bool map(uint32_t ioas, T *page)
    {
        struct iommu_ioas_map map = {};
        map.size = sizeof(map);
        map.ioas_id = ioas;
        map.user_va = (uintptr_t)page;
        map.iova = 0x10000;
        map.length = 4096;
        map.flags = 7;
        bool mapped = ioctl(iommu_, IOMMU_IOAS_MAP, &map) == 0; // map
        return mapped;
    }

private:
    int iommu_;
};
} // namespace stacks

int main()
{
    int iommu = open("/dev/iommu", O_RDWR);
    struct iommu_ioas_alloc alloc = {};
    alloc.size = sizeof(alloc);
    void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc)) return 1;
    bool mapped = stacks::Mapper<int>(iommu).map(alloc.out_ioas_id, (int *)page);
    puts("ok");
    return mapped ? 0 : 2;
}
