/* SPDX-License-Identifier: MIT */
/* Every wrong argument for a VFIO device: its ioctls, regions and interrupts. usage: bad_device BDF */
#include "bad.h"

static void before_bind(int fd)
{
    uint8_t bytes[64] = {64};
    uint32_t pt = ioas;
    TRY("GET_INFO before bind", ioctl(fd, VFIO_DEVICE_GET_INFO, bytes), EINVAL);
    TRY("GET_REGION_INFO before bind", ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, bytes), EINVAL);
    TRY("GET_IRQ_INFO before bind", ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, bytes), EINVAL);
    TRY("SET_IRQS before bind", ioctl(fd, VFIO_DEVICE_SET_IRQS, bytes), EINVAL);
    TRY("RESET before bind", ioctl(fd, VFIO_DEVICE_RESET), EINVAL);
    TRY("FEATURE before bind", ioctl(fd, VFIO_DEVICE_FEATURE, bytes), EINVAL);
    TRY("ATTACH before bind", attach(fd, &pt), EINVAL);
    TRY("DETACH before bind", detach(fd), EINVAL);
    TRY("an unknown number before bind", ioctl(fd, _IO(';', 0xff), bytes), EINVAL);
    TRY("GET_INFO at no memory before bind", ioctl(fd, VFIO_DEVICE_GET_INFO, NULL), EINVAL);
    TRY("pread before bind", pread(fd, bytes, 4, 1ll << 40), EINVAL);
    TRY("pwrite before bind", pwrite(fd, bytes, 4, 1ll << 40), EINVAL);
    TRY("mmap before bind", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, EINVAL);
}

static void binding(int fd)
{
    struct {
        struct vfio_device_bind_iommufd bind;
        uint8_t tail[8];
    } argument;
    const uint32_t least = offsetof(struct vfio_device_bind_iommufd, out_devid) + 4;
    int null = must(open("/dev/null", O_RDWR));
#define BIND(what, wanted, ...)                                                               \
    do {                                                                                      \
        memset(&argument, 0, sizeof(argument));                                               \
        argument.bind = (struct vfio_device_bind_iommufd){.argsz = sizeof(argument.bind), .iommufd = iommu}; \
        __VA_ARGS__;                                                                          \
        TRY("BIND " what, ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &argument), wanted);            \
    } while (0)
    BIND("of size 0", EINVAL, argument.bind.argsz = 0);
    BIND("short", EINVAL, argument.bind.argsz = least - 1);
    BIND("with a dirty tail", E2BIG, (argument.bind.argsz = sizeof(argument), argument.tail[0] = DIRTY));
    BIND("flags", EINVAL, argument.bind.flags = 2);
    BIND("fd -1", EINVAL, argument.bind.iommufd = -1);
    BIND("fd -2", EINVAL, argument.bind.iommufd = -2);
    BIND("an fd that is not open", EBADF, argument.bind.iommufd = 12345);
    BIND("an fd of something else", EBADFD, argument.bind.iommufd = null);
    BIND("an fd of a device", EBADFD, argument.bind.iommufd = fd);
    BIND("a token at no memory", EFAULT,
         (argument.bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN, argument.bind.token_uuid_ptr = addr(edge + PAGE)));
    BIND("a token that nobody asked for", EINVAL,
         (argument.bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN, argument.bind.token_uuid_ptr = addr(edge)));
    TRY("BIND at no memory", ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, NULL), EFAULT);
    memcpy(edge + PAGE - 4, &(uint32_t){sizeof(argument.bind)}, 4);
    TRY("BIND at half no memory", ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, edge + PAGE - 4), EFAULT);
    close(null);
}

static void device_structs(void)
{
    struct {
        union {
            struct vfio_device_info info;
            struct vfio_region_info region;
            struct vfio_irq_info irq;
            struct vfio_irq_set set;
            struct vfio_device_feature feature;
            struct vfio_device_attach_iommufd_pt attach;
            struct vfio_device_detach_iommufd_pt detach;
            uint32_t argsz;
            uint8_t bytes[128];
        };
    } a;
    static const struct {
        const char *name;
        unsigned long number;
        uint32_t size, least;
        int outcome;
    } structs[] = {
        {"GET_INFO", VFIO_DEVICE_GET_INFO, sizeof(struct vfio_device_info), 16, 0},
        {"GET_REGION_INFO", VFIO_DEVICE_GET_REGION_INFO, sizeof(struct vfio_region_info), 32, 0},
        {"GET_IRQ_INFO", VFIO_DEVICE_GET_IRQ_INFO, sizeof(struct vfio_irq_info), 16, 0},
        {"SET_IRQS", VFIO_DEVICE_SET_IRQS, sizeof(struct vfio_irq_set), 20, EINVAL},
        {"ATTACH", VFIO_DEVICE_ATTACH_IOMMUFD_PT, sizeof(struct vfio_device_attach_iommufd_pt), 12, ENOENT},
        {"FEATURE", VFIO_DEVICE_FEATURE, sizeof(struct vfio_device_feature), 8, ENOTTY},
    };
    for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
        char what[128];
#define DEVICE(label, wanted, ...)                                                            \
    do {                                                                                      \
        memset(&a, 0, sizeof(a));                                                             \
        a.argsz = structs[i].size;                                                            \
        if (structs[i].number == VFIO_DEVICE_ATTACH_IOMMUFD_PT)                               \
            a.attach.pt_id = 999;                                                             \
        if (structs[i].number == VFIO_DEVICE_FEATURE)                                         \
            a.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION;        \
        __VA_ARGS__;                                                                          \
        snprintf(what, sizeof(what), "%s %s", structs[i].name, label);                        \
        TRY(what, ioctl(cdev, structs[i].number, &a), wanted);                                \
    } while (0)
        DEVICE("as it is", structs[i].outcome, );
        DEVICE("of size 0", EINVAL, a.argsz = 0);
        DEVICE("one byte short", EINVAL, a.argsz = structs[i].least - 1);
        DEVICE("of least size", structs[i].outcome, a.argsz = structs[i].least);
        /* unlike iommufd's, these ioctls ignore what comes after */
        DEVICE("with a dirty tail", structs[i].outcome, (a.argsz = 128, memset(a.bytes + structs[i].size, DIRTY, 60)));
        snprintf(what, sizeof(what), "%s at unreadable memory", structs[i].name);
        TRY(what, ioctl(cdev, structs[i].number, NULL), EFAULT);
        TRY(what, ioctl(cdev, structs[i].number, edge + PAGE), EFAULT);
        TRY(what, ioctl(cdev, structs[i].number, (void *)0xffff800000000000ul), EFAULT);
        memset(&a, 0, sizeof(a));
        a.argsz = structs[i].size;
        memcpy(edge + PAGE - 4, &a, 4);
        TRY(what, ioctl(cdev, structs[i].number, edge + PAGE - 4), EFAULT);
    }
    TRY("DETACH of size 0", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, memset(&a, 0, sizeof(a))), EINVAL);
    a.argsz = 7;
    TRY("DETACH short", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &a), EINVAL);
    a.argsz = 8;
    a.detach.flags = 2;
    TRY("DETACH flags", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &a), EINVAL);
    a.detach.flags = VFIO_DEVICE_DETACH_PASID;
    TRY("DETACH a PASID without room for it", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &a), EINVAL);
    TRY("DETACH at no memory", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL), EFAULT);
    unchanged("the device's structs");
}

static void device_fields(void)
{
    uint32_t pt;
    struct vfio_device_attach_iommufd_pt at = {.argsz = sizeof(at), .flags = 2, .pt_id = ioas};
    TRY("ATTACH flags", ioctl(cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &at), EINVAL);
    at = (struct vfio_device_attach_iommufd_pt){.argsz = 12, .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = ioas};
    TRY("ATTACH a PASID without room for it", ioctl(cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &at), EINVAL);
    TRY("ATTACH to nothing", attach(cdev, (pt = 0, &pt)), ENOENT);
    TRY("ATTACH to ~0", attach(cdev, (pt = UINT32_MAX, &pt)), ENOENT);
    TRY("ATTACH to a device", attach(cdev, (pt = device.id, &pt)), EINVAL);
    unchanged("ATTACH");

    struct vfio_region_info region = {.argsz = sizeof(region), .index = VFIO_PCI_NUM_REGIONS};
    TRY("GET_REGION_INFO past the last", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), EINVAL);
    region.index = UINT32_MAX;
    TRY("GET_REGION_INFO ~0", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), EINVAL);
    region.index = VFIO_PCI_VGA_REGION_INDEX;
    TRY("GET_REGION_INFO of a VGA that is none", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), EINVAL);
    region.index = VFIO_PCI_BAR5_REGION_INDEX;
    TRY("GET_REGION_INFO of a BAR that is none", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), 0);
    expect_eq(region.size, 0);
    expect_eq(region.flags, 0);
    region.index = VFIO_PCI_ROM_REGION_INDEX;
    TRY("GET_REGION_INFO of a ROM that is none", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), 0);
    expect_eq(region.size, 0);
    struct vfio_irq_info irq = {.argsz = sizeof(irq), .index = VFIO_PCI_NUM_IRQS};
    TRY("GET_IRQ_INFO past the last", ioctl(cdev, VFIO_DEVICE_GET_IRQ_INFO, &irq), EINVAL);
    irq.index = UINT32_MAX;
    TRY("GET_IRQ_INFO ~0", ioctl(cdev, VFIO_DEVICE_GET_IRQ_INFO, &irq), EINVAL);

    int event = new_eventfd(), null = must(open("/dev/null", O_RDWR)), closed = 12345;
    const uint32_t msi = VFIO_PCI_MSI_IRQ_INDEX;
    TRY("SET_IRQS index", set_irqs(cdev, VFIO_PCI_NUM_IRQS, TRIGGER_EVENTFD, 0, 1, &event), EINVAL);
    TRY("SET_IRQS flags", set_irqs(cdev, msi, TRIGGER_EVENTFD | 1u << 6, 0, 1, &event), EINVAL);
    TRY("SET_IRQS no data type", set_irqs(cdev, msi, VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, NULL), EINVAL);
    TRY("SET_IRQS two data types", set_irqs(cdev, msi, TRIGGER_EVENTFD | TRIGGER_NONE, 0, 1, &event), EINVAL);
    TRY("SET_IRQS no action", set_irqs(cdev, msi, VFIO_IRQ_SET_DATA_EVENTFD, 0, 1, &event), ENOTTY);
    TRY("SET_IRQS two actions", set_irqs(cdev, msi, TRIGGER_EVENTFD | VFIO_IRQ_SET_ACTION_MASK, 0, 1, &event), ENOTTY);
    TRY("SET_IRQS past the last", set_irqs(cdev, msi, TRIGGER_EVENTFD, 1, 1, &event), EINVAL);
    TRY("SET_IRQS too many", set_irqs(cdev, msi, TRIGGER_NONE, 0, 2, NULL), EINVAL);
    TRY("SET_IRQS overflow", set_irqs(cdev, msi, TRIGGER_NONE, UINT32_MAX, 2, NULL), EINVAL);
    TRY("SET_IRQS overflow", set_irqs(cdev, msi, TRIGGER_NONE, 0, UINT32_MAX, NULL), EINVAL);
    TRY("SET_IRQS without its data", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, NULL), EINVAL);
    TRY("SET_IRQS an fd that is not open", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, &closed), EBADF);
    TRY("SET_IRQS an fd of something else", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, &null), EINVAL);
    TRY("SET_IRQS trigger before any", set_irqs(cdev, msi, TRIGGER_NONE, 0, 1, NULL), EINVAL);
    TRY("SET_IRQS mask of an MSI", set_irqs(cdev, msi, MASK_NONE, 0, 1, NULL), ENOTTY);
    TRY("SET_IRQS trigger off before any", irqs_off(cdev, msi), EINVAL);
    uint8_t half[sizeof(struct vfio_irq_set)];
    struct vfio_irq_set set = {.argsz = sizeof(set) + 4, .flags = TRIGGER_EVENTFD, .index = msi, .count = 1};
    memcpy(half, &set, sizeof(half));
    memcpy(edge + PAGE - sizeof(half), half, sizeof(half));
    TRY("SET_IRQS whose data leaves the memory", ioctl(cdev, VFIO_DEVICE_SET_IRQS, edge + PAGE - sizeof(half)), EFAULT);
    /* after all that it can still be enabled: no call left it half done */
    TRY("SET_IRQS", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, &event), 0);
    TRY("SET_IRQS off", irqs_off(cdev, msi), 0);
    close(null);
    close(event);

    struct vfio_device_feature feature = {.argsz = sizeof(feature)};
#define FEATURE(what, wanted, bits)                                                           \
    do {                                                                                      \
        feature.flags = (bits);                                                               \
        TRY("FEATURE " what, ioctl(cdev, VFIO_DEVICE_FEATURE, &feature), wanted);             \
    } while (0)
    FEATURE("flags", EINVAL, VFIO_DEVICE_FEATURE_GET | 1u << 30);
    FEATURE("get and set", EINVAL, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET);
    FEATURE("unknown", ENOTTY, VFIO_DEVICE_FEATURE_GET | 0xffff);
    FEATURE("unknown, probed", ENOTTY, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET | 0xffff);
    FEATURE("migration", ENOTTY, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION);
    FEATURE("dirty logging", ENOTTY,
            VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START);
    FEATURE("token of what has no VFs", ENOTTY,
            VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN);

    /* regions by pread and pwrite */
    uint8_t bytes[16] = {0};
    struct vfio_region_info config = region_info(cdev, VFIO_PCI_CONFIG_REGION_INDEX);
    TRY("pread past the config space", pread(cdev, bytes, 4, (off_t)(config.offset + config.size)), EFAULT);
    TRY("pread past all regions", pread(cdev, bytes, 4, (off_t)((uint64_t)(VFIO_PCI_NUM_REGIONS + 1) << 40)), EINVAL);
    TRY("pread of a BAR that is none",
        pread(cdev, bytes, 4, (off_t)region_info(cdev, VFIO_PCI_BAR5_REGION_INDEX).offset), EINVAL);
    TRY("pwrite to the ROM", pwrite(cdev, bytes, 4, (off_t)region_info(cdev, VFIO_PCI_ROM_REGION_INDEX).offset),
        EINVAL);
    TRY("pread of a BAR past its end",
        pread(cdev, bytes, 4,
              (off_t)(region_info(cdev, VFIO_PCI_BAR0_REGION_INDEX).offset +
                      region_info(cdev, VFIO_PCI_BAR0_REGION_INDEX).size)), EINVAL);
    TRY("pread into no memory", pread(cdev, edge + PAGE, 4, (off_t)config.offset), EFAULT);
    TRY("pwrite from no memory", pwrite(cdev, edge + PAGE, 4, (off_t)config.offset + PCI_COMMAND), EFAULT);
    TRY("pread of nothing", pread(cdev, bytes, 0, (off_t)config.offset), 0);
    TRY("pread at a negative offset", pread(cdev, bytes, 4, -4), EINVAL);
    /* mappings of nothing */
#define MMAP(what, wanted, length, share, offset)                                             \
    TRY("mmap " what, mmap(NULL, length, PROT_READ, share, cdev, (off_t)(offset)) == MAP_FAILED ? -1 : 0, wanted)
    struct vfio_region_info bar = region_info(cdev, VFIO_PCI_BAR0_REGION_INDEX);
    MMAP("of the config space", EINVAL, PAGE, MAP_SHARED, config.offset);
    MMAP("of a BAR that is none", EINVAL, PAGE, MAP_SHARED, region_info(cdev, VFIO_PCI_BAR5_REGION_INDEX).offset);
    MMAP("of more than a BAR", EINVAL, bar.size + PAGE, MAP_SHARED, bar.offset);
    MMAP("past a BAR", EINVAL, PAGE, MAP_SHARED, bar.offset + bar.size);
    MMAP("of a private BAR", EINVAL, PAGE, MAP_PRIVATE, bar.offset);
    unchanged("the device's fields");
}

static void numbers(void)
{
    uint8_t bytes[64] = {64};
    for (unsigned number = 0; number < 0x64; number++)
        TRY("an unknown number below", ioctl(cdev, _IO(';', number), bytes), ENOTTY);
    for (unsigned number = 0x80; number < 0xe0; number++) /* from there on the numbers are not Linux's (ioasis.h) */
        TRY("an unknown number above", ioctl(cdev, _IO(';', number), bytes), ENOTTY);
    TRY("a number of another type", ioctl(cdev, _IO('T', 0x6b), bytes), ENOTTY);
    TRY("a number with a direction", ioctl(cdev, _IOW(';', 0x6b, struct vfio_device_info), bytes), ENOTTY);
    unchanged("unknown numbers");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    set_up_iommu();
    int fd = open_cdev(bdf);
    before_bind(fd);
    binding(fd);
    set_up_device(fd);

    TRY("BIND twice", bind_iommufd(cdev, iommu, NULL), EINVAL);
    int another = open_cdev(bdf);
    TRY("BIND what another open file has bound", bind_iommufd(another, iommu, NULL), EINVAL);
    TRY("GET_INFO of a device that another open file has bound", ioctl(another, VFIO_DEVICE_GET_INFO, &device.info),
        EINVAL);
    close(another);

    device_structs();
    device_fields();
    numbers();
    return verdict();
}
