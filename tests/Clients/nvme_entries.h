/* SPDX-License-Identifier: MIT */
/* The entries of the queues of NVM Express, for the drivers here and in bench/c. */
#ifndef NVME_ENTRIES_H
#define NVME_ENTRIES_H

#include <stdint.h>

struct nvme_command {
    uint8_t opcode, flags;
    uint16_t id;
    uint32_t nsid, cdw2, cdw3;
    uint64_t metadata, prp1, prp2;
    uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

struct nvme_completion {
    uint32_t result, reserved;
    uint16_t sq_head, sq_id, id, status; /* the lowest bit is the phase */
};
_Static_assert(
    sizeof(struct nvme_command) == 64 && sizeof(struct nvme_completion) == 16, "as the specification has them");

#endif
