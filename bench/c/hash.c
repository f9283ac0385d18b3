/* SPDX-License-Identifier: MIT */
/*
 * C's cost of remembering a mapping of a page, of looking it up once as a device does, and of forgetting it: a hash
 * table, as a driver's author would write one. Once without more, and once with what makes an unmap strict: a barrier
 * on all processors of the process. A second thread, the device's, sleeps meanwhile: in a process of one thread Linux
 * leaves the barrier out.
 * usage: hash [LIVE]      mappings beside, default 1024
 */
#include "common.h"
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAIRS (1u << 12) /* few, so that other load affects only some rounds */
#define ROUNDS 100

struct mapping {
    struct mapping *next;
    uint64_t iova, length;
    char *memory;
    int direction;
};

static struct mapping **buckets, *spare;
static uint64_t mask, next_iova = 0xfffff000;

static struct mapping **bucket(uint64_t iova)
{
    return &buckets[(iova >> 12) * 0x9e3779b97f4a7c15ull >> 20 & mask];
}

static uint64_t map(void *memory, uint64_t length, int direction)
{
    struct mapping *m = spare;
    if (m)
        spare = m->next;
    else
        m = calloc(1, sizeof *m);
    if (!m->iova)
        m->iova = next_iova -= PAGE;
    m->length = length;
    m->memory = memory;
    m->direction = direction;
    struct mapping **at = bucket(m->iova);
    m->next = *at;
    *at = m;
    return m->iova;
}

/* The device reads 8 bytes. */
static uint64_t use(uint64_t iova)
{
    struct mapping *m = *bucket(iova);
    uint64_t word = 0;
    while (m && m->iova != (iova & ~(PAGE - 1)))
        m = m->next;
    if (m && m->direction == 1 && (iova & (PAGE - 1)) + sizeof word <= m->length)
        memcpy(&word, m->memory + (iova & (PAGE - 1)), sizeof word);
    return word;
}

static void unmap(uint64_t iova)
{
    struct mapping **at = bucket(iova), *m;
    while ((m = *at)->iova != iova)
        at = &m->next;
    *at = m->next;
    m->next = spare;
    spare = m;
}

static double pairs(void *memory, int used, int barrier)
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (unsigned i = 0; i < PAIRS; i++) {
            uint64_t iova = map(memory, PAGE, 1);
            __asm__ volatile("" : : : "memory"); /* the device must be able to see it */
            if (used) {
                uint64_t word = use(iova);
                __asm__ volatile("" : : "r"(word) : "memory");
            }
            unmap(iova);
            if (barrier)
                syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
        }
        double each = (now() - start) / PAIRS;
        best = each < best ? each : best;
    }
    return best;
}

static void *sleeps(void *unused)
{
    pause();
    return unused;
}

int main(int argc, char **argv)
{
    uint64_t live = argc > 1 ? strtoull(argv[1], NULL, 0) : 1024, size = 1024;
    pthread_t device;
    while (size < live)
        size *= 2;
    mask = size - 1;
    buckets = calloc(size, sizeof *buckets);
    void *memory = reserve(PAGE);
    for (uint64_t i = 0; i < live; i++)
        map(memory, PAGE, 1);
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)) {
        perror("membarrier");
        return 1;
    }
    printf("hash table %18.1f ns\n", pairs(memory, 0, 0));
    printf("alone, hash table and barrier %6.1f ns\n", pairs(memory, 1, 1));
    if (pthread_create(&device, NULL, sleeps, NULL))
        return 1;
    printf("hash table and barrier %6.1f ns\n", pairs(memory, 1, 1));
    return 0;
}
