/* SPDX-License-Identifier: MIT */
/*
 * Copies memory of its own by a DMA engine of DPDK. The memory is mapped for the device, and unmapped when it is done.
 * usage: dpdk_copy EAL-ARGUMENT...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_dmadev.h>
#include <rte_eal.h>
#include <rte_vfio.h>

#define SIZE (1 << 20)
#define TRY(call) ((call) < 0 ? (fprintf(stderr, "%s failed\n", #call), exit(1)) : (void)0)

int main(int argc, char **argv)
{
    const int16_t engine = 0;
    bool error = false;
    TRY(rte_eal_init(argc, argv));
    TRY(rte_dma_configure(engine, &(struct rte_dma_conf){.nb_vchans = 1}));
    TRY(rte_dma_vchan_setup(
        engine, 0, &(struct rte_dma_vchan_conf){.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = 64}));
    TRY(rte_dma_start(engine));

    char *memory = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const rte_iova_t iova = (rte_iova_t)memory;
    memset(memory, 0x5a, SIZE);
    TRY(rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD, iova, iova, 2 * SIZE));
    TRY(rte_dma_copy(engine, 0, iova, iova + SIZE, SIZE, RTE_DMA_OP_FLAG_SUBMIT));
    while (!rte_dma_completed(engine, 0, 1, NULL, &error) && !error);
    TRY(rte_vfio_container_dma_unmap(RTE_VFIO_DEFAULT_CONTAINER_FD, iova, iova, 2 * SIZE));
    printf("%s\n", memcmp(memory, memory + SIZE, SIZE) ? "not copied" : "copied");
    return 0;
}
