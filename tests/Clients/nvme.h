/* SPDX-License-Identifier: MIT */
/* A minimal NVM Express driver for tests: one thread, one command at a time per queue. */
#ifndef NVME_H
#define NVME_H

#include "client.h"
#include "nvme_entries.h"

enum nvme_register {
    NVME_CAP = 0x00,
    NVME_VS = 0x08,
    NVME_CC = 0x14,
    NVME_CSTS = 0x1c,
    NVME_AQA = 0x24,
    NVME_ASQ = 0x28,
    NVME_ACQ = 0x30,
    NVME_DOORBELLS = 0x1000,
};
#define NVME_ENABLE (1 | 6 << 16 | 4 << 20) /* entries of 64 and 16 bytes */
#define NVME_SHUTDOWN (1 << 14)
#define NVME_READY 1u
#define NVME_FATAL 2u
#define NVME_SHUT_DOWN (2u << 2)

enum nvme_admin { DELETE_SQ = 0, CREATE_SQ = 1, DELETE_CQ = 4, CREATE_CQ = 5, IDENTIFY = 6, SET_FEATURES = 9 };
enum nvme_io { NVME_FLUSH = 0, NVME_WRITE = 1, NVME_READ = 2, NVME_WRITE_ZEROES = 8 };

struct nvme_queue {
    volatile struct nvme_command *commands;
    volatile struct nvme_completion *completions;
    uint32_t entries, tail, head;
    uint16_t phase, id, next;
    uint32_t result; /* of the last command */
};

struct nvme {
    struct device device;
    struct bar registers;
    struct nvme_queue admin;
};

static inline struct nvme_queue nvme_queue_at(uint16_t id, void *commands, void *completions, uint32_t entries)
{
    memset(commands, 0, PAGE);
    memset(completions, 0, PAGE);
    return (struct nvme_queue){
        .commands = commands, .completions = completions, .entries = entries, .phase = 1, .id = id};
}

static inline void nvme_submit(struct nvme *nvme, struct nvme_queue *queue, struct nvme_command command)
{
    command.id = queue->next++;
    memcpy((void *)&queue->commands[queue->tail], &command, sizeof(command));
    queue->tail = (queue->tail + 1) % queue->entries;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    bar_write32(&nvme->registers, NVME_DOORBELLS + queue->id * 8, queue->tail);
}

/* the status of the next completion; the caller has waited for the interrupt, if any */
static inline uint32_t nvme_reap(struct nvme *nvme, struct nvme_queue *queue)
{
    volatile struct nvme_completion *completion = &queue->completions[queue->head];
    wait_until((__atomic_load_n(&completion->status, __ATOMIC_ACQUIRE) & 1) == queue->phase);
    expect_eq(completion->sq_id, queue->id);
    expect_eq(completion->id, (uint16_t)(queue->next - 1));
    expect_eq(completion->sq_head, queue->tail);
    queue->result = completion->result;
    uint32_t status = completion->status >> 1;
    if (++queue->head == queue->entries) {
        queue->head = 0;
        queue->phase ^= 1;
    }
    bar_write32(&nvme->registers, NVME_DOORBELLS + queue->id * 8 + 4, queue->head);
    return status;
}

static inline uint32_t nvme_do(struct nvme *nvme, struct nvme_queue *queue, struct nvme_command command)
{
    nvme_submit(nvme, queue, command);
    return nvme_reap(nvme, queue);
}

/* disabled, and enabled again with an admin queue in two pages of memory */
static inline void nvme_enable(struct nvme *nvme, uint8_t *memory, uint64_t iova, uint32_t entries)
{
    bar_write32(&nvme->registers, NVME_CC, 0);
    wait_until(!(bar_read32(&nvme->registers, NVME_CSTS) & NVME_READY));
    nvme->admin = nvme_queue_at(0, memory, memory + PAGE, entries);
    bar_write32(&nvme->registers, NVME_AQA, (entries - 1) | (entries - 1) << 16);
    bar_write64(&nvme->registers, NVME_ASQ, iova);
    bar_write64(&nvme->registers, NVME_ACQ, iova + PAGE);
    bar_write32(&nvme->registers, NVME_CC, NVME_ENABLE);
    wait_until(bar_read32(&nvme->registers, NVME_CSTS) == NVME_READY);
}

#endif
