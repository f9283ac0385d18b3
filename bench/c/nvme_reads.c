/* SPDX-License-Identifier: MIT */
/*
 * The driver of nvme.h for a controller under VFIO.
 * usage: nvme_reads ADDRESS (private|memfd|huge) SECONDS DEPTH...
 */
#include "nvme.h"
#include "device.h"
#include <linux/pci_regs.h>

#define IOVA 0x100000000UL
#define MEMORY (2UL << 20)
#define DATA (4 * PAGE) /* after the pages of the admin queue and of the I/O queue */

enum { CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
enum { CREATE_SQ = 1, CREATE_CQ = 5, IDENTIFY = 6 };

static volatile uint8_t *bar;
static uint8_t *memory;

static volatile uint32_t *at(unsigned offset)
{
    return (volatile uint32_t *)(bar + offset);
}

static void make_bus_master(int device)
{
    struct vfio_region_info configuration = {.argsz = sizeof(configuration), .index = VFIO_PCI_CONFIG_REGION_INDEX};
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    require(!ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &configuration), "VFIO_DEVICE_GET_REGION_INFO");
    require(pwrite(device, &command, sizeof(command), (off_t)configuration.offset + PCI_COMMAND) == sizeof(command),
        "the command register");
}

static void map_bar(int device)
{
    struct vfio_region_info region = {.argsz = sizeof(region), .index = VFIO_PCI_BAR0_REGION_INDEX};
    require(!ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region), "VFIO_DEVICE_GET_REGION_INFO");
    bar = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)region.offset);
    require(bar != MAP_FAILED, "mmap of BAR 0");
}

static struct nvme_queue queue_of(unsigned id, unsigned page)
{
    return (struct nvme_queue){.commands = (struct nvme_command *)(memory + page * PAGE),
        .completions = (struct nvme_completion *)(memory + (page + 1) * PAGE),
        .tail_doorbell = at(DOORBELLS + id * 8),
        .head_doorbell = at(DOORBELLS + id * 8 + 4),
        .entries = ENTRIES,
        .phase = 1};
}

static void run(struct nvme_queue *queue, struct nvme_command command)
{
    nvme_put(queue, &command);
    nvme_ring(queue);
    while (nvme_take(queue) < 0)
        ;
    *queue->head_doorbell = queue->head;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    require(argc > 4, "usage: nvme_reads ADDRESS (private|memfd|huge) SECONDS DEPTH...");
    int iommu = open("/dev/iommu", O_RDWR), device = open_device(argv[1], iommu);
    memory = allocate(argv[2], MEMORY);
    map(iommu, attach_to_new_ioas(device, iommu), memory, MEMORY, IOVA);
    make_bus_master(device);
    map_bar(device);

    *at(CC) = 0;
    while (*at(CSTS) & 1)
        ;
    struct nvme_queue admin = queue_of(0, 0), io = queue_of(1, 2);
    *at(AQA) = (ENTRIES - 1) | (ENTRIES - 1) << 16;
    *at(ASQ) = (uint32_t)IOVA;
    *at(ASQ + 4) = (uint32_t)(IOVA >> 32);
    *at(ACQ) = (uint32_t)(IOVA + PAGE);
    *at(ACQ + 4) = (uint32_t)((IOVA + PAGE) >> 32);
    *at(CC) = 1 | 6 << 16 | 4 << 20;
    while (!(*at(CSTS) & 1))
        ;
    run(&admin, (struct nvme_command){.opcode = IDENTIFY, .nsid = 1, .prp1 = IOVA + DATA});
    uint64_t pages = *(const uint64_t *)(memory + DATA) / BLOCKS_OF_A_PAGE;
    uint32_t name = 1 | (ENTRIES - 1) << 16;
    run(&admin, (struct nvme_command){.opcode = CREATE_CQ, .prp1 = IOVA + 3 * PAGE, .cdw10 = name, .cdw11 = 1});
    run(&admin,
        (struct nvme_command){.opcode = CREATE_SQ, .prp1 = IOVA + 2 * PAGE, .cdw10 = name, .cdw11 = 1 << 16 | 1});
    for (uint64_t page = 0; page < pages; page++) { /* blocks that were never written are read faster */
        struct nvme_command write = {.opcode = NVME_WRITE,
            .nsid = 1,
            .prp1 = IOVA + DATA,
            .cdw10 = (uint32_t)(page * BLOCKS_OF_A_PAGE),
            .cdw12 = BLOCKS_OF_A_PAGE - 1};
        run(&io, write);
    }
    for (int i = 4; i < argc; i++)
        nvme_measure(&io, IOVA + DATA, pages, atoi(argv[i]), atof(argv[3]));
    return 0;
}
