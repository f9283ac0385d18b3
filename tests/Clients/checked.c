/* SPDX-License-Identifier: MIT */
/*
 * Makes one mistake with DMA; with "right" does the same without it. For tests of `ioasis run --check`.
 * usage: checked BDF MISTAKE [right|waits] (a dmatest)
 */
#include <sys/syscall.h>

#include "dmatest.h"

#define IOVA 0x200000
#define FEATURES 0x30
#define USE_PRI 2

static int iommu;
static uint32_t ioas;
static struct dmatest test;
static uint8_t *memory;
static const char *bdf;
static bool right;

static void set_up(enum how how)
{
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    test = open_dmatest(bdf, iommu, how);
    memory = pages(2);
    uint32_t pt = ioas;
    must(attach(test.device.fd, &pt));
}

static void map_memory(uint32_t access)
{
    must(map_at(iommu, ioas, memory, PAGE, IOVA, access));
}

static void map_file(void)
{
    int file = must(memfd_create("checked", MFD_CLOEXEC));
    must(ftruncate(file, PAGE));
    memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    expect(memory != MAP_FAILED);
    struct iommu_ioas_map_file arguments = {
        .size = sizeof(arguments), .flags = RW | FIXED, .ioas_id = ioas, .fd = file, .length = PAGE, .iova = IOVA};
    must(ioctl(iommu, IOMMU_IOAS_MAP_FILE, &arguments));
}

static void dma_unmapped(void)
{
    map_memory(RW);
    dma(&test, right ? IOVA : IOVA + PAGE, 64, 0);
}

static void dma_after_unmap(void)
{
    map_memory(RW);
    if (right)
        dma(&test, IOVA, 64, 0);
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
    if (!right)
        dma(&test, IOVA + 0x40, 64, 0);
}

static void dma_after_detach(void)
{
    map_memory(RW);
    if (right)
        dma(&test, IOVA, 64, 0);
    must(detach(test.device.fd));
    if (!right)
        dma(&test, IOVA, 64, 0);
}

static void dma_no_permission(void)
{
    map_memory(right ? RW : IOMMU_IOAS_MAP_READABLE);
    dma(&test, IOVA, 64, 0);
}

static void dma_into_freed_memory(void)
{
    map_memory(RW);
    if (!right)
        must(munmap(memory, 2 * PAGE));
    dma(&test, IOVA, 64, 0);
}

static void dma_no_bus_master(void)
{
    map_memory(RW);
    if (!right)
        bus_master(&test.device, false);
    dma(&test, IOVA, 64, 0);
}

static void ignored_errno(void)
{
    map_memory(RW);
    if (right)
        expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
    /* two pages, of which the first is taken: refused */
    expect_eq(map_at(iommu, ioas, memory, 2 * PAGE, IOVA, RW) == 0, right);
    dma(&test, IOVA + PAGE, 64, 0);
}

/* a HWPT with a queue, and a device that asks for a page and waits */
static struct iommu_hwpt_pgfault ask_for_page(int *queue)
{
    struct iommu_fault_alloc alloc = {.size = sizeof(alloc)};
    must(ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &alloc));
    struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
                                    .flags = IOMMU_HWPT_FAULT_ID_VALID,
                                    .dev_id = test.device.id,
                                    .pt_id = ioas,
                                    .fault_id = alloc.out_fault_id};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
    uint32_t pt = hwpt.out_hwpt_id;
    must(attach(test.device.fd, &pt));
    bar_write32(&test.registers, FEATURES, USE_PRI);
    dma_start(&test, IOVA, 64, 0);
    *queue = (int)alloc.out_fault_fd;
    struct pollfd poll_fd = {.fd = *queue, .events = POLLIN};
    struct iommu_hwpt_pgfault fault;
    expect_eq(poll(&poll_fd, 1, PATIENCE_SECONDS * 1000), 1);
    expect_eq(read(*queue, &fault, sizeof(fault)), sizeof(fault));
    return fault;
}

static void answer(int queue, uint32_t cookie)
{
    struct iommu_hwpt_page_response response = {.cookie = cookie, .code = IOMMUFD_PAGE_RESP_SUCCESS};
    expect_eq(write(queue, &response, sizeof(response)), sizeof(response));
}

static void page_request_unanswered(void)
{
    int queue;
    struct iommu_hwpt_pgfault fault = ask_for_page(&queue);
    if (right) {
        map_memory(RW);
        answer(queue, fault.cookie);
        dma_wait(&test);
    }
    bar_write32(&test.registers, FEATURES, 0);
    must(detach(test.device.fd));
}

static void page_response_stray(void)
{
    int queue;
    struct iommu_hwpt_pgfault fault = ask_for_page(&queue);
    map_memory(RW);
    answer(queue, fault.cookie);
    dma_wait(&test);
    if (!right)
        answer(queue, fault.cookie);
    must(close(queue));
}

static void unused_mapping(void)
{
    map_memory(RW);
    if (right)
        dma(&test, IOVA, 64, 0);
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
}

static void shared_writable(void)
{
    map_memory(RW);
    must(map_at(iommu, ioas_alloc(iommu), right ? memory + PAGE : memory, PAGE, IOVA, RW));
}

static void leak(void)
{
    uint32_t left = ioas_alloc(iommu);
    if (right) {
        must(destroy(iommu, left));
        must(detach(test.device.fd));
        must(destroy(iommu, ioas));
    }
}

static void short_argsz(void)
{
    for (uint32_t index = 0; index < VFIO_PCI_NUM_REGIONS; index++) {
        struct {
            struct vfio_region_info info;
            uint8_t room[4096];
        } all = {.info = {.argsz = right ? sizeof(all) : sizeof(all.info), .index = index}};
        must(ioctl(test.device.fd, VFIO_DEVICE_GET_REGION_INFO, &all) == 0 || errno == EINVAL ? 0 : -1);
    }
}

static void newer_uapi(void)
{
    struct iommu_fault_alloc alloc = {.size = sizeof(alloc)};
    if (!right)
        must(ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &alloc));
}

/* A process without memory in common with us opens and maps, and ends; its descriptors are ours, too. */
static void device_left_running(void)
{
    struct {
        int iommu;
        struct dmatest test;
    } *common = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(common != MAP_FAILED);
    must(close(test.device.fd));
    must(close(iommu));
    pid_t child = (pid_t)must(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
    if (!child) {
        set_up(BY_PIO);
        map_memory(RW);
        *common = (__typeof__(*common)){.iommu = iommu, .test = test};
        _exit(0);
    }
    wait_until(has_ended_well(child));
    test = common->test;
    if (!right)
        dma(&test, IOVA, 64, 0);
}

static void store_in_pieces_of(uint32_t piece)
{
    int event = new_eventfd();
    uint8_t byte = 0;
    memset(memory, 1, PAGE);
    must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    bar_write32(&test.registers, DMATEST_VECTOR, 0);
    bar_write32(&test.registers, DMATEST_PAUSE, 20000);
    bar_write32(&test.registers, DMATEST_PIECE, piece);
    dma_start(&test, IOVA, 4 * piece, DMATEST_TO_DEVICE);
    /* the second piece has arrived, so the first is over */
    for (double deadline = now() + PATIENCE_SECONDS; byte != 1 && now() < deadline;)
        buffer_read(&test, piece, &byte, 1);
    if (!right)
        memory[0] = 2;
    wait_event(event);
    memory[0] = 2;
}

static void store_in_flight(void)
{
    map_memory(RW);
    store_in_pieces_of(1024);
}

static void store_in_short_flight(void)
{
    map_memory(RW);
    store_in_pieces_of(128);
}

static void store_in_file_in_flight(void)
{
    map_file();
    store_in_pieces_of(1024);
}

/* The device writes two pieces around the end of the first page. It has written the first, and pauses. */
static void write_half(void)
{
    map_memory(RW);
    must(map_at(iommu, ioas, memory + PAGE, PAGE, IOVA + PAGE, RW));
    uint8_t data[256];
    memset(data, 0xa5, sizeof(data));
    buffer_write(&test, 0, data, sizeof(data));
    volatile uint8_t *first = memory + PAGE - 128;
    *first = 0;
    bar_write32(&test.registers, DMATEST_PAUSE, 1500000);
    bar_write32(&test.registers, DMATEST_PIECE, 128);
    dma_start(&test, IOVA + PAGE - 128, 256, 0);
    wait_until(*first == 0xa5);
}

static void unmap_in_flight(void)
{
    write_half();
    if (right)
        dma_wait(&test);
    expect_eq(unmap(iommu, ioas, IOVA, PAGE), PAGE);
    dma_wait(&test);
}

static void drain_order(void)
{
    write_half();
    if (right)
        must(ioctl(test.device.fd, VFIO_DEVICE_RESET));
    expect_eq(unmap(iommu, ioas, IOVA, 2 * PAGE), 2 * PAGE);
    must(ioctl(test.device.fd, VFIO_DEVICE_RESET));
}

static void group_status(void)
{
    char link[64], target[256], path[64];
    snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", bdf);
    target[must(readlink(link, target, sizeof(target) - 1))] = 0;
    snprintf(path, sizeof(path), "/dev/vfio/%.32s", strrchr(target, '/') + 1);
    must(close(test.device.fd));
    int group = must(open(path, O_RDWR)), container = must(open("/dev/vfio/vfio", O_RDWR));
    struct vfio_group_status status = {.argsz = sizeof(status)};
    if (right)
        must(ioctl(group, VFIO_GROUP_GET_STATUS, &status));
    must(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
}

static void msi_without_eventfd(void)
{
    int events[2] = {new_eventfd(), new_eventfd()};
    map_memory(RW);
    must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, right ? 2 : 1, events));
    bar_write32(&test.registers, DMATEST_VECTOR, 1);
    dma(&test, IOVA, 64, 0);
}

/* A descriptor of -1 takes a vector's eventfd away, and leaves messages enabled. */
static void msi_without_any_eventfd(void)
{
    int events[2] = {-1, right ? new_eventfd() : -1};
    map_memory(RW);
    must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 2, events));
    bar_write32(&test.registers, DMATEST_VECTOR, 1);
    dma(&test, IOVA, 64, 0);
}

/* VFIO ignores the enable bit of MSI-X. A driver that knows it from a kernel sets it all the same. */
static void msi_in_configuration(void)
{
    uint8_t at = (uint8_t)config_read16(&test.device, PCI_CAPABILITY_LIST);
    while (at && (config_read16(&test.device, at) & 0xff) != PCI_CAP_ID_MSIX)
        at = (uint8_t)(config_read16(&test.device, at) >> 8);
    expect(at != 0);
    map_memory(RW);
    config_write16(&test.device, at + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
    int event = new_eventfd();
    if (right)
        must(set_irqs(test.device.fd, VFIO_PCI_MSIX_IRQ_INDEX, TRIGGER_EVENTFD, 0, 1, &event));
    bar_write32(&test.registers, DMATEST_VECTOR, 0);
    dma(&test, IOVA, 64, 0);
}

static void newer_flag(void)
{
    struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
                                    .flags = right ? 0 : IOMMU_HWPT_ALLOC_NEST_PARENT,
                                    .dev_id = test.device.id,
                                    .pt_id = ioas};
    must(ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
}

static const struct mistake {
    const char *name;
    void (*make)(void);
} mistakes[] = {
    {"dma-unmapped", dma_unmapped},
    {"dma-after-unmap", dma_after_unmap},
    {"dma-after-detach", dma_after_detach},
    {"dma-no-permission", dma_no_permission},
    {"dma-into-freed-memory", dma_into_freed_memory},
    {"dma-no-bus-master", dma_no_bus_master},
    {"ignored-errno", ignored_errno},
    {"page-request-unanswered", page_request_unanswered},
    {"page-response-stray", page_response_stray},
    {"unused-mapping", unused_mapping},
    {"shared-writable", shared_writable},
    {"leak", leak},
    {"short-argsz", short_argsz},
    {"newer-uapi", newer_uapi},
    {"group-status", group_status},
    {"store-in-flight", store_in_flight},
    {"store-in-short-flight", store_in_short_flight},
    {"store-in-file-in-flight", store_in_file_in_flight},
    {"unmap-in-flight", unmap_in_flight},
    {"drain-order", drain_order},
    {"msi-without-any-eventfd", msi_without_any_eventfd},
    {"msi-in-configuration", msi_in_configuration},
    {"newer-flag", newer_flag},
    {"device-left-running", device_left_running},
    {"msi-without-eventfd", msi_without_eventfd},
};

int main(int argc, char **argv)
{
    bool waits;
    bdf = argument(argc, argv, 1, "BDF of a dmatest");
    const char *name = argument(argc, argv, 2, "a mistake");
    right = argc > 3 && !strcmp(argv[3], "right");
    waits = argc > 3 && !strcmp(argv[3], "waits"); /* to be killed */
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        if (strcmp(mistakes[i].name, name))
            continue;
        set_up(BY_PIO);
        mistakes[i].make();
        while (waits)
            pause();
        printf("%s: %s\n", name, right ? "right" : "made");
        return 0;
    }
    fprintf(stderr, "there is no mistake %s\n", name);
    return 2;
}
