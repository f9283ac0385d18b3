/* SPDX-License-Identifier: MIT */
/*
 * Everything wrong that a program can hand to an ioctl: each is refused with Linux's errno, and changes nothing. All of it
 * is tried before the program fails, so that one run says everything that differs. usage: bad_input BDF
 */
#include <stddef.h>

#include "client.h"

#define DIRTY 0xa5

static int iommu, cdev, tried, wrong;
static struct device device;
static uint32_t ioas, hwpt, second; /* second: an IOAS that nothing is attached to */
static uint8_t *memory;             /* mapped at MAPPED in both */
#define MAPPED 0x10000

/* two pages: the second can neither be read nor written */
static uint8_t *edge;

static void note(int line, const char *what, const char *expected)
{
    wrong++;
    fflush(stdout);
    fprintf(stderr, "bad_input.c:%d: %s: expected %s\n", line, what, expected);
}

static void check(int line, const char *what, long result, int wanted)
{
    int came = result == -1 ? errno : 0;
    tried++;
    if (came != wanted) {
        char expected[64];
        snprintf(expected, sizeof(expected), "%s, came %s", error_name(wanted), error_name(came));
        note(line, what, expected);
    }
}
#define TRY(what, call, wanted)                                                               \
    do {                                                                                      \
        errno = 0;                                                                            \
        long result_ = (long)(call);                                                          \
        check(__LINE__, what, result_, wanted);                                               \
    } while (0)

/* A refused call may have changed nothing: the IOASes that there are, their ranges, what is mapped, what is attached. */
static void unchanged(const char *after)
{
    struct iommu_iova_range ranges[8];
    int found = 0;
    for (uint32_t id = 1; id < 64; id++) {
        struct iommu_option option = {
            .size = sizeof(option), .option_id = IOMMU_OPTION_HUGE_PAGES, .op = IOMMU_OPTION_OP_GET, .object_id = id};
        found += !ioctl(iommu, IOMMU_OPTION, &option) && option.val64 == 1;
    }
    bool same = found == 2 && iova_ranges(iommu, second, ranges, 8) == 1 && iova_ranges(iommu, ioas, ranges, 8) == 2;
    for (int i = 0; same && i < 2; i++) {
        uint32_t id = i ? second : ioas;
        same = map_at(iommu, id, memory, PAGE, MAPPED, RW) == -1 && errno == EEXIST;
        /* everything that is mapped is that one page, and it still is an area of its own */
        same = same && unmap(iommu, id, 0, UINT64_MAX) == (int64_t)PAGE && map_at(iommu, id, memory, PAGE, MAPPED, RW) == 0;
    }
    same = same && destroy(iommu, ioas) == -1 && errno == EBUSY && destroy(iommu, hwpt) == -1 && errno == EBUSY;
    tried++;
    if (!same)
        note(__LINE__, after, "nothing to change, something did");
}

/* ---- the rule for every struct of iommufd ---- */

union argument {
    struct iommu_destroy destroy;
    struct iommu_ioas_alloc alloc;
    struct iommu_ioas_iova_ranges ranges;
    struct iommu_ioas_allow_iovas allow;
    struct iommu_ioas_map map;
    struct iommu_ioas_map_file file;
    struct iommu_ioas_copy copy;
    struct iommu_ioas_unmap unmap;
    struct iommu_option option;
    struct iommu_ioas_change_process process;
    struct iommu_hwpt_alloc hwpt;
    struct iommu_hw_info info;
    uint8_t bytes[128];
};

/* Arguments right but for one thing, so that the call itself fails with `outcome` and changes nothing. */
static const struct rule {
    const char *name;
    unsigned long number;
    uint32_t size, least; /* of the struct; what the first version of it had */
    int outcome;
} rules[] = {
    {"DESTROY", IOMMU_DESTROY, sizeof(struct iommu_destroy), 8, ENOENT},
    {"IOAS_ALLOC", IOMMU_IOAS_ALLOC, sizeof(struct iommu_ioas_alloc), 12, EOPNOTSUPP},
    {"IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, sizeof(struct iommu_ioas_iova_ranges), 32, EMSGSIZE},
    {"ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS, sizeof(struct iommu_ioas_allow_iovas), 24, ENOENT},
    {"MAP", IOMMU_IOAS_MAP, sizeof(struct iommu_ioas_map), 40, EEXIST},
    {"MAP_FILE", IOMMU_IOAS_MAP_FILE, sizeof(struct iommu_ioas_map_file), 40, EBADF},
    {"COPY", IOMMU_IOAS_COPY, sizeof(struct iommu_ioas_copy), 40, EEXIST},
    {"UNMAP", IOMMU_IOAS_UNMAP, sizeof(struct iommu_ioas_unmap), 24, ENOENT},
    {"OPTION", IOMMU_OPTION, sizeof(struct iommu_option), 24, 0},
    {"CHANGE_PROCESS", IOMMU_IOAS_CHANGE_PROCESS, sizeof(struct iommu_ioas_change_process), 8, EINVAL},
    {"HWPT_ALLOC", IOMMU_HWPT_ALLOC, sizeof(struct iommu_hwpt_alloc), 40, EINVAL},
    {"GET_HW_INFO", IOMMU_GET_HW_INFO, sizeof(struct iommu_hw_info), 32, ENOENT},
};

static void fill_in(const struct rule *rule, union argument *argument)
{
    memset(argument, 0, sizeof(*argument));
    argument->destroy.size = rule->size;
    switch (rule->number) {
    case IOMMU_DESTROY: argument->destroy.id = 999; break;
    case IOMMU_IOAS_ALLOC: argument->alloc.flags = 1; break;
    case IOMMU_IOAS_IOVA_RANGES: argument->ranges.ioas_id = ioas; break;
    case IOMMU_IOAS_ALLOW_IOVAS: argument->allow.ioas_id = 999; break;
    case IOMMU_IOAS_MAP:
        argument->map.flags = RW | FIXED;
        argument->map.ioas_id = ioas;
        argument->map.user_va = addr(memory);
        argument->map.length = PAGE;
        argument->map.iova = MAPPED;
        break;
    case IOMMU_IOAS_MAP_FILE:
        argument->file.flags = RW | FIXED;
        argument->file.ioas_id = ioas;
        argument->file.fd = -1;
        argument->file.length = PAGE;
        argument->file.iova = 0x40000;
        break;
    case IOMMU_IOAS_COPY:
        argument->copy.flags = RW | FIXED;
        argument->copy.dst_ioas_id = ioas;
        argument->copy.src_ioas_id = second;
        argument->copy.length = PAGE;
        argument->copy.dst_iova = argument->copy.src_iova = MAPPED;
        break;
    case IOMMU_IOAS_UNMAP:
        argument->unmap.ioas_id = ioas;
        argument->unmap.iova = 0x80000;
        argument->unmap.length = PAGE;
        break;
    case IOMMU_OPTION:
        argument->option.option_id = IOMMU_OPTION_HUGE_PAGES;
        argument->option.op = IOMMU_OPTION_OP_GET;
        argument->option.object_id = ioas;
        break;
    case IOMMU_HWPT_ALLOC:
        argument->hwpt.dev_id = device.id;
        argument->hwpt.pt_id = 999;
        break;
    case IOMMU_GET_HW_INFO: argument->info.dev_id = 999; break;
    }
}

static void sizes(void)
{
    uint8_t *tail = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];
        union argument argument, before;
        char what[128];
#define WITH(label, wanted, statement)                                                        \
    do {                                                                                      \
        fill_in(rule, &argument);                                                             \
        snprintf(what, sizeof(what), "%s %s", rule->name, label);                             \
        statement;                                                                            \
        before = argument;                                                                    \
        TRY(what, ioctl(iommu, rule->number, &argument), wanted);                             \
        /* EMSGSIZE says how much room it wants: every other refusal leaves the struct as it was */ \
        if ((wanted) && (wanted) != EMSGSIZE && memcmp(&before, &argument, sizeof(before)))   \
            note(__LINE__, what, "its struct to be left alone, it was written to");           \
    } while (0)
        WITH("as it is", rule->outcome, );
        WITH("of size 0", EINVAL, argument.destroy.size = 0);
        WITH("of size 4", EINVAL, argument.destroy.size = 4);
        WITH("one byte short", EINVAL, argument.destroy.size = rule->least - 1);
        WITH("of least size", rule->outcome, argument.destroy.size = rule->least);
        WITH("with a zero tail", rule->outcome, argument.destroy.size = sizeof(argument));
        WITH("with a dirty tail", E2BIG, (argument.destroy.size = rule->size + 1, argument.bytes[rule->size] = DIRTY));
        WITH("with a dirty end", E2BIG, (argument.destroy.size = sizeof(argument), argument.bytes[127] = DIRTY));

        /* longer than a page, all zero; then with its last byte dirty; then longer than there is memory */
        fill_in(rule, &argument);
        memset(tail, 0, 4 * PAGE);
        argument.destroy.size = 3 * PAGE;
        memcpy(tail, &argument, rule->size);
        snprintf(what, sizeof(what), "%s of three pages", rule->name);
        TRY(what, ioctl(iommu, rule->number, tail), rule->outcome);
        memcpy(tail, &argument, rule->size);
        tail[3 * PAGE - 1] = DIRTY;
        snprintf(what, sizeof(what), "%s of three pages with a dirty end", rule->name);
        TRY(what, ioctl(iommu, rule->number, tail), E2BIG);
        fill_in(rule, &argument);
        argument.destroy.size = 2 * PAGE;
        memset(edge, 0, PAGE);
        memcpy(edge, &argument, rule->size);
        snprintf(what, sizeof(what), "%s whose tail leaves the memory", rule->name);
        TRY(what, ioctl(iommu, rule->number, edge), EFAULT);
        argument.destroy.size = UINT32_MAX;
        memcpy(edge, &argument, rule->size);
        snprintf(what, sizeof(what), "%s of 4 GiB", rule->name);
        TRY(what, ioctl(iommu, rule->number, edge), EFAULT);

        /* unreadable: nothing there, kernel's, only the size there, half of it there */
        fill_in(rule, &argument);
        snprintf(what, sizeof(what), "%s at unreadable memory", rule->name);
        TRY(what, ioctl(iommu, rule->number, NULL), EFAULT);
        TRY(what, ioctl(iommu, rule->number, edge + PAGE), EFAULT);
        TRY(what, ioctl(iommu, rule->number, (void *)0xffff800000000000ul), EFAULT);
        TRY(what, ioctl(iommu, rule->number, (void *)-8l), EFAULT);
        memcpy(edge + PAGE - 4, &argument, 4);
        TRY(what, ioctl(iommu, rule->number, edge + PAGE - 4), EFAULT);
        memcpy(edge + PAGE - rule->size + 1, &argument, rule->size - 1);
        TRY(what, ioctl(iommu, rule->number, edge + PAGE - rule->size + 1), EFAULT);
        memcpy(edge + PAGE - 2, &argument, 2);
        TRY(what, ioctl(iommu, rule->number, edge + PAGE - 2), EFAULT);

        /* nothing asks for alignment */
        memcpy(edge + 1, &argument, rule->size);
        snprintf(what, sizeof(what), "%s at an odd address", rule->name);
        TRY(what, ioctl(iommu, rule->number, edge + 1), rule->outcome);
        unchanged(rule->name);
    }
    munmap(tail, 4 * PAGE);
}

/* ---- numbers ---- */

static void numbers(void)
{
    union argument argument = {.destroy = {.size = sizeof(argument), .id = 999}};
    for (unsigned number = 0x95; number <= 0xff; number++)
        if (number != 0xa0) /* the kernel's own tests have theirs there */
            TRY("an unknown number past the last", ioctl(iommu, _IO(';', number), &argument), ENOTTY);
    for (unsigned number = 0; number < 0x64; number++)
        TRY("an unknown number below the first", ioctl(iommu, _IO(';', number), &argument), ENOTTY);
    TRY("DESTROY of another type", ioctl(iommu, _IO('T', 0x80), &argument), ENOTTY);
    TRY("DESTROY with a direction", ioctl(iommu, _IOW(';', 0x80, struct iommu_destroy), &argument), ENOTTY);
    TRY("DESTROY with a direction", ioctl(iommu, _IOWR(';', 0x80, struct iommu_destroy), &argument), ENOTTY);
    TRY("an unknown number at no memory", ioctl(iommu, _IO(';', 0xff), NULL), ENOTTY);
    TRY("0", ioctl(iommu, 0, &argument), ENOTTY);
    TRY("~0", ioctl(iommu, ~0ul, &argument), ENOTTY);
    TRY("a terminal's", isatty(iommu) ? 0 : -1, ENOTTY);

    for (unsigned number = 0; number < 0x64; number++)
        TRY("a device's unknown number below", ioctl(cdev, _IO(';', number), &argument), ENOTTY);
    for (unsigned number = 0x80; number <= 0xff; number++)
        TRY("a device's unknown number above", ioctl(cdev, _IO(';', number), &argument), ENOTTY);
    TRY("a device's number of another type", ioctl(cdev, _IO('T', 0x6b), &argument), ENOTTY);
    TRY("a device's number with a direction", ioctl(cdev, _IOW(';', 0x6b, struct vfio_device_info), &argument), ENOTTY);
    TRY("read of /dev/iommu", read(iommu, &argument, sizeof(argument)), EINVAL);
    TRY("write to /dev/iommu", write(iommu, &argument, sizeof(argument)), EINVAL);
    TRY("mmap of /dev/iommu", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, iommu, 0) == MAP_FAILED ? -1 : 0, ENXIO);
    unchanged("unknown numbers");
}

/* ---- fields ---- */

#define IOCTL(what, type, number, wanted, ...)                                                \
    do {                                                                                      \
        struct type argument_ = {.size = sizeof(argument_), __VA_ARGS__};                     \
        TRY(what, ioctl(iommu, number, &argument_), wanted);                                  \
    } while (0)

static void fields(void)
{
    IOCTL("IOAS_ALLOC flags", iommu_ioas_alloc, IOMMU_IOAS_ALLOC, EOPNOTSUPP, .flags = 1u << 31);
    for (uint32_t id = 0; id < 5; id++) {
        /* no such object; not an object's number; a device; a page table */
        uint32_t bad[] = {0, 999, UINT32_MAX, device.id, hwpt};
        struct iommu_iova_range range = {0, 0xffff};
        IOCTL("IOVA_RANGES of no IOAS", iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES, ENOENT, .ioas_id = bad[id]);
        IOCTL("ALLOW_IOVAS of no IOAS", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, ENOENT, .ioas_id = bad[id],
              .num_iovas = 1, .allowed_iovas = addr(&range));
        IOCTL("MAP into no IOAS", iommu_ioas_map, IOMMU_IOAS_MAP, ENOENT, .flags = RW, .ioas_id = bad[id],
              .user_va = addr(memory), .length = PAGE);
        IOCTL("MAP_FILE into no IOAS", iommu_ioas_map_file, IOMMU_IOAS_MAP_FILE, ENOENT, .flags = RW, .ioas_id = bad[id],
              .fd = -1, .length = PAGE);
        IOCTL("COPY from no IOAS", iommu_ioas_copy, IOMMU_IOAS_COPY, ENOENT, .flags = RW, .dst_ioas_id = ioas,
              .src_ioas_id = bad[id], .length = PAGE, .src_iova = MAPPED);
        IOCTL("COPY to no IOAS", iommu_ioas_copy, IOMMU_IOAS_COPY, ENOENT, .flags = RW, .dst_ioas_id = bad[id],
              .src_ioas_id = ioas, .length = PAGE, .src_iova = MAPPED);
        IOCTL("UNMAP from no IOAS", iommu_ioas_unmap, IOMMU_IOAS_UNMAP, ENOENT, .ioas_id = bad[id], .length = UINT64_MAX);
        IOCTL("OPTION of no IOAS", iommu_option, IOMMU_OPTION, ENOENT, .option_id = IOMMU_OPTION_HUGE_PAGES,
              .op = IOMMU_OPTION_OP_GET, .object_id = bad[id]);
        IOCTL("HWPT_ALLOC of no page table", iommu_hwpt_alloc, IOMMU_HWPT_ALLOC, bad[id] == hwpt ? EOPNOTSUPP : EINVAL,
              .dev_id = device.id, .pt_id = bad[id]);
        uint32_t not_device = bad[id] == device.id ? ioas : bad[id];
        IOCTL("HWPT_ALLOC for no device", iommu_hwpt_alloc, IOMMU_HWPT_ALLOC, ENOENT, .dev_id = not_device, .pt_id = ioas);
        IOCTL("GET_HW_INFO of no device", iommu_hw_info, IOMMU_GET_HW_INFO, ENOENT, .dev_id = not_device);
    }
    IOCTL("DESTROY 0", iommu_destroy, IOMMU_DESTROY, ENOENT, .id = 0);
    IOCTL("DESTROY ~0", iommu_destroy, IOMMU_DESTROY, ENOENT, .id = UINT32_MAX);
    IOCTL("DESTROY of a bound device", iommu_destroy, IOMMU_DESTROY, EBUSY, .id = device.id);
    unchanged("wrong ids");

    IOCTL("IOVA_RANGES reserved", iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES, EOPNOTSUPP, .ioas_id = ioas, .__reserved = 1);
    IOCTL("IOVA_RANGES array", iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES, EFAULT, .ioas_id = ioas, .num_iovas = 8,
          .allowed_iovas = addr(edge + PAGE));
    IOCTL("IOVA_RANGES array's end", iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES, EFAULT, .ioas_id = ioas, .num_iovas = 8,
          .allowed_iovas = addr(edge + PAGE - 16));

    struct iommu_iova_range bad_ranges[] = {{5, 4}, {5, 5}, {0, 10}, {10, 20}};
    IOCTL("ALLOW_IOVAS reserved", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EOPNOTSUPP, .ioas_id = ioas, .__reserved = 1);
    IOCTL("ALLOW_IOVAS backwards", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EINVAL, .ioas_id = ioas, .num_iovas = 1,
          .allowed_iovas = addr(&bad_ranges[0]));
    IOCTL("ALLOW_IOVAS of one byte", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EINVAL, .ioas_id = ioas, .num_iovas = 1,
          .allowed_iovas = addr(&bad_ranges[1]));
    IOCTL("ALLOW_IOVAS overlapping", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EINVAL, .ioas_id = ioas, .num_iovas = 2,
          .allowed_iovas = addr(&bad_ranges[2]));
    IOCTL("ALLOW_IOVAS array", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EFAULT, .ioas_id = ioas, .num_iovas = 1,
          .allowed_iovas = addr(edge + PAGE));
    memset(edge, 0, PAGE);
    memcpy(edge + PAGE - 16, &bad_ranges[2], 16);
    IOCTL("ALLOW_IOVAS of 4 G ranges", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EFAULT, .ioas_id = ioas,
          .num_iovas = UINT32_MAX, .allowed_iovas = addr(edge + PAGE - 16));
    unchanged("ranges");

#define MAP(what, wanted, ...)                                                                \
    IOCTL("MAP " what, iommu_ioas_map, IOMMU_IOAS_MAP, wanted, .ioas_id = ioas, .user_va = addr(memory), __VA_ARGS__)
    MAP("flags", EOPNOTSUPP, .flags = RW | 8, .length = PAGE);
    MAP("flags", EOPNOTSUPP, .flags = RW | 1u << 31, .length = PAGE);
    MAP("reserved", EOPNOTSUPP, .flags = RW, .__reserved = 1, .length = PAGE);
    MAP("without permissions", EINVAL, .flags = FIXED, .length = PAGE, .iova = 0x40000);
    MAP("of nothing", EINVAL, .flags = RW | FIXED, .iova = 0x40000);
    MAP("of nothing anywhere", EINVAL, .flags = RW);
    MAP("of everything", EOVERFLOW, .flags = RW | FIXED, .length = UINT64_MAX);
    MAP("at the last IOVA", EOVERFLOW, .flags = RW | FIXED, .length = PAGE, .iova = UINT64_MAX);
    MAP("past the last IOVA", EOVERFLOW, .flags = RW | FIXED, .length = 2 * PAGE, .iova = -PAGE);
    MAP("past the last address", EOVERFLOW, .flags = RW, .length = -2 * PAGE);
    MAP("unaligned IOVA", EINVAL, .flags = RW | FIXED, .length = PAGE, .iova = 0x40001);
    MAP("unaligned length", EINVAL, .flags = RW | FIXED, .length = PAGE - 1, .iova = 0x40000);
    MAP("in the interrupt window", EINVAL, .flags = RW | FIXED, .length = PAGE, .iova = 0xfee00000);
    MAP("beyond the address width", EINVAL, .flags = RW | FIXED, .length = PAGE, .iova = 1ull << 60);
    MAP("over another", EEXIST, .flags = RW | FIXED, .length = 3 * PAGE, .iova = MAPPED - PAGE);
    IOCTL("MAP of no memory", iommu_ioas_map, IOMMU_IOAS_MAP, EFAULT, .ioas_id = ioas, .flags = RW, .length = PAGE,
          .user_va = addr(edge + PAGE));
    IOCTL("MAP of half no memory", iommu_ioas_map, IOMMU_IOAS_MAP, EFAULT, .ioas_id = ioas, .flags = RW, .length = 2 * PAGE,
          .user_va = addr(edge));
    IOCTL("MAP of the kernel's memory", iommu_ioas_map, IOMMU_IOAS_MAP, EFAULT, .ioas_id = ioas, .flags = RW, .length = PAGE,
          .user_va = 0xffff800000000000ul);
    IOCTL("MAP at address 0", iommu_ioas_map, IOMMU_IOAS_MAP, EFAULT, .ioas_id = ioas, .flags = RW, .length = PAGE);
    IOCTL("MAP at an odd address", iommu_ioas_map, IOMMU_IOAS_MAP, EINVAL, .ioas_id = ioas, .flags = RW, .length = PAGE,
          .user_va = addr(memory) + 1);
    IOCTL("MAP past the last address", iommu_ioas_map, IOMMU_IOAS_MAP, EOVERFLOW, .ioas_id = ioas, .flags = RW, .length = PAGE,
          .user_va = -PAGE);
    unchanged("MAP");

    int file = must(memfd_create("bad", MFD_CLOEXEC)), pipes[2];
    must(pipe(pipes));
    must(ftruncate(file, 4 * PAGE));
#define FROM_FILE(what, wanted, ...)                                                           \
    IOCTL("MAP_FILE " what, iommu_ioas_map_file, IOMMU_IOAS_MAP_FILE, wanted, .ioas_id = ioas, __VA_ARGS__)
    FROM_FILE("flags", EOPNOTSUPP, .flags = RW | 8, .fd = file, .length = PAGE);
    FROM_FILE("without permissions", EINVAL, .flags = 0, .fd = file, .length = PAGE);
    FROM_FILE("of nothing", EINVAL, .flags = RW, .fd = file);
    FROM_FILE("of everything", EOVERFLOW, .flags = RW, .fd = file, .length = UINT64_MAX);
    FROM_FILE("past every offset", EOVERFLOW, .flags = RW, .fd = file, .start = -PAGE, .length = 2 * PAGE);
    FROM_FILE("of no file", EBADF, .flags = RW, .fd = 12345, .length = PAGE);
    FROM_FILE("of a pipe", EINVAL, .flags = RW, .fd = pipes[0], .length = PAGE);
    FROM_FILE("of /dev/iommu", EINVAL, .flags = RW, .fd = iommu, .length = PAGE);
    FROM_FILE("past the file's end", EINVAL, .flags = RW, .fd = file, .start = 4 * PAGE, .length = PAGE);
    FROM_FILE("across the file's end", EINVAL, .flags = RW, .fd = file, .start = 3 * PAGE, .length = 2 * PAGE);
    FROM_FILE("from an odd place", EINVAL, .flags = RW | FIXED, .fd = file, .start = 1, .length = PAGE, .iova = 0x40000);
    FROM_FILE("over another", EEXIST, .flags = RW | FIXED, .fd = file, .length = PAGE, .iova = MAPPED);
    close(file);
    close(pipes[0]);
    close(pipes[1]);
    unchanged("MAP_FILE");

#define COPY(what, wanted, ...)                                                               \
    IOCTL("COPY " what, iommu_ioas_copy, IOMMU_IOAS_COPY, wanted, .dst_ioas_id = ioas, .src_ioas_id = second, __VA_ARGS__)
    COPY("flags", EOPNOTSUPP, .flags = RW | 8, .length = PAGE, .src_iova = MAPPED);
    COPY("without permissions", EINVAL, .flags = 0, .length = PAGE, .src_iova = MAPPED);
    COPY("of nothing", EINVAL, .flags = RW, .length = 0, .src_iova = MAPPED);
    COPY("of everything", EOVERFLOW, .flags = RW, .length = UINT64_MAX, .src_iova = MAPPED);
    COPY("past the last IOVA", EOVERFLOW, .flags = RW, .length = 2 * PAGE, .src_iova = -PAGE);
    COPY("to the last IOVA", EOVERFLOW, .flags = RW | FIXED, .length = PAGE, .src_iova = MAPPED, .dst_iova = UINT64_MAX);
    COPY("of what is not mapped", ENOENT, .flags = RW, .length = PAGE, .src_iova = 0x90000);
    COPY("of more than is mapped", ENOENT, .flags = RW, .length = 2 * PAGE, .src_iova = MAPPED);
    COPY("to an odd IOVA", EINVAL, .flags = RW | FIXED, .length = PAGE, .src_iova = MAPPED, .dst_iova = 0x40001);
    COPY("over another", EEXIST, .flags = RW | FIXED, .length = PAGE, .src_iova = MAPPED, .dst_iova = MAPPED);
    unchanged("COPY");

    TRY("UNMAP of nothing", unmap(iommu, ioas, MAPPED, 0), EINVAL);
    TRY("UNMAP at the last IOVA", unmap(iommu, ioas, UINT64_MAX, PAGE), EOVERFLOW);
    TRY("UNMAP past the last IOVA", unmap(iommu, ioas, -PAGE, 2 * PAGE), EOVERFLOW);
    TRY("UNMAP of everything but 0", unmap(iommu, ioas, PAGE, UINT64_MAX), EOVERFLOW);
    TRY("UNMAP of a part", unmap(iommu, ioas, MAPPED, PAGE / 2), ENOENT);
    TRY("UNMAP where nothing is", unmap(iommu, ioas, 0x90000, PAGE), ENOENT);
    unchanged("UNMAP");

    IOCTL("OPTION unknown", iommu_option, IOMMU_OPTION, EOPNOTSUPP, .option_id = 99, .op = IOMMU_OPTION_OP_GET);
    IOCTL("OPTION reserved", iommu_option, IOMMU_OPTION, EOPNOTSUPP, .option_id = IOMMU_OPTION_HUGE_PAGES,
          .op = IOMMU_OPTION_OP_GET, .__reserved = 1, .object_id = ioas);
    IOCTL("OPTION operation", iommu_option, IOMMU_OPTION, EOPNOTSUPP, .option_id = IOMMU_OPTION_HUGE_PAGES, .op = 7,
          .object_id = ioas);
    IOCTL("OPTION value", iommu_option, IOMMU_OPTION, EINVAL, .option_id = IOMMU_OPTION_HUGE_PAGES,
          .op = IOMMU_OPTION_OP_SET, .object_id = ioas, .val64 = 2);
    IOCTL("OPTION rlimit's object", iommu_option, IOMMU_OPTION, EOPNOTSUPP, .option_id = IOMMU_OPTION_RLIMIT_MODE,
          .op = IOMMU_OPTION_OP_GET, .object_id = ioas);
    IOCTL("OPTION rlimit's operation", iommu_option, IOMMU_OPTION, EOPNOTSUPP, .option_id = IOMMU_OPTION_RLIMIT_MODE, .op = 7);
    /* refused either way: to the unprivileged, and to everybody once there are objects */
    struct iommu_option option = {
        .size = sizeof(option), .option_id = IOMMU_OPTION_RLIMIT_MODE, .op = IOMMU_OPTION_OP_SET, .val64 = 1};
    TRY("OPTION rlimit's value, with objects", ioctl(iommu, IOMMU_OPTION, &option), geteuid() ? EPERM : EBUSY);
    IOCTL("CHANGE_PROCESS reserved", iommu_ioas_change_process, IOMMU_IOAS_CHANGE_PROCESS, EOPNOTSUPP, .__reserved = 1);
    IOCTL("CHANGE_PROCESS with memory that is no file", iommu_ioas_change_process, IOMMU_IOAS_CHANGE_PROCESS, EINVAL, );
    unchanged("OPTION");

#define HWPT(what, wanted, ...)                                                               \
    IOCTL("HWPT_ALLOC " what, iommu_hwpt_alloc, IOMMU_HWPT_ALLOC, wanted, .dev_id = device.id, .pt_id = second, __VA_ARGS__)
    HWPT("flags", EOPNOTSUPP, .flags = 1u << 31);
    HWPT("flags", EOPNOTSUPP, .flags = 1u << 4);
    HWPT("reserved", EOPNOTSUPP, .__reserved = 1);
    HWPT("data without length", EINVAL, .data_type = IOMMU_HWPT_DATA_VTD_S1);
    HWPT("length without data", EINVAL, .data_len = 8, .data_uptr = addr(memory));
    HWPT("fault queue and nest parent", EOPNOTSUPP, .flags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_NEST_PARENT);
    HWPT("fault queue that is none", ENOENT, .flags = IOMMU_HWPT_FAULT_ID_VALID, .fault_id = 999);
    HWPT("fault queue that is an IOAS", ENOENT, .flags = IOMMU_HWPT_FAULT_ID_VALID, .fault_id = ioas);
#define INFO(what, wanted, ...)                                                               \
    IOCTL("GET_HW_INFO " what, iommu_hw_info, IOMMU_GET_HW_INFO, wanted, .dev_id = device.id, __VA_ARGS__)
    INFO("flags", EOPNOTSUPP, .flags = 2);
    INFO("flags", EOPNOTSUPP, .flags = 1u << 31);
    INFO("reserved", EOPNOTSUPP, .__reserved = {0, 0, 1});
    INFO("type that is another unit's", EOPNOTSUPP, .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
         .in_data_type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3);
    INFO("data at no memory", EFAULT, .data_len = 40, .data_uptr = addr(edge + PAGE));
    INFO("data that leaves the memory", EFAULT, .data_len = 40, .data_uptr = addr(edge + PAGE - 8));
    unchanged("HWPT_ALLOC and GET_HW_INFO");
}

/* A result that cannot be delivered is a failure too; MAP is left out: Linux keeps what it mapped. */
static void read_only_structs(void)
{
    uint8_t *page = pages(1);
    union argument *argument = (union argument *)page;
#define READ_ONLY(name, number, wanted, ...)                                                  \
    do {                                                                                      \
        must(mprotect(page, PAGE, PROT_READ | PROT_WRITE));                                   \
        memset(page, 0, PAGE);                                                                \
        *argument = (union argument){__VA_ARGS__};                                            \
        must(mprotect(page, PAGE, PROT_READ));                                                \
        TRY(name " with a struct that cannot be written", ioctl(iommu, number, page), wanted); \
    } while (0)
    READ_ONLY("IOAS_ALLOC", IOMMU_IOAS_ALLOC, EFAULT, .alloc = {.size = sizeof(argument->alloc)});
    READ_ONLY("IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, EFAULT, .ranges = {.size = sizeof(argument->ranges), .ioas_id = ioas});
    READ_ONLY("OPTION", IOMMU_OPTION, EFAULT,
              .option = {.size = sizeof(argument->option), .option_id = IOMMU_OPTION_HUGE_PAGES,
                         .op = IOMMU_OPTION_OP_GET, .object_id = ioas});
    READ_ONLY("HWPT_ALLOC", IOMMU_HWPT_ALLOC, EFAULT,
              .hwpt = {.size = sizeof(argument->hwpt), .dev_id = device.id, .pt_id = second});
    READ_ONLY("GET_HW_INFO", IOMMU_GET_HW_INFO, EFAULT, .info = {.size = sizeof(argument->info), .dev_id = device.id});
    READ_ONLY("DESTROY", IOMMU_DESTROY, ENOENT, .destroy = {.size = sizeof(argument->destroy), .id = 999});
    munmap(page, PAGE);
    unchanged("structs that cannot be written");
    /* no page table was left behind: then this one could not go */
    TRY("DESTROY of an unused IOAS", destroy(iommu, second), 0);
    second = ioas_alloc(iommu);
    must(map_at(iommu, second, memory, PAGE, MAPPED, RW));
}

/* ---- the device ---- */

static void before_bind(int fd)
{
    uint8_t bytes[64] = {64};
    uint32_t pt = ioas;
    TRY("GET_INFO before bind", ioctl(fd, VFIO_DEVICE_GET_INFO, bytes), EINVAL);
    TRY("GET_REGION_INFO before bind", ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, bytes), EINVAL);
    TRY("GET_IRQ_INFO before bind", ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, bytes), EINVAL);
    TRY("SET_IRQS before bind", ioctl(fd, VFIO_DEVICE_SET_IRQS, bytes), EINVAL);
    TRY("RESET before bind", ioctl(fd, VFIO_DEVICE_RESET), EINVAL);
    TRY("FEATURE before bind", ioctl(fd, VFIO_DEVICE_FEATURE, bytes), EINVAL);
    TRY("ATTACH before bind", attach(fd, &pt), EINVAL);
    TRY("DETACH before bind", detach(fd), EINVAL);
    TRY("an unknown number before bind", ioctl(fd, _IO(';', 0xff), bytes), EINVAL);
    TRY("GET_INFO at no memory before bind", ioctl(fd, VFIO_DEVICE_GET_INFO, NULL), EINVAL);
    TRY("pread before bind", pread(fd, bytes, 4, 0), EINVAL);
    TRY("pwrite before bind", pwrite(fd, bytes, 4, 0), EINVAL);
    TRY("mmap before bind", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, EINVAL);
}

static void binding(int fd)
{
    struct {
        struct vfio_device_bind_iommufd bind;
        uint8_t tail[8];
    } argument;
    const uint32_t least = offsetof(struct vfio_device_bind_iommufd, out_devid) + 4;
    int null = must(open("/dev/null", O_RDWR));
#define BIND(what, wanted, ...)                                                               \
    do {                                                                                      \
        memset(&argument, 0, sizeof(argument));                                               \
        argument.bind = (struct vfio_device_bind_iommufd){.argsz = sizeof(argument.bind), .iommufd = iommu}; \
        __VA_ARGS__;                                                                          \
        TRY("BIND " what, ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &argument), wanted);            \
    } while (0)
    BIND("of size 0", EINVAL, argument.bind.argsz = 0);
    BIND("short", EINVAL, argument.bind.argsz = least - 1);
    BIND("with a dirty tail", E2BIG, (argument.bind.argsz = sizeof(argument), argument.tail[0] = DIRTY));
    BIND("flags", EINVAL, argument.bind.flags = 2);
    BIND("fd -1", EINVAL, argument.bind.iommufd = -1);
    BIND("fd -2", EINVAL, argument.bind.iommufd = -2);
    BIND("an fd that is not open", EBADF, argument.bind.iommufd = 12345);
    BIND("an fd of something else", EBADFD, argument.bind.iommufd = null);
    BIND("an fd of a device", EBADFD, argument.bind.iommufd = fd);
    BIND("a token at no memory", EFAULT,
         (argument.bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN, argument.bind.token_uuid_ptr = addr(edge + PAGE)));
    BIND("a token that nobody asked for", EINVAL,
         (argument.bind.flags = VFIO_DEVICE_BIND_FLAG_TOKEN, argument.bind.token_uuid_ptr = addr(edge)));
    TRY("BIND at no memory", ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, NULL), EFAULT);
    memcpy(edge + PAGE - 4, &(uint32_t){sizeof(argument.bind)}, 4);
    TRY("BIND at half no memory", ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, edge + PAGE - 4), EFAULT);
    close(null);
}

static void device_structs(void)
{
    struct {
        union {
            struct vfio_device_info info;
            struct vfio_region_info region;
            struct vfio_irq_info irq;
            struct vfio_irq_set set;
            struct vfio_device_feature feature;
            struct vfio_device_attach_iommufd_pt attach;
            struct vfio_device_detach_iommufd_pt detach;
            uint32_t argsz;
            uint8_t bytes[128];
        };
    } a;
    static const struct {
        const char *name;
        unsigned long number;
        uint32_t size, least;
        int outcome;
    } structs[] = {
        {"GET_INFO", VFIO_DEVICE_GET_INFO, sizeof(struct vfio_device_info), 16, 0},
        {"GET_REGION_INFO", VFIO_DEVICE_GET_REGION_INFO, sizeof(struct vfio_region_info), 32, 0},
        {"GET_IRQ_INFO", VFIO_DEVICE_GET_IRQ_INFO, sizeof(struct vfio_irq_info), 16, 0},
        {"SET_IRQS", VFIO_DEVICE_SET_IRQS, sizeof(struct vfio_irq_set), 20, EINVAL},
        {"ATTACH", VFIO_DEVICE_ATTACH_IOMMUFD_PT, sizeof(struct vfio_device_attach_iommufd_pt), 12, ENOENT},
        {"FEATURE", VFIO_DEVICE_FEATURE, sizeof(struct vfio_device_feature), 8, ENOTTY},
    };
    for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
        char what[128];
#define DEVICE(label, wanted, ...)                                                            \
    do {                                                                                      \
        memset(&a, 0, sizeof(a));                                                             \
        a.argsz = structs[i].size;                                                            \
        if (structs[i].number == VFIO_DEVICE_ATTACH_IOMMUFD_PT)                               \
            a.attach.pt_id = 999;                                                             \
        if (structs[i].number == VFIO_DEVICE_FEATURE)                                         \
            a.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION;        \
        __VA_ARGS__;                                                                          \
        snprintf(what, sizeof(what), "%s %s", structs[i].name, label);                        \
        TRY(what, ioctl(cdev, structs[i].number, &a), wanted);                                \
    } while (0)
        DEVICE("as it is", structs[i].outcome, );
        DEVICE("of size 0", EINVAL, a.argsz = 0);
        DEVICE("one byte short", EINVAL, a.argsz = structs[i].least - 1);
        DEVICE("of least size", structs[i].outcome, a.argsz = structs[i].least);
        /* unlike iommufd's, these never looked at what comes after */
        DEVICE("with a dirty tail", structs[i].outcome, (a.argsz = 128, memset(a.bytes + structs[i].size, DIRTY, 60)));
        snprintf(what, sizeof(what), "%s at unreadable memory", structs[i].name);
        TRY(what, ioctl(cdev, structs[i].number, NULL), EFAULT);
        TRY(what, ioctl(cdev, structs[i].number, edge + PAGE), EFAULT);
        TRY(what, ioctl(cdev, structs[i].number, (void *)0xffff800000000000ul), EFAULT);
        memset(&a, 0, sizeof(a));
        a.argsz = structs[i].size;
        memcpy(edge + PAGE - 4, &a, 4);
        TRY(what, ioctl(cdev, structs[i].number, edge + PAGE - 4), EFAULT);
    }
    TRY("DETACH of size 0", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, memset(&a, 0, sizeof(a))), EINVAL);
    a.argsz = 7;
    TRY("DETACH short", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &a), EINVAL);
    a.argsz = 8;
    a.detach.flags = 2;
    TRY("DETACH flags", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &a), EINVAL);
    a.detach.flags = VFIO_DEVICE_DETACH_PASID;
    TRY("DETACH a PASID without room for it", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &a), EINVAL);
    TRY("DETACH at no memory", ioctl(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL), EFAULT);
    unchanged("the device's structs");
}

static void device_fields(void)
{
    uint32_t pt;
    struct vfio_device_attach_iommufd_pt at = {.argsz = sizeof(at), .flags = 2, .pt_id = ioas};
    TRY("ATTACH flags", ioctl(cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &at), EINVAL);
    at = (struct vfio_device_attach_iommufd_pt){.argsz = 12, .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = ioas};
    TRY("ATTACH a PASID without room for it", ioctl(cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &at), EINVAL);
    TRY("ATTACH to nothing", attach(cdev, (pt = 0, &pt)), ENOENT);
    TRY("ATTACH to ~0", attach(cdev, (pt = UINT32_MAX, &pt)), ENOENT);
    TRY("ATTACH to a device", attach(cdev, (pt = device.id, &pt)), EINVAL);
    unchanged("ATTACH");

    struct vfio_region_info region = {.argsz = sizeof(region), .index = VFIO_PCI_NUM_REGIONS};
    TRY("GET_REGION_INFO past the last", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), EINVAL);
    region.index = UINT32_MAX;
    TRY("GET_REGION_INFO ~0", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), EINVAL);
    region.index = VFIO_PCI_VGA_REGION_INDEX;
    TRY("GET_REGION_INFO of a VGA that is none", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), EINVAL);
    region.index = VFIO_PCI_BAR5_REGION_INDEX;
    TRY("GET_REGION_INFO of a BAR that is none", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), 0);
    expect_eq(region.size, 0);
    expect_eq(region.flags, 0);
    region.index = VFIO_PCI_ROM_REGION_INDEX;
    TRY("GET_REGION_INFO of a ROM that is none", ioctl(cdev, VFIO_DEVICE_GET_REGION_INFO, &region), 0);
    expect_eq(region.size, 0);
    struct vfio_irq_info irq = {.argsz = sizeof(irq), .index = VFIO_PCI_NUM_IRQS};
    TRY("GET_IRQ_INFO past the last", ioctl(cdev, VFIO_DEVICE_GET_IRQ_INFO, &irq), EINVAL);
    irq.index = UINT32_MAX;
    TRY("GET_IRQ_INFO ~0", ioctl(cdev, VFIO_DEVICE_GET_IRQ_INFO, &irq), EINVAL);

    int event = new_eventfd(), null = must(open("/dev/null", O_RDWR)), closed = 12345;
    const uint32_t msi = VFIO_PCI_MSI_IRQ_INDEX;
    TRY("SET_IRQS index", set_irqs(cdev, VFIO_PCI_NUM_IRQS, TRIGGER_EVENTFD, 0, 1, &event), EINVAL);
    TRY("SET_IRQS flags", set_irqs(cdev, msi, TRIGGER_EVENTFD | 1u << 6, 0, 1, &event), EINVAL);
    TRY("SET_IRQS no data type", set_irqs(cdev, msi, VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, NULL), EINVAL);
    TRY("SET_IRQS two data types", set_irqs(cdev, msi, TRIGGER_EVENTFD | TRIGGER_NONE, 0, 1, &event), EINVAL);
    TRY("SET_IRQS no action", set_irqs(cdev, msi, VFIO_IRQ_SET_DATA_EVENTFD, 0, 1, &event), ENOTTY);
    TRY("SET_IRQS two actions", set_irqs(cdev, msi, TRIGGER_EVENTFD | VFIO_IRQ_SET_ACTION_MASK, 0, 1, &event), ENOTTY);
    TRY("SET_IRQS past the last", set_irqs(cdev, msi, TRIGGER_EVENTFD, 1, 1, &event), EINVAL);
    TRY("SET_IRQS too many", set_irqs(cdev, msi, TRIGGER_NONE, 0, 2, NULL), EINVAL);
    TRY("SET_IRQS overflow", set_irqs(cdev, msi, TRIGGER_NONE, UINT32_MAX, 2, NULL), EINVAL);
    TRY("SET_IRQS overflow", set_irqs(cdev, msi, TRIGGER_NONE, 0, UINT32_MAX, NULL), EINVAL);
    TRY("SET_IRQS without its data", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, NULL), EINVAL);
    TRY("SET_IRQS an fd that is not open", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, &closed), EBADF);
    TRY("SET_IRQS an fd of something else", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, &null), EINVAL);
    TRY("SET_IRQS trigger before any", set_irqs(cdev, msi, TRIGGER_NONE, 0, 1, NULL), EINVAL);
    TRY("SET_IRQS mask of an MSI", set_irqs(cdev, msi, MASK_NONE, 0, 1, NULL), ENOTTY);
    TRY("SET_IRQS trigger off before any", irqs_off(cdev, msi), EINVAL);
    uint8_t half[sizeof(struct vfio_irq_set)];
    struct vfio_irq_set set = {.argsz = sizeof(set) + 4, .flags = TRIGGER_EVENTFD, .index = msi, .count = 1};
    memcpy(half, &set, sizeof(half));
    memcpy(edge + PAGE - sizeof(half), half, sizeof(half));
    TRY("SET_IRQS whose data leaves the memory", ioctl(cdev, VFIO_DEVICE_SET_IRQS, edge + PAGE - sizeof(half)), EFAULT);
    /* after all that, it still can be enabled: nothing is left half done */
    TRY("SET_IRQS", set_irqs(cdev, msi, TRIGGER_EVENTFD, 0, 1, &event), 0);
    TRY("SET_IRQS off", irqs_off(cdev, msi), 0);
    close(null);
    close(event);

    struct vfio_device_feature feature = {.argsz = sizeof(feature)};
#define FEATURE(what, wanted, bits)                                                           \
    do {                                                                                      \
        feature.flags = (bits);                                                               \
        TRY("FEATURE " what, ioctl(cdev, VFIO_DEVICE_FEATURE, &feature), wanted);             \
    } while (0)
    FEATURE("flags", EINVAL, VFIO_DEVICE_FEATURE_GET | 1u << 30);
    FEATURE("get and set", EINVAL, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET);
    FEATURE("unknown", ENOTTY, VFIO_DEVICE_FEATURE_GET | 0xffff);
    FEATURE("unknown, probed", ENOTTY, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET | 0xffff);
    FEATURE("migration", ENOTTY, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION);
    FEATURE("dirty logging", ENOTTY,
            VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START);
    FEATURE("token of what has no VFs", ENOTTY,
            VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN);

    /* regions by pread and pwrite */
    uint8_t bytes[16] = {0};
    struct vfio_region_info config = region_info(cdev, VFIO_PCI_CONFIG_REGION_INDEX);
    TRY("pread past the config space", pread(cdev, bytes, 4, (off_t)(config.offset + config.size)), EFAULT);
    TRY("pread past all regions", pread(cdev, bytes, 4, (off_t)((uint64_t)VFIO_PCI_NUM_REGIONS << 40)), EINVAL);
    TRY("pread of a BAR that is none", pread(cdev, bytes, 4, (off_t)region_info(cdev, VFIO_PCI_BAR5_REGION_INDEX).offset), EINVAL);
    TRY("pwrite to the ROM", pwrite(cdev, bytes, 4, (off_t)region_info(cdev, VFIO_PCI_ROM_REGION_INDEX).offset), EINVAL);
    TRY("pread of a BAR past its end",
        pread(cdev, bytes, 4,
              (off_t)(region_info(cdev, VFIO_PCI_BAR0_REGION_INDEX).offset +
                      region_info(cdev, VFIO_PCI_BAR0_REGION_INDEX).size)), EINVAL);
    TRY("pread into no memory", pread(cdev, edge + PAGE, 4, (off_t)config.offset), EFAULT);
    TRY("pwrite from no memory", pwrite(cdev, edge + PAGE, 4, (off_t)config.offset + PCI_COMMAND), EFAULT);
    TRY("pread of nothing", pread(cdev, bytes, 0, (off_t)config.offset), 0);
    TRY("pread at a negative offset", pread(cdev, bytes, 4, -4), EINVAL);
    /* mapping what is not there */
#define MMAP(what, wanted, length, share, offset)                                             \
    TRY("mmap " what, mmap(NULL, length, PROT_READ, share, cdev, (off_t)(offset)) == MAP_FAILED ? -1 : 0, wanted)
    struct vfio_region_info bar = region_info(cdev, VFIO_PCI_BAR0_REGION_INDEX);
    MMAP("of the config space", EINVAL, PAGE, MAP_SHARED, config.offset);
    MMAP("of a BAR that is none", EINVAL, PAGE, MAP_SHARED, region_info(cdev, VFIO_PCI_BAR5_REGION_INDEX).offset);
    MMAP("of more than a BAR", EINVAL, bar.size + PAGE, MAP_SHARED, bar.offset);
    MMAP("past a BAR", EINVAL, PAGE, MAP_SHARED, bar.offset + bar.size);
    MMAP("of a private BAR", EINVAL, PAGE, MAP_PRIVATE, bar.offset);
    unchanged("the device's fields");
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    edge = pages(2);
    must(mprotect(edge + PAGE, PAGE, PROT_NONE));
    memory = pages(1);
    iommu = open_iommu();
    ioas = ioas_alloc(iommu);
    second = ioas_alloc(iommu);

    int fd = open_cdev(bdf);
    before_bind(fd);
    binding(fd);
    device = device_from(fd, iommu);
    cdev = device.fd;
    TRY("BIND twice", bind_iommufd(cdev, iommu, NULL), EINVAL);
    int another = open_cdev(bdf);
    TRY("BIND what another open file has bound", bind_iommufd(another, iommu, NULL), EINVAL);
    TRY("GET_INFO of a device that another open file has bound", ioctl(another, VFIO_DEVICE_GET_INFO, &device.info), EINVAL);
    close(another);

    hwpt = ioas;
    must(attach(cdev, &hwpt));
    must(map_at(iommu, ioas, memory, PAGE, MAPPED, RW));
    must(map_at(iommu, second, memory, PAGE, MAPPED, RW));
    unchanged("the start");
    if (wrong)
        return 1;

    sizes();
    numbers();
    fields();
    read_only_structs();
    device_structs();
    device_fields();
    printf("bad_input: %d tried, %d not as they must be\n", tried, wrong);
    return wrong != 0;
}
