/* SPDX-License-Identifier: MIT */
/* The accessors of asm/io.h beside this. Linked with -Wl,--wrap=mmap, so that it knows which file was mapped where. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
    uintptr_t start;
    size_t length;
    int fd;
    off_t offset;
};

static struct mapping mappings[64];
static unsigned int used;

void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    void *at = __real_mmap(address, length, protection, flags, fd, offset);

    if (at != MAP_FAILED && fd >= 0) /* the newest counts: it may stand where an older one stood */
        mappings[used++ % 64] = (struct mapping){ (uintptr_t)at, length, fd, offset };
    return at;
}

static const struct mapping *find(uintptr_t address, size_t size)
{
    for (unsigned int i = used; i > 0 && used - i < 64; i--) {
        const struct mapping *mapping = &mappings[(i - 1) % 64];

        if (address >= mapping->start && address - mapping->start + size <= mapping->length)
            return mapping;
    }
    fprintf(stderr, "nothing of a device is mapped at %#lx\n", (unsigned long)address);
    abort();
}

void mmio_read(const volatile void *address, void *value, size_t size)
{
    const struct mapping *mapping = find((uintptr_t)address, size);

    if (pread(mapping->fd, value, size, mapping->offset + ((uintptr_t)address - mapping->start)) != (ssize_t)size) {
        perror("read of a device register");
        abort();
    }
}

void mmio_write(volatile void *address, const void *value, size_t size)
{
    const struct mapping *mapping = find((uintptr_t)address, size);

    if (pwrite(mapping->fd, value, size, mapping->offset + ((uintptr_t)address - mapping->start)) != (ssize_t)size) {
        perror("write of a device register");
        abort();
    }
}
