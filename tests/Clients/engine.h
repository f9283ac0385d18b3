/* SPDX-License-Identifier: MIT */
/* Either device as an engine that copies from one IOVA to another, for programs that work with both. */
#ifndef ENGINE_H
#define ENGINE_H

#include "dmatest.h"
#include "edu.h"

#define ENGINE_MOST EDU_MOST

struct engine {
    struct device device;
    struct bar edu;
    struct dmatest dmatest;
    bool is_edu;
};

static inline struct engine engine_from(struct device device)
{
    struct engine engine = {.device = device, .is_edu = device.model == EDU_MODEL};
    if (engine.is_edu)
        engine.edu = open_bar(&device, VFIO_PCI_BAR0_REGION_INDEX, BY_PIO);
    else
        engine.dmatest = dmatest_from(device, BY_PIO);
    return engine;
}

/* bound, attached to the IOAS and ready */
static inline struct engine open_engine(const char *bdf, int iommu, uint32_t ioas)
{
    struct engine engine = engine_from(open_device(bdf, iommu));
    must(attach(engine.device.fd, &ioas));
    return engine;
}

#define engine_copy(engine, from, to, length)                                                 \
    do {                                                                                      \
        if ((engine)->is_edu) {                                                               \
            edu_copy(&(engine)->edu, (from), (to), (length));                                 \
        } else {                                                                              \
            expect_dma(&(engine)->dmatest, (from), (length), DMATEST_TO_DEVICE);              \
            expect_dma(&(engine)->dmatest, (to), (length), 0);                                \
        }                                                                                     \
    } while (0)

#endif
