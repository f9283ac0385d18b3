/* SPDX-License-Identifier: MIT */
/* Eight threads that map, unmap and have the device copy, all in one IOAS. usage: threads BDF [ROUNDS] */
#include <pthread.h>

#include "engine.h"

#define THREADS 8

static int iommu, rounds;
static uint32_t ioas;
static struct engine engine;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* the device has one engine */

static void *work(void *argument)
{
    uint32_t self = (uint32_t)(uintptr_t)argument;
    uint8_t *memory = pages(3);
    for (uint32_t round = 0; round < (uint32_t)rounds; round++) {
        uint32_t seed = self * 1000 + round;
        uint64_t iova = 0x1000000 * (self + 1) + PAGE * (round % 7), automatic;
        fill(memory, PAGE, seed);
        memset(memory + PAGE, 0, PAGE);
        must(map_at(iommu, ioas, memory, PAGE, iova, IOMMU_IOAS_MAP_READABLE));
        automatic = map_any(iommu, ioas, memory + PAGE, PAGE, RW);

        pthread_mutex_lock(&one_at_a_time);
        engine_copy(&engine, iova, automatic, ENGINE_MOST);
        pthread_mutex_unlock(&one_at_a_time);
        expect_filled(memory + PAGE, ENGINE_MOST, seed);

        expect_errno(map_at(iommu, ioas, memory, PAGE, iova, RW), EEXIST);
        expect_eq(unmap(iommu, ioas, automatic, PAGE), PAGE);
        expect_eq(unmap(iommu, ioas, iova, PAGE), PAGE);
        expect_errno(unmap(iommu, ioas, iova, PAGE), ENOENT);
        if (!engine.is_edu) {
            pthread_mutex_lock(&one_at_a_time);
            expect_fault(&engine.dmatest, iova, 64, DMATEST_TO_DEVICE, NOT_MAPPED);
            pthread_mutex_unlock(&one_at_a_time);
        }
        /* the thread's own IOAS, and a new open of the node */
        int another = open_iommu();
        uint32_t id = ioas_alloc(another);
        must(map_at(another, id, memory, 3 * PAGE, iova, RW));
        must(destroy(another, id));
        must(close(another));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    pthread_t threads[THREADS];
    rounds = argc > 2 ? atoi(argv[2]) : 50;
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    engine = open_engine(bdf, iommu, ioas);
    for (uintptr_t i = 0; i < THREADS; i++)
        expect_eq(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        expect_eq(pthread_join(threads[i], NULL), 0);
    expect_eq(unmap(iommu, ioas, 0, UINT64_MAX), 0);
    printf("threads: %d of them, %d rounds each: all as it must be\n", THREADS, rounds);
    return 0;
}
