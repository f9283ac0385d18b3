/* SPDX-License-Identifier: MIT */
/* openat2(2) checks struct open_how before the path: a node behaves as /dev/null does. usage: open_how */
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "beside.h"

struct attempt {
    uint64_t flags, mode, resolve;
    size_t size;
    bool tail; /* whether the last byte is not zero */
};

static long open_with(const char *path, const struct attempt *how)
{
    char room[2 * PAGE + 8] = "";
    struct open_how *structure = (struct open_how *)room;
    structure->flags = how->flags;
    structure->mode = how->mode;
    structure->resolve = how->resolve;
    if (how->tail)
        room[how->size - 1] = 1;
    long file = outcome(syscall(SYS_openat2, AT_FDCWD, path, room, how->size));
    return file < 0 ? file : close((int)file);
}

int main(void)
{
    static const struct attempt hows[] = {
        {O_RDWR, 0, 0, 24, false},
        {O_RDWR, 0, 1ull << 60, 24, false},
        {O_RDWR, 0, 0x40, 24, false},
        {O_RDWR, 0600, 0, 24, false},
        {O_RDWR | O_CREAT, 0600, 0, 24, false},
        {O_RDWR | O_CREAT, 010000, 0, 24, false},
        {1ull << 40, 0, 0, 24, false},
        {O_RDWR | 1 << 30, 0, 0, 24, false},
        {O_RDWR, 0, 0, 0, false},
        {O_RDWR, 0, 0, 23, false},
        {O_RDWR, 0, 0, 25, false},
        {O_RDWR, 0, 0, 32, false},
        {O_RDWR, 0, 0, 32, true},
        {O_RDWR, 0, 0, 4096, false},
        {O_RDWR, 0, 0, 4096, true},
        {O_RDWR, 0, 0, 4097, false},
        {O_RDWR, 0, 0, 8192, false},
        {O_PATH, 0, 0, 24, false},
        {O_PATH | O_RDWR, 0, 0, 24, false},
        {O_PATH | O_TRUNC, 0, 0, 24, false},
        {O_RDWR, 0, RESOLVE_NO_SYMLINKS, 24, false},
        {O_RDWR, 0, RESOLVE_NO_MAGICLINKS, 24, false},
        {O_RDWR, 0, RESOLVE_NO_XDEV, 24, false},
        {O_RDWR, 0, RESOLVE_BENEATH, 24, false},
        {O_RDWR, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT, 24, false},
        {O_RDWR, 0, RESOLVE_CACHED, 24, false},
        {O_RDWR | O_TRUNC, 0, RESOLVE_CACHED, 24, false},
        {O_RDONLY | O_DIRECTORY | O_CREAT, 0600, 0, 24, false},
        {O_TMPFILE, 0600, 0, 24, false},
        {O_TMPFILE | O_RDWR, 0600, 0, 24, false},
    };
    must(chdir("/"));
    for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++) {
        char what[100];
        snprintf(what, sizeof(what), "flags 0%" PRIo64 ", mode 0%" PRIo64 ", resolve 0x%" PRIx64 ", size %zu%s",
            hows[i].flags, hows[i].mode, hows[i].resolve, hows[i].size, hows[i].tail ? " with a tail" : "");
        compare(what, open_with("/dev/iommu", &hows[i]), open_with("/dev/null", &hows[i]));
    }
    compare("no structure", outcome(syscall(SYS_openat2, AT_FDCWD, "/dev/iommu", NULL, 24)),
            outcome(syscall(SYS_openat2, AT_FDCWD, "/dev/null", NULL, 24)));

    /* confined to a directory of ours */
    int directory = must(open("/dev/vfio", O_PATH | O_DIRECTORY));
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    must(close(must(syscall(SYS_openat2, directory, "devices", &how, sizeof(how)))));
    expect_errno(syscall(SYS_openat2, directory, "../iommu", &how, sizeof(how)), EXDEV);
    expect_errno(syscall(SYS_openat2, directory, "/dev/iommu", &how, sizeof(how)), EXDEV);
    how.resolve = RESOLVE_IN_ROOT;
    must(close(must(syscall(SYS_openat2, directory, "/../devices", &how, sizeof(how)))));
    expect_errno(syscall(SYS_openat2, directory, "/dev/iommu", &how, sizeof(how)), ENOENT);
    return beside_end("open_how");
}
