/* SPDX-License-Identifier: MIT */
/*
 * Random reads of 4 KiB from one NVMe queue by a driver that looks for completions without a pause: how many it makes,
 * and how long each takes from its doorbell until it is seen.
 */
#ifndef NVME_H
#define NVME_H

#include "../../tests/Clients/nvme_entries.h"
#include "common.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES 64u /* a page of commands */
#define MOST_DEPTH 32
#define MOST_READS 4000000
#define BLOCKS_OF_A_PAGE 8u

enum { NVME_WRITE = 1, NVME_READ = 2 };

struct nvme_queue {
    struct nvme_command *commands;
    struct nvme_completion *completions;
    volatile uint32_t *tail_doorbell, *head_doorbell;
    uint32_t entries, tail, head;
    uint16_t phase;
};

/* a command, which the next doorbell makes known */
static inline void nvme_put(struct nvme_queue *queue, const struct nvme_command *command)
{
    memcpy(&queue->commands[queue->tail], command, sizeof(*command));
    queue->tail = (queue->tail + 1) % queue->entries;
}

static inline void nvme_ring(const struct nvme_queue *queue)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *queue->tail_doorbell = queue->tail;
}

/* the ID of the next completed command; -1 for none */
static inline int nvme_take(struct nvme_queue *queue)
{
    const struct nvme_completion *completion = &queue->completions[queue->head];
    uint16_t status = __atomic_load_n(&completion->status, __ATOMIC_ACQUIRE);
    if ((status & 1) != queue->phase)
        return -1;
    if (status >> 1) {
        fprintf(stderr, "status 0x%x of command %u\n", status >> 1, completion->id);
        exit(1);
    }
    int id = completion->id;
    if (++queue->head == queue->entries) {
        queue->head = 0;
        queue->phase ^= 1;
    }
    return id;
}

static inline int nvme_ascending(const void *one, const void *other)
{
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

static inline void nvme_tell(int depth, const char *what, double time)
{
    char name[80];
    snprintf(name, sizeof(name), "a read, %d in flight%s", depth, what);
    printf("%-52s %.0f ns\n", name, time);
}

/* data: the IOVA of a page for each read in flight */
static inline void nvme_measure(struct nvme_queue *queue, uint64_t data, uint64_t pages, int depth, double seconds)
{
    static float times[MOST_READS];
    double begun[MOST_DEPTH];
    uint64_t random = 0x9e3779b97f4a7c15;
    uint32_t count = 0;
    int put = 0;
    double start = now(), warm = start + seconds * 2.5e8, end = start + seconds * 1e9, time = start, first = 0;
    int ids[MOST_DEPTH], free = 0;
    for (; free < depth; free++)
        ids[free] = free;
    for (;;) {
        while (free > 0) {
            int id = ids[--free];
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            struct nvme_command read = {.opcode = NVME_READ,
                .id = (uint16_t)id,
                .nsid = 1,
                .prp1 = data + (uint64_t)id * PAGE,
                .cdw10 = (uint32_t)(random % pages * BLOCKS_OF_A_PAGE),
                .cdw12 = BLOCKS_OF_A_PAGE - 1};
            nvme_put(queue, &read);
            begun[id] = time;
            put++;
        }
        if (put)
            nvme_ring(queue);
        put = 0;
        int id = nvme_take(queue);
        if (id < 0)
            continue;
        time = now();
        do {
            if (time >= warm && count < MOST_READS) {
                if (count == 0)
                    first = time;
                times[count++] = (float)(time - begun[id]);
            }
            ids[free++] = id;
        } while ((id = nvme_take(queue)) >= 0);
        *queue->head_doorbell = queue->head;
        if (time >= end || count == MOST_READS)
            break;
    }
    for (int left = depth - free; left > 0;) /* the next measurement begins with none */
        if (nvme_take(queue) >= 0)
            left--;
    *queue->head_doorbell = queue->head;
    qsort(times, count, sizeof(*times), nvme_ascending);
    nvme_tell(depth, "", (time - first) / count);
    nvme_tell(depth, ", median", times[count / 2]);
    nvme_tell(depth, ", 99 %", times[(uint64_t)count * 99 / 100]);
    nvme_tell(depth, ", 99.9 %", times[(uint64_t)count * 999 / 1000]);
    nvme_tell(depth, ", longest", times[count - 1]);
}

#endif
