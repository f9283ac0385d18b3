/* SPDX-License-Identifier: MIT */
/*
 * VFIO's own container reports what its groups' devices can use as soon as it has the groups, before any device is
 * open.
 * usage: container_ranges BDF
 */
#include "group.h"

#define INTERRUPTS 0xfee00000UL /* the window of interrupt messages on x86 */

/* whether all bytes of a range are in one range that the container reports */
static bool usable(int container, uint64_t first, uint64_t last)
{
    struct {
        struct vfio_iommu_type1_info info;
        uint8_t more[4096];
    } answer = {.info.argsz = sizeof(answer)};
    must(ioctl(container, VFIO_IOMMU_GET_INFO, &answer));
    expect(answer.info.flags & VFIO_IOMMU_INFO_CAPS);
    const struct vfio_info_cap_header *header;
    for (uint32_t at = answer.info.cap_offset; at; at = header->next) {
        header = (const void *)((const uint8_t *)&answer + at);
        if (header->id != VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
            continue;
        const struct vfio_iommu_type1_info_cap_iova_range *ranges = (const void *)header;
        for (uint32_t i = 0; i < ranges->nr_iovas; i++)
            if (ranges->iova_ranges[i].start <= first && last <= ranges->iova_ranges[i].end)
                return true;
        return false;
    }
    fail("the container tells no ranges");
}

int main(int argc, char **argv)
{
    struct group group = open_group(argument(argc, argv, 1, "BDF"));
    expect(usable(group.container, 0, INTERRUPTS - 1));
    expect(usable(group.container, INTERRUPTS + 0x100000, UINT32_MAX));
    expect(!usable(group.container, INTERRUPTS, INTERRUPTS));
    expect(!usable(group.container, UINT64_MAX, UINT64_MAX)); /* no unit has that many address bits */
    void *memory = pages(1);
    expect_errno(group_map(&group, memory, PAGE, INTERRUPTS), EINVAL);
    must(group_map(&group, memory, PAGE, INTERRUPTS - PAGE));
    printf("before a device is open: ok\n");

    int device = group_device(&group);
    expect(!usable(group.container, INTERRUPTS, INTERRUPTS));
    close(device);
    expect(!usable(group.container, INTERRUPTS, INTERRUPTS));
    printf("container_ranges: all as it must be\n");
    return 0;
}
