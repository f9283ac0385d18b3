/* SPDX-License-Identifier: MIT */
/*
 * What an emulated mdev answers through its node, its group and a container, and how it is removed while it is open.
 * Prints one line for each call.
 * usage: mdev_probe UUID CONTAINER
 */
#include "mdev.h"
#include <sys/stat.h>
#include <sys/wait.h>

static int device, iommu;
static uint32_t device_id;
static char node[300], text[300];

static void find_node(const char *uuid)
{
    snprintf(text, sizeof text, "/sys/bus/mdev/devices/%s/vfio-dev", uuid);
    DIR *directory = opendir(text);
    if (!directory)
        fail("expected %s to be a directory", text);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (!strncmp(entry->d_name, "vfio", 4))
            snprintf(node, sizeof node, "/dev/vfio/devices/%.200s", entry->d_name);
    closedir(directory);
    printf("== node %s\n", node);
}

static int bind_to(int file, int context, uint32_t *id)
{
    struct vfio_device_bind_iommufd bind = {.argsz = sizeof bind, .iommufd = context};
    int result = ioctl(file, VFIO_DEVICE_BIND_IOMMUFD, &bind);
    *id = bind.out_devid;
    return result;
}

static void bind_device(void)
{
    char bytes[4];
    uint32_t ignored;
    uint8_t token[16] = {0};
    struct vfio_device_info info = {.argsz = sizeof info};
    struct vfio_irq_info irq = {.argsz = sizeof irq};
    device = open(node, O_RDWR);
    iommu = open("/dev/iommu", O_RDWR);
    struct vfio_device_bind_iommufd with_token = {
        .argsz = sizeof with_token, .iommufd = iommu, .flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
        .token_uuid_ptr = addr(token)};

    ASK("before bind: GET_INFO", ioctl(device, VFIO_DEVICE_GET_INFO, &info));
    ASK("before bind: unknown ioctl", ioctl(device, _IO(';', 250)));
    ASK("before bind: pread", pread(device, bytes, 4, 7ULL << 40));
    ASK("BIND with a token", ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &with_token));
    ASK("BIND", bind_to(device, iommu, &device_id));
    printf("   devid %u\n", device_id);
    ASK("BIND again, same file", bind_to(device, iommu, &ignored));
    int second = open(node, O_RDWR); /* stays open: later descriptors have the numbers that were recorded */
    ASK("BIND through another file", bind_to(second, iommu, &ignored));
    ASK("GET_IRQ_INFO before GET_INFO", ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &irq));
}

static void describe(void)
{
    struct vfio_device_info info = {.argsz = 16};
    ASK("GET_INFO argsz 16", ioctl(device, VFIO_DEVICE_GET_INFO, &info));
    printf("   argsz %u flags 0x%x regions %u irqs %u\n", info.argsz, info.flags, info.num_regions, info.num_irqs);
    info.argsz = sizeof info;
    info.cap_offset = 77;
    ASK("GET_INFO full", ioctl(device, VFIO_DEVICE_GET_INFO, &info));
    printf("   argsz %u flags 0x%x regions %u irqs %u cap_offset %u\n", info.argsz, info.flags, info.num_regions,
        info.num_irqs, info.cap_offset);
    info.argsz = 15;
    ASK("GET_INFO argsz 15", ioctl(device, VFIO_DEVICE_GET_INFO, &info));

    for (int i = 0; i < 18; i++) {
        struct {
            struct vfio_region_info info;
            char more[256];
        } region = {.info = {.argsz = sizeof region, .index = i}};
        snprintf(text, sizeof text, "REGION_INFO %d", i);
        if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region))
            answer(text, -1);
        else
            printf("%-20s flags 0x%x size 0x%llx offset 0x%llx cap_offset %u argsz %u\n", text, region.info.flags,
                region.info.size, region.info.offset, region.info.cap_offset, region.info.argsz);
    }

    for (int i = 0; i < 7; i++) {
        struct vfio_irq_info irq = {.argsz = sizeof irq, .index = i};
        snprintf(text, sizeof text, "IRQ_INFO %d", i);
        if (ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &irq))
            answer(text, -1);
        else
            printf("%-20s flags 0x%x count %u\n", text, irq.flags, irq.count);
    }
}

static void other_calls(void)
{
    struct {
        struct vfio_pci_hot_reset_info info;
        char more[256];
    } hot_info = {.info = {.argsz = sizeof hot_info}};
    struct vfio_pci_hot_reset hot_reset = {.argsz = sizeof hot_reset};
    struct vfio_device_ioeventfd event = {.argsz = sizeof event};
    struct vfio_device_gfx_plane_info region = {
        .argsz = sizeof region, .flags = VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_REGION};
    struct vfio_device_gfx_plane_info dmabuf = {
        .argsz = sizeof dmabuf, .flags = VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_DMABUF};
    struct {
        struct vfio_device_feature feature;
        char data[128];
    } feature;

    ASK("unknown ioctl 250", ioctl(device, _IO(';', 250)));
    ASK("HOT_RESET_INFO", ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &hot_info));
    ASK("HOT_RESET", ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, &hot_reset));
    ASK("IOEVENTFD", ioctl(device, VFIO_DEVICE_IOEVENTFD, &event));
    ASK("QUERY_GFX_PLANE probe region", ioctl(device, VFIO_DEVICE_QUERY_GFX_PLANE, &region));
    ASK("QUERY_GFX_PLANE probe dmabuf", ioctl(device, VFIO_DEVICE_QUERY_GFX_PLANE, &dmabuf));
    for (int i = 0; i < 14; i++) {
        memset(&feature, 0, sizeof feature);
        feature.feature.argsz = sizeof feature;
        feature.feature.flags = i | VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_PROBE;
        snprintf(text, sizeof text, "FEATURE %d probe get", i);
        ASK(text, ioctl(device, VFIO_DEVICE_FEATURE, &feature));
    }

    ASK("RESET", ioctl(device, VFIO_DEVICE_RESET));
}

static void ask_irqs(const char *what, uint32_t flags, uint32_t index, uint32_t count, int event)
{
    struct {
        struct vfio_irq_set set;
        int events[4];
    } request = {.set = {.argsz = sizeof request, .flags = flags, .index = index, .count = count}};
    request.events[0] = event;
    ASK(what, ioctl(device, VFIO_DEVICE_SET_IRQS, &request));
}

static void read_event(int event)
{
    uint64_t value = 0;
    ssize_t length = read(event, &value, sizeof value);
    printf("   eventfd read %zd value %" PRIu64 "\n", length, value);
}

static void interrupts(void)
{
    const uint32_t none = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
    const uint32_t eventfds = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    int event = eventfd(0, EFD_NONBLOCK);
    ask_irqs("SET_IRQS INTx trigger none count 0, nothing set", none, 0, 0, 0);
    ask_irqs("SET_IRQS INTx trigger none count 1, nothing set", none, 0, 1, 0);
    ask_irqs("SET_IRQS INTx eventfd", eventfds, 0, 1, event);
    ask_irqs("SET_IRQS INTx trigger none (fires)", none, 0, 1, 0);
    read_event(event);
    ask_irqs("SET_IRQS INTx trigger again (masked)", none, 0, 1, 0);
    read_event(event);
    ask_irqs("SET_IRQS INTx unmask none", VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, 0, 1, 0);
    ask_irqs("SET_IRQS INTx unmask eventfd", VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, 0, 1, event);
    ask_irqs("SET_IRQS MSI eventfd while INTx", eventfds, 1, 1, event);
    ask_irqs("SET_IRQS INTx off (fd -1)", eventfds, 0, 1, -1);
    ask_irqs("SET_IRQS MSI eventfd", eventfds, 1, 1, event);
    ask_irqs("SET_IRQS MSI two vectors", eventfds, 1, 2, event);
    ask_irqs("SET_IRQS MSI off", none, 1, 0, 0);
    ask_irqs("SET_IRQS MSIX eventfd", eventfds, 2, 1, event);
    ask_irqs("SET_IRQS ERR eventfd", eventfds, 3, 1, event);
    ask_irqs("SET_IRQS REQ eventfd", eventfds, 4, 1, event);
    ask_irqs("SET_IRQS index 5", eventfds, 5, 1, event);
    ask_irqs("SET_IRQS bad flags", 0x100, 0, 1, event);
}

static struct vfio_region_info region_of(uint32_t index)
{
    struct vfio_region_info region = {.argsz = sizeof region, .index = index};
    expect(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region) == 0);
    return region;
}

static void regions(void)
{
    unsigned char bytes[64];
    uint32_t ones = ~0u, bar = 0;
    uint16_t all = 7, command = 0;
    unsigned char letter = 'A', value = 0;
    struct vfio_region_info config = region_of(VFIO_PCI_CONFIG_REGION_INDEX), port = region_of(0);
    if (ASK("pread config 64", pread(device, bytes, 64, config.offset)) == 64) {
        for (int i = 0; i < 64; i++)
            printf("%s%02x", i % 16 ? " " : "\n   ", bytes[i]);
        printf("\n");
    }

    ASK("pread config beyond its end (8 at size)", pread(device, bytes, 8, config.offset + config.size));
    ASK("pwrite BAR0 ones", pwrite(device, &ones, 4, config.offset + 0x10));
    expect(pread(device, &bar, 4, config.offset + 0x10) == 4);
    printf("   BAR0 reads 0x%x\n", bar);
    ASK("pwrite command 7", pwrite(device, &all, 2, config.offset + 4));
    expect(pread(device, &command, 2, config.offset + 4) == 2);
    printf("   command reads 0x%x\n", command);
    ASK("pwrite BAR0 offset 0", pwrite(device, &letter, 1, port.offset));
    ASK("pread BAR0 offset 0", pread(device, &value, 1, port.offset));
    printf("   read back 0x%x\n", value);
    ASK("pread BAR0 offset 5 (LSR)", pread(device, &value, 1, port.offset + 5));
    printf("   0x%x\n", value);
    ASK("pread BAR0 beyond its end", pread(device, bytes, 4, port.offset + port.size));
    ASK("pread region 2", pread(device, bytes, 4, 2ULL << 40));
    ASK("pread region 8", pread(device, bytes, 4, 8ULL << 40));
    ASK("pread region 12", pread(device, bytes, 4, 12ULL << 40));
    ASK("read at the file position", read(device, bytes, 4));
    ASK("lseek", lseek(device, 0, SEEK_END));
    void *mapping = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, port.offset);
    printf("%-58s -> %s\n", "mmap BAR0", mapping == MAP_FAILED ? last_error() : "ok");
    struct pollfd poll_device = {.fd = device, .events = POLLIN};
    ASK("poll", poll(&poll_device, 1, 0));
    printf("   revents 0x%x\n", poll_device.revents);
}

static uint32_t new_ioas(void)
{
    struct iommu_ioas_alloc alloc = {.size = sizeof alloc};
    expect(ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc) == 0);
    return alloc.out_ioas_id;
}

static int destroy_object(uint32_t id)
{
    struct iommu_destroy call = {.size = sizeof call, .id = id};
    return ioctl(iommu, IOMMU_DESTROY, &call);
}

static void print_pins(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(text, sizeof text, status))
        if (!strncmp(text, "VmPin", 5) || !strncmp(text, "VmLck", 5))
            printf("   %s", text);
    fclose(status);
}

static void attaching(void)
{
    struct {
        uint32_t argsz, flags, pt_id, pasid;
    } with_pasid = {16, VFIO_DEVICE_ATTACH_PASID, 0, 5};
    struct {
        uint32_t argsz, flags, pasid;
    } detach_pasid = {12, VFIO_DEVICE_DETACH_PASID, 5};
    struct vfio_device_detach_iommufd_pt detach = {.argsz = 8};
    char data[256];
    uint32_t first = new_ioas(), second = new_ioas();
    struct iommu_hw_info info = {
        .size = sizeof info, .dev_id = device_id, .data_len = sizeof data, .data_uptr = addr(data)};
    struct iommu_hwpt_alloc hwpt = {.size = sizeof hwpt, .dev_id = device_id, .pt_id = first};
    struct vfio_device_attach_iommufd_pt to = {.argsz = 12, .pt_id = 9999};

    printf("   IOAS %u and %u\n", first, second);
    ASK("GET_HW_INFO of the mdev's ID", ioctl(iommu, IOMMU_GET_HW_INFO, &info));
    ASK("HWPT_ALLOC for the mdev", ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
    ASK("ATTACH to no object", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &to));
    to.pt_id = device_id;
    ASK("ATTACH to its own ID", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &to));
    with_pasid.pt_id = first;
    ASK("ATTACH with PASID", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &with_pasid));
    with_pasid.argsz = 12;
    ASK("ATTACH with PASID, argsz 12", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &with_pasid));
    with_pasid.flags = 2;
    ASK("ATTACH flag 2", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &with_pasid));
    ASK("DETACH with PASID", ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach_pasid));
    ASK("DETACH while not attached", ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
    to.pt_id = first;
    ASK("ATTACH to IOAS", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &to));
    printf("   pt_id %u\n", to.pt_id);
    ASK("ATTACH again, same IOAS", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &to));
    to.pt_id = second;
    ASK("ATTACH moves to the other IOAS", ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &to));
    ASK("DESTROY the IOAS it left", destroy_object(first));
    ASK("DESTROY the IOAS it is in", destroy_object(second));
    ASK("DESTROY the mdev's ID", destroy_object(device_id));

    struct iommu_iova_range ranges[8];
    struct iommu_ioas_iova_ranges allowed = {
        .size = sizeof allowed, .ioas_id = second, .num_iovas = 8, .allowed_iovas = addr(ranges)};
    ASK("IOVA_RANGES", ioctl(iommu, IOMMU_IOAS_IOVA_RANGES, &allowed));
    printf("   %u ranges, first 0x%llx-0x%llx, alignment %llu\n", allowed.num_iovas, ranges[0].start, ranges[0].last,
        allowed.out_iova_alignment);
    char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iommu_ioas_map map = {.size = sizeof map, .ioas_id = second, .flags = RW | FIXED, .user_va = addr(memory),
        .length = PAGE, .iova = 0xfee00000};
    ASK("MAP at 0xfee00000 (the MSI window)", ioctl(iommu, IOMMU_IOAS_MAP, &map));
    map.iova = 0x1000;
    map.length = 100;
    ASK("MAP of 100 bytes", ioctl(iommu, IOMMU_IOAS_MAP, &map));
    map.length = PAGE;
    map.user_va++;
    ASK("MAP with an odd pointer", ioctl(iommu, IOMMU_IOAS_MAP, &map));
    map.user_va--;
    ASK("MAP", ioctl(iommu, IOMMU_IOAS_MAP, &map));
    print_pins();
    struct iommu_ioas_unmap unmap = {.size = sizeof unmap, .ioas_id = second, .iova = 0x1000, .length = PAGE};
    ASK("UNMAP", ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap));
    ASK("DETACH", ioctl(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
    ASK("IOAS DESTROY after detach", destroy_object(second));
}

static void describe_file(void)
{
    struct stat found;
    snprintf(text, sizeof text, "/proc/self/fdinfo/%d", device);
    FILE *file = fopen(text, "r");
    while (fgets(text, sizeof text, file))
        if (strstr(text, "vfio"))
            printf("   fdinfo: %s", text);
    fclose(file);
    expect(fstat(device, &found) == 0);
    printf("   node: major %u minor %u mode %o\n", (unsigned)(found.st_rdev >> 8), (unsigned)(found.st_rdev & 255),
        found.st_mode);
}

static void by_group(const char *uuid, const char *container_path)
{
    char link[300], group_path[300];
    snprintf(text, sizeof text, "/sys/bus/mdev/devices/%s/iommu_group", uuid);
    ssize_t length = readlink(text, link, sizeof link - 1);
    expect(length > 0);
    link[length] = 0;
    printf("   iommu_group -> %s\n", link);
    snprintf(group_path, sizeof group_path, "/dev/vfio/%.100s", strrchr(link, '/') + 1);
    ASK("open group while the node is bound", open(group_path, O_RDWR));
    close(5); /* the second file of the node */
    close(device);

    int group = ASK("open group", open(group_path, O_RDWR));
    struct vfio_group_status status = {.argsz = sizeof status};
    ASK("GET_STATUS", ioctl(group, VFIO_GROUP_GET_STATUS, &status));
    printf("   flags %u\n", status.flags);
    int container = open(container_path, O_RDWR);
    struct vfio_iommu_type1_info info = {.argsz = sizeof info};
    struct vfio_device_info device_info = {.argsz = sizeof device_info};
    struct vfio_device_attach_iommufd_pt to = {.argsz = 12};
    ASK("GET_DEVICE_FD without container", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, uuid));
    ASK("SET_CONTAINER", ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
    ASK("SET_IOMMU type1v2", ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
    ASK("IOMMU_GET_INFO", ioctl(container, VFIO_IOMMU_GET_INFO, &info));
    printf("   flags 0x%x pgsizes 0x%llx argsz %u\n", info.flags, info.iova_pgsizes, info.argsz);
    ASK("CHECK_EXTENSION DMA_CC", ioctl(container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
    ASK("GET_DEVICE_FD wrong name", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "nothing"));
    int opened = ASK("GET_DEVICE_FD uuid", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, uuid));
    ASK("GET_INFO through the group", ioctl(opened, VFIO_DEVICE_GET_INFO, &device_info));
    info.argsz = sizeof info;
    ASK("IOMMU_GET_INFO with the device", ioctl(container, VFIO_IOMMU_GET_INFO, &info));
    printf("   flags 0x%x pgsizes 0x%llx argsz %u\n", info.flags, info.iova_pgsizes, info.argsz);
    ASK("second GET_DEVICE_FD", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, uuid));
    ASK("ATTACH on a group's device", ioctl(opened, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &to));
    for (int file = 3; file < 40; file++)
        close(file);
}

/* A child writes to remove, while this process has the device open. */
static void remove_while_open(const char *uuid)
{
    struct stat found;
    struct vfio_device_info info = {.argsz = sizeof info};
    char folder[200], attribute[220], type[220], link[200];
    int ended;
    snprintf(folder, sizeof folder, "/sys/bus/mdev/devices/%s", uuid);
    snprintf(attribute, sizeof attribute, "%s/remove", folder);
    snprintf(type, sizeof type, "%s/mdev_type", folder);
    device = open(node, O_RDWR);
    iommu = open("/dev/iommu", O_RDWR);
    ASK("BIND, before remove", bind_to(device, iommu, &device_id));
    pid_t child = fork();
    if (child == 0) {
        close(device);
        close(iommu);
        int file = open(attribute, O_WRONLY);
        errno = 0;
        long written = write(file, "1", 1);
        printf("   child: write of 1 to remove returned %ld %s\n", written, written < 0 ? last_error() : "");
        exit(0);
    }

    while (stat(folder, &found) == 0) /* until the child's write has begun */
        sched_yield();
    printf("   the writer has %s\n", waitpid(child, &ended, WNOHANG) == child ? "returned" : "not returned");
    ASK("   second open of remove", open(attribute, O_WRONLY));
    ASK("   stat of the device folder", stat(folder, &found));
    ASK("   open of its node", open(node, O_RDWR));
    ASK("   GET_INFO meanwhile", ioctl(device, VFIO_DEVICE_GET_INFO, &info));
    ASK("   mdev_type link", readlink(type, link, sizeof link));
    printf("   ");
    expect(system("cat /sys/class/mdev_bus/*/mdev_supported_types/*/available_instances | tr '\\n' ' ';"
                  "ls /dev/vfio /dev/vfio/devices | tr '\\n' ' '; echo") == 0);
    close(device);
    close(iommu);
    waitpid(child, &ended, 0);
    printf("   the writer has returned after the close\n");
    ASK("stat of the device folder", stat(folder, &found));
}

int main(int argc, char **argv)
{
    expect(argc == 3);
    setvbuf(stdout, NULL, _IONBF, 0);
    find_node(argv[1]);
    bind_device();
    describe();
    other_calls();
    interrupts();
    regions();
    attaching();
    describe_file();
    by_group(argv[1], argv[2]);
    remove_while_open(argv[1]);
    return 0;
}
