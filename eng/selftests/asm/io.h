/* SPDX-License-Identifier: MIT */
/*
 * For the drivers of Linux's VFIO selftests, instead of tools/arch/x86/include/asm/io.h: device registers are reached
 * by pread and pwrite on the file that was mapped where they are, as on an architecture without memory-mapped I/O.
 * Every access is then seen by the device before the next one, which plain stores to a mapping of a device in software
 * are not; and a descriptor of 64 bytes needs no MOVDIR64B.
 */
#ifndef IOASIS_SELFTESTS_ASM_IO_H
#define IOASIS_SELFTESTS_ASM_IO_H

#include <linux/compiler.h>
#include <stddef.h>
#include <stdint.h>

void mmio_read(const volatile void *address, void *value, size_t size);
void mmio_write(volatile void *address, const void *value, size_t size);

#define MMIO_ACCESSORS(suffix, type)                                     \
    static inline type read##suffix(const volatile void *address)        \
    {                                                                    \
        type value;                                                      \
        mmio_read(address, &value, sizeof(value));                       \
        return value;                                                    \
    }                                                                    \
    static inline void write##suffix(type value, volatile void *address) \
    {                                                                    \
        mmio_write(address, &value, sizeof(value));                      \
    }

MMIO_ACCESSORS(b, uint8_t)
MMIO_ACCESSORS(w, uint16_t)
MMIO_ACCESSORS(l, uint32_t)
MMIO_ACCESSORS(q, uint64_t)

static inline void iosubmit_cmds512(void *portal, const void *source, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mmio_write(portal, (const char *)source + i * 64, 64);
}

#endif
