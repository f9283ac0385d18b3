/* SPDX-License-Identifier: MIT */
/*
 * Two programs on one shared queue of a DSA, each with an mdev of its own: their descriptors have the programs' own
 * pointers, by PASIDs of /dev/sva, and ask for pages that are missing. What both have at the same addresses stays each
 * one's own, whatever PASID a descriptor names. One of the programs is killed, and the other's copies go on.
 * usage: dsa_shared UUID UUID (two mdevs of the type dsa-1swq-v1 of one parent)
 */
#include <signal.h>
#include <sys/wait.h>

#include "dsa.h"
#include "sva_node.h"

#define COPIES 2000
#define LENGTH 3000
#define AT_ONCE 12 /* more than the queue has room for */

/* private memory at the same addresses in both programs */
struct arena {
    uint8_t from[AT_ONCE][PAGE], to[AT_ONCE][PAGE];
    struct dsa_completion_record records[AT_ONCE] __attribute__((aligned(32)));
};
static struct arena *arena;
static unsigned full; /* how often the queue had no room */

struct program {
    struct dsa dsa;
    int sva;
    uint32_t pasid;
};

static struct program begin(const char *uuid)
{
    int iommu = open_iommu();
    struct program program = {.dsa = open_dsa(uuid, iommu, BY_PIO), .sva = open_sva()};
    program.pasid = (uint32_t)must(sva_bind_process(program.sva, 0));
    must(attach_sva(&program.dsa.device, program.sva, program.pasid));
    bar_write32(&program.dsa.registers, DSA_WQCFG_MODE, DSA_WQ_PASID);
    dsa_enable(&program.dsa);
    return program;
}

static void submit(const struct program *program, struct dsa_hw_desc descriptor)
{
    for (double deadline = now() + PATIENCE_SECONDS; dsa_submit(&program->dsa, &descriptor) != 0; full++) {
        expect_eq(errno, EAGAIN);
        expect(now() < deadline);
    }
}

/* copies of the program's own pointers, as many under way as the queue takes */
static void copy(const struct program *program, unsigned copies, unsigned seed)
{
    for (unsigned done = 0; done < copies; done += AT_ONCE) {
        for (unsigned i = 0; i < AT_ONCE; i++) {
            fill(arena->from[i], LENGTH, seed + done + i);
            submit(program, dsa_move(
                program->pasid, arena->from[i], arena->to[i], LENGTH, &arena->records[i]));
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            expect_eq(dsa_wait(&arena->records[i]), DSA_COMP_SUCCESS);
            expect_filled(arena->to[i], LENGTH, seed + done + i);
        }
    }
}

/* a second program, which says its PASID, copies, and waits to be killed */
static pid_t other(const char *uuid, uint32_t *pasid, int *says)
{
    int ends[2];
    must(pipe(ends));
    pid_t child = must(fork());
    if (child == 0) {
        struct program program = begin(uuid);
        expect_eq(write(ends[1], &program.pasid, sizeof(program.pasid)), sizeof(program.pasid));
        copy(&program, COPIES, 100000);
        uint32_t done = 0;
        expect_eq(write(ends[1], &done, sizeof(done)), sizeof(done));
        for (;;)
            copy(&program, AT_ONCE, 100000);
    }
    close(ends[1]);
    expect_eq(read(ends[0], pasid, sizeof(*pasid)), sizeof(*pasid));
    *says = ends[0];
    return child;
}

int main(int argc, char **argv)
{
    const char *mine = argument(argc, argv, 1, "UUID of an mdev"), *others = argument(argc, argv, 2, "another's");
    arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(arena != MAP_FAILED);
    uint32_t foreign, done;
    int says;
    pid_t child = other(others, &foreign, &says);
    struct program program = begin(mine);
    expect(program.pasid != foreign);
    copy(&program, COPIES, 1);
    expect_eq(read(says, &done, sizeof(done)), sizeof(done));
    printf("two programs' own pointers on one queue: ok\n");

    /* pages that the program has not touched yet, which the device asks for */
    uint8_t *fresh = pages(4);
    struct dsa_completion_record brought __attribute__((aligned(32)));
    struct dsa_hw_desc descriptor = dsa_move(program.pasid, arena->from, fresh, 4 * PAGE, &brought);
    descriptor.flags |= IDXD_OP_FLAG_BOF;
    submit(&program, descriptor);
    expect_eq(dsa_wait(&brought), DSA_COMP_SUCCESS);
    expect(!memcmp(fresh, arena->from, 4 * PAGE));
    must(munmap(fresh, 4 * PAGE));
    descriptor = dsa_move(program.pasid, arena->from, fresh, 4 * PAGE, &brought);
    descriptor.flags |= IDXD_OP_FLAG_BOF;
    submit(&program, descriptor);
    expect_eq(dsa_wait(&brought), DSA_COMP_PAGE_FAULT_IR | DSA_COMP_STATUS_WRITE);
    expect_eq(brought.fault_addr, addr(fresh));
    printf("pages that were missing: ok\n");

    /* neither the neighbour's PASID, nor those that the host has given its mdevs, lead anywhere */
    struct dsa_completion_record record __attribute__((aligned(32)));
    for (uint32_t pasid = 0; pasid < 64; pasid++) {
        if (pasid == program.pasid)
            continue;
        submit(&program, dsa_move(pasid, arena->from[0], arena->to[0], LENGTH, &record));
        expect_eq(dsa_error(&program.dsa), 0x1a); /* its record cannot be written */
        expect_eq(record.status, 0);
    }
    submit(&program, dsa_move(foreign, arena->from[0], arena->to[0], LENGTH, &record));
    expect_eq(dsa_error(&program.dsa), 0x1a);
    expect_errno(attach_sva(&program.dsa.device, program.sva, foreign), ENOENT); /* not of this file */
    copy(&program, AT_ONCE, 2);
    printf("a PASID of somebody else leads nowhere: ok\n");

    must(kill(child, SIGKILL));
    int status;
    for (unsigned round = 0; waitpid(child, &status, WNOHANG) == 0; round++)
        copy(&program, AT_ONCE, round);
    copy(&program, COPIES, 3);
    printf("a neighbour is killed: ok\n");

    must(sva_unbind(program.sva, program.pasid));
    submit(&program, dsa_move(program.pasid, arena->from[0], arena->to[0], LENGTH, &record));
    expect_eq(dsa_error(&program.dsa), 0x1a);
    expect_eq(record.status, 0);
    printf("nothing after the unbind: ok\n");
    printf("dsa_shared: all as it must be (the queue was %s)\n", full ? "full at times" : "never full");
    return 0;
}
