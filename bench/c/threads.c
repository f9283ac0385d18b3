/* SPDX-License-Identifier: MIT */
/*
 * C's cost with two threads: hits in a software TLB by one thread, and by two at once that share nothing; and a bare
 * hand-over from one thread to another and back, by futex and by eventfds.
 */
#include "common.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TLB 1024ul
#define SEQUENCE (1u << 16)
#define ROUNDS 200
#define HANDOVERS 20000
#define FEW 200

struct entry {
    uint64_t tag, host, permissions, spare;
};

static pthread_barrier_t barrier;
static _Atomic uint32_t turn;
static int there, back; /* eventfds */

static void *hits(void *result)
{
    struct entry *tlb = aligned_alloc(64, TLB * sizeof(*tlb));
    uint64_t *sequence = malloc(SEQUENCE * sizeof(*sequence)), sum = 0;
    for (uint64_t i = 0; i < TLB; i++)
        tlb[i] = (struct entry){.tag = i, .host = (i + 1) * PAGE, .permissions = 3};
    unsigned seed = 1;
    for (unsigned i = 0; i < SEQUENCE; i++)
        sequence[i] = (uint64_t)rand_r(&seed) % 64 * PAGE + (uint64_t)rand_r(&seed) % 64 * 64;
    double best = 1e18;
    pthread_barrier_wait(&barrier);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (unsigned i = 0; i < SEQUENCE; i++) {
            const struct entry *entry = &tlb[sequence[i] / PAGE % TLB];
            if (__builtin_expect(entry->tag == sequence[i] / PAGE && (entry->permissions & 1), 1))
                sum += entry->host + sequence[i] % PAGE;
        }
        double each = (now() - start) / SEQUENCE;
        best = each < best ? each : best;
    }
    *(double *)result = sum == 42 ? 0 : best;
    return NULL;
}

static void pass(uint32_t from, uint32_t to)
{
    while (atomic_load(&turn) != from)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
    atomic_store(&turn, to);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void pass_on(void)
{
    pass(0, 1);
}

static void *partner(void *unused)
{
    for (int i = 0; i < HANDOVERS; i++)
        pass(1, 0);
    return unused;
}

static void tell(int event)
{
    if (eventfd_write(event, 1))
        exit(1);
}

static void hear(int event)
{
    eventfd_t count;
    if (eventfd_read(event, &count))
        exit(1);
}

static void tell_and_hear(void)
{
    tell(there);
    hear(back);
}

static void *listener(void *unused)
{
    for (int i = 0; i < HANDOVERS; i++) {
        hear(there);
        tell(back);
    }
    return unused;
}

/* there and back, HANDOVERS times */
static double handed_over(void (*each_turn)(void), void *(*other)(void *))
{
    pthread_t thread;
    double best = 1e18;
    pthread_create(&thread, NULL, other, NULL);
    for (int i = 0; i < HANDOVERS / FEW; i++) {
        double start = now();
        for (int j = 0; j < FEW; j++)
            each_turn();
        double each = (now() - start) / FEW;
        best = each < best ? each : best;
    }
    pthread_join(thread, NULL);
    return best;
}

int main(void)
{
    double one, two[2];
    pthread_barrier_init(&barrier, NULL, 1);
    hits(&one);
    pthread_barrier_destroy(&barrier);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, hits, &two[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%-44s %6.2f ns\n", "one thread", one);
    printf("%-44s %6.2f ns\n", "each of two threads", two[0] > two[1] ? two[0] : two[1]);

    there = eventfd(0, 0);
    back = eventfd(0, 0);
    printf("%-44s %6.2f ns\n", "futex hand-over there and back", handed_over(pass_on, partner));
    printf("%-44s %6.2f ns\n", "eventfd hand-over there and back", handed_over(tell_and_hear, listener));
    return 0;
}
