/* SPDX-License-Identifier: MIT */
/*
 * A device model in C over shared memory, for the driver of nvme.h: one thread that looks at the doorbell without a
 * pause, checks each command, copies its page and completes it. It translates by adding a number and checks nothing
 * that an unmap could change: as fast as a model in another process can be. With "steps" each look is one of a function
 * with a BAR: under two locks it compares each register with what is known of it, and asks for the time. And each
 * command takes the locks that one takes in ours: of the controller, of the engine as it is woken, as it begins and as
 * it ends, and of the completion queue, to reserve a place and to fill it.
 * usage: nvme_model [steps] SECONDS DEPTH...
 */
#include "nvme.h"
#include "spinlock.h"
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#define IOVA 0x100000000UL
#define MEMORY (2UL << 20)
#define STORE (64UL << 20)
#define DATA (4 * PAGE)

#define DOORBELLS 21 /* three of the controller, and those of the admin queue and of eight I/O queues */
#define FIXED 3

static volatile double looked;
static int slot, bar, controller, engine, completion_queue; /* locks */

static void look(const volatile uint32_t *registers, volatile uint32_t *fixed)
{
    static uint32_t known[DOORBELLS];
    take(&slot);
    take(&bar);
    for (int i = 0; i < DOORBELLS; i++)
        if (__atomic_load_n(&registers[i], __ATOMIC_ACQUIRE) != known[i])
            known[i] = registers[i];
    for (int i = 0; i < FIXED; i++)
        if (__atomic_load_n(&fixed[i], __ATOMIC_ACQUIRE) != 0)
            fixed[i] = 0;
    release(&bar);
    release(&slot);
    looked = now();
}

static void pass(int *lock, bool has_steps)
{
    if (!has_steps)
        return;
    take(lock);
    release(lock);
}

static void serve(uint8_t *memory, const volatile uint32_t *tail_doorbell, const uint8_t *store, bool has_steps)
{
    const struct nvme_command *commands = (const struct nvme_command *)memory;
    struct nvme_completion *completions = (struct nvme_completion *)(memory + PAGE);
    uint32_t head = 0, done = 0;
    uint16_t phase = 1;
    static volatile uint32_t fixed[FIXED];
    for (;;) {
        if (has_steps)
            look(tail_doorbell, fixed);
        uint32_t tail = __atomic_load_n(tail_doorbell, __ATOMIC_ACQUIRE);
        if (head != tail) {
            pass(&controller, has_steps);
            pass(&engine, has_steps);
            pass(&engine, has_steps);
        }
        while (head != tail) {
            pass(&completion_queue, has_steps);
            struct nvme_command command = commands[head];
            head = (head + 1) % ENTRIES;
            uint64_t from = (uint64_t)command.cdw10 * 512, to = command.prp1 - IOVA;
            int isGood = command.opcode == NVME_READ && command.nsid == 1 && !command.flags &&
                from <= STORE - PAGE && to <= MEMORY - PAGE && command.cdw12 == BLOCKS_OF_A_PAGE - 1;
            if (isGood)
                memcpy(memory + to, store + from, PAGE);
            pass(&completion_queue, has_steps);
            struct nvme_completion *completion = &completions[done];
            completion->sq_head = (uint16_t)head;
            completion->id = command.id;
            __atomic_store_n(&completion->status, (uint16_t)((isGood ? 0 : 2 << 1) | phase), __ATOMIC_RELEASE);
            if (++done == ENTRIES) {
                done = 0;
                phase ^= 1;
            }
            if (head == tail)
                pass(&engine, has_steps);
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
    bool has_steps = argc > 1 && !strcmp(argv[1], "steps");
    argc -= has_steps;
    argv += has_steps;
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
        serve(memory, queue.tail_doorbell, store, has_steps);
    }
    for (int i = 2; i < argc; i++)
        nvme_measure(&queue, IOVA + DATA, STORE / PAGE, atoi(argv[i]), atof(argv[1]));
    kill(model, SIGKILL);
    return 0;
}
