/* SPDX-License-Identifier: MIT */
/*
 * A device model in C over shared memory, for the driver of nvme.h: one thread that looks at the doorbell without a
 * pause, checks each command, copies its page and completes it. It translates by adding a number and checks nothing
 * that an unmap could change: as fast as a model in another process can be.
 * usage: nvme_model SECONDS DEPTH...
 */
#include "nvme.h"
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#define IOVA 0x100000000UL
#define MEMORY (2UL << 20)
#define STORE (64UL << 20)
#define DATA (4 * PAGE)

static void serve(uint8_t *memory, const volatile uint32_t *tail_doorbell, const uint8_t *store)
{
    const struct nvme_command *commands = (const struct nvme_command *)memory;
    struct nvme_completion *completions = (struct nvme_completion *)(memory + PAGE);
    uint32_t head = 0, done = 0;
    uint16_t phase = 1;
    for (;;) {
        uint32_t tail = __atomic_load_n(tail_doorbell, __ATOMIC_ACQUIRE);
        while (head != tail) {
            struct nvme_command command = commands[head];
            head = (head + 1) % ENTRIES;
            uint64_t from = (uint64_t)command.cdw10 * 512, to = command.prp1 - IOVA;
            int isGood = command.opcode == NVME_READ && command.nsid == 1 && !command.flags &&
                from <= STORE - PAGE && to <= MEMORY - PAGE && command.cdw12 == BLOCKS_OF_A_PAGE - 1;
            if (isGood)
                memcpy(memory + to, store + from, PAGE);
            struct nvme_completion *completion = &completions[done];
            completion->sq_head = (uint16_t)head;
            completion->id = command.id;
            __atomic_store_n(&completion->status, (uint16_t)((isGood ? 0 : 2 << 1) | phase), __ATOMIC_RELEASE);
            if (++done == ENTRIES) {
                done = 0;
                phase ^= 1;
            }
        }
    }
}

static uint8_t *shared(size_t bytes)
{
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        exit(1);
    memset(block, 0, bytes);
    return block;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    uint8_t *memory = shared(MEMORY), *doorbells = shared(PAGE), *store = shared(STORE);
    struct nvme_queue queue = {.commands = (struct nvme_command *)memory,
        .completions = (struct nvme_completion *)(memory + PAGE),
        .tail_doorbell = (volatile uint32_t *)doorbells,
        .head_doorbell = (volatile uint32_t *)(doorbells + 64),
        .entries = ENTRIES,
        .phase = 1};
    pid_t driver = getpid(), model = fork();
    if (model < 0)
        return 1;
    if (model == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != driver)
            return 1;
        serve(memory, queue.tail_doorbell, store);
    }
    for (int i = 2; i < argc; i++)
        nvme_measure(&queue, IOVA + DATA, STORE / PAGE, atoi(argv[i]), atof(argv[1]));
    kill(model, SIGKILL);
    return 0;
}
