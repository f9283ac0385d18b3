/* SPDX-License-Identifier: MIT */
/* Every wrong argument for an ioctl of /dev/iommu. usage: bad_input BDF */
#include "bad.h"

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

/* Arguments that are right except for one, so that the call itself fails with `outcome` and changes nothing. */
static const struct rule {
    const char *name;
    unsigned long number;
    uint32_t size, least; /* of the struct; of its first version */
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

        /* longer than a page, all zero; then with a dirty last byte; then longer than the memory */
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

        /* unreadable: unmapped; the kernel's; only the size readable; half readable */
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

        /* no alignment is required */
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
        if (number != 0xa0) /* the kernel's own tests have theirs here */
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

    /* at an offset that few files reach: a supervisor need not check every read of every file */
    TRY("read of /dev/iommu", pread(iommu, &argument, sizeof(argument), 1ll << 40), EINVAL);
    TRY("write to /dev/iommu", pwrite(iommu, &argument, sizeof(argument), 1ll << 40), EINVAL);
    TRY("mmap of /dev/iommu", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, iommu, 0) == MAP_FAILED ? -1 : 0, ENXIO);
    unchanged("unknown numbers");
}

static int capable(int capability)
{
    char line[256];
    unsigned long long effective = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status))
        sscanf(line, "CapEff: %llx", &effective);
    if (status)
        fclose(status);
    return effective >> capability & 1;
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
        IOCTL("MAP_FILE into no IOAS", iommu_ioas_map_file, IOMMU_IOAS_MAP_FILE, ENOENT, .flags = RW,
            .ioas_id = bad[id], .fd = -1, .length = PAGE);
        IOCTL("COPY from no IOAS", iommu_ioas_copy, IOMMU_IOAS_COPY, ENOENT, .flags = RW, .dst_ioas_id = ioas,
              .src_ioas_id = bad[id], .length = PAGE, .src_iova = MAPPED);
        IOCTL("COPY to no IOAS", iommu_ioas_copy, IOMMU_IOAS_COPY, ENOENT, .flags = RW, .dst_ioas_id = bad[id],
              .src_ioas_id = ioas, .length = PAGE, .src_iova = MAPPED);
        IOCTL(
            "UNMAP from no IOAS", iommu_ioas_unmap, IOMMU_IOAS_UNMAP, ENOENT, .ioas_id = bad[id], .length = UINT64_MAX);
        IOCTL("OPTION of no IOAS", iommu_option, IOMMU_OPTION, ENOENT, .option_id = IOMMU_OPTION_HUGE_PAGES,
              .op = IOMMU_OPTION_OP_GET, .object_id = bad[id]);
        IOCTL("HWPT_ALLOC of no page table", iommu_hwpt_alloc, IOMMU_HWPT_ALLOC, bad[id] == hwpt ? EOPNOTSUPP : EINVAL,
              .dev_id = device.id, .pt_id = bad[id]);
        uint32_t not_device = bad[id] == device.id ? ioas : bad[id];
        IOCTL("HWPT_ALLOC for no device", iommu_hwpt_alloc, IOMMU_HWPT_ALLOC, ENOENT, .dev_id = not_device,
            .pt_id = ioas);
        IOCTL("GET_HW_INFO of no device", iommu_hw_info, IOMMU_GET_HW_INFO, ENOENT, .dev_id = not_device);
    }
    IOCTL("DESTROY 0", iommu_destroy, IOMMU_DESTROY, ENOENT, .id = 0);
    IOCTL("DESTROY ~0", iommu_destroy, IOMMU_DESTROY, ENOENT, .id = UINT32_MAX);
    IOCTL("DESTROY of a bound device", iommu_destroy, IOMMU_DESTROY, EBUSY, .id = device.id);
    unchanged("wrong ids");

    IOCTL("IOVA_RANGES reserved", iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES, EOPNOTSUPP, .ioas_id = ioas,
        .__reserved = 1);
    IOCTL("IOVA_RANGES array", iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES, EFAULT, .ioas_id = ioas, .num_iovas = 8,
          .allowed_iovas = addr(edge + PAGE));
    IOCTL("IOVA_RANGES array's end", iommu_ioas_iova_ranges, IOMMU_IOAS_IOVA_RANGES, EFAULT, .ioas_id = ioas,
        .num_iovas = 8, .allowed_iovas = addr(edge + PAGE - 16));

    struct iommu_iova_range bad_ranges[] = {{5, 4}, {5, 5}, {0, 10}, {10, 20}};
    IOCTL("ALLOW_IOVAS reserved", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EOPNOTSUPP, .ioas_id = ioas,
        .__reserved = 1);
    IOCTL("ALLOW_IOVAS backwards", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EINVAL, .ioas_id = ioas,
        .num_iovas = 1, .allowed_iovas = addr(&bad_ranges[0]));
    IOCTL("ALLOW_IOVAS of one byte", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EINVAL, .ioas_id = ioas,
        .num_iovas = 1, .allowed_iovas = addr(&bad_ranges[1]));
    IOCTL("ALLOW_IOVAS overlapping", iommu_ioas_allow_iovas, IOMMU_IOAS_ALLOW_IOVAS, EINVAL, .ioas_id = ioas,
        .num_iovas = 2, .allowed_iovas = addr(&bad_ranges[2]));
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
    IOCTL("MAP of half no memory", iommu_ioas_map, IOMMU_IOAS_MAP, EFAULT, .ioas_id = ioas, .flags = RW,
        .length = 2 * PAGE, .user_va = addr(edge));
    IOCTL("MAP of the kernel's memory", iommu_ioas_map, IOMMU_IOAS_MAP, EFAULT, .ioas_id = ioas, .flags = RW,
        .length = PAGE, .user_va = 0xffff800000000000ul);
    IOCTL("MAP at address 0", iommu_ioas_map, IOMMU_IOAS_MAP, EFAULT, .ioas_id = ioas, .flags = RW, .length = PAGE);
    IOCTL("MAP at an odd address", iommu_ioas_map, IOMMU_IOAS_MAP, EINVAL, .ioas_id = ioas, .flags = RW, .length = PAGE,
          .user_va = addr(memory) + 1);
    IOCTL("MAP past the last address", iommu_ioas_map, IOMMU_IOAS_MAP, EOVERFLOW, .ioas_id = ioas, .flags = RW,
        .length = PAGE, .user_va = -PAGE);
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
    FROM_FILE(
        "from an odd place", EINVAL, .flags = RW | FIXED, .fd = file, .start = 1, .length = PAGE, .iova = 0x40000);
    FROM_FILE("over another", EEXIST, .flags = RW | FIXED, .fd = file, .length = PAGE, .iova = MAPPED);
    close(file);
    close(pipes[0]);
    close(pipes[1]);
    unchanged("MAP_FILE");

#define COPY(what, wanted, ...) \
    IOCTL("COPY " what, iommu_ioas_copy, IOMMU_IOAS_COPY, wanted, .dst_ioas_id = ioas, .src_ioas_id = second, \
        __VA_ARGS__)
    COPY("flags", EOPNOTSUPP, .flags = RW | 8, .length = PAGE, .src_iova = MAPPED);
    COPY("without permissions", EINVAL, .flags = 0, .length = PAGE, .src_iova = MAPPED);
    COPY("of nothing", EINVAL, .flags = RW, .length = 0, .src_iova = MAPPED);
    COPY("of everything", EOVERFLOW, .flags = RW, .length = UINT64_MAX, .src_iova = MAPPED);
    COPY("past the last IOVA", EOVERFLOW, .flags = RW, .length = 2 * PAGE, .src_iova = -PAGE);
    COPY(
        "to the last IOVA", EOVERFLOW, .flags = RW | FIXED, .length = PAGE, .src_iova = MAPPED, .dst_iova = UINT64_MAX);
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
    IOCTL("OPTION rlimit's operation", iommu_option, IOMMU_OPTION, EOPNOTSUPP, .option_id = IOMMU_OPTION_RLIMIT_MODE,
        .op = 7);
    /* refused in any case: to unprivileged callers, and to everybody once there are objects */
    struct iommu_option option = {
        .size = sizeof(option), .option_id = IOMMU_OPTION_RLIMIT_MODE, .op = IOMMU_OPTION_OP_SET, .val64 = 1};
    TRY("OPTION rlimit's value, with objects", ioctl(iommu, IOMMU_OPTION, &option),
        capable(24 /* CAP_SYS_RESOURCE */) ? EBUSY : EPERM);
    IOCTL("CHANGE_PROCESS reserved", iommu_ioas_change_process, IOMMU_IOAS_CHANGE_PROCESS, EOPNOTSUPP, .__reserved = 1);
    IOCTL("CHANGE_PROCESS with memory that is no file", iommu_ioas_change_process, IOMMU_IOAS_CHANGE_PROCESS, EINVAL, );
    unchanged("OPTION");

#define HWPT(what, wanted, ...) \
    IOCTL("HWPT_ALLOC " what, iommu_hwpt_alloc, IOMMU_HWPT_ALLOC, wanted, .dev_id = device.id, .pt_id = second, \
        __VA_ARGS__)
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

/* If the result cannot be written the call fails too. MAP is left out: Linux keeps the mapping. */
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
    READ_ONLY(
        "IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, EFAULT, .ranges = {.size = sizeof(argument->ranges), .ioas_id = ioas});
    READ_ONLY("OPTION", IOMMU_OPTION, EFAULT,
              .option = {.size = sizeof(argument->option), .option_id = IOMMU_OPTION_HUGE_PAGES,
                         .op = IOMMU_OPTION_OP_GET, .object_id = ioas});
    READ_ONLY("HWPT_ALLOC", IOMMU_HWPT_ALLOC, EFAULT,
              .hwpt = {.size = sizeof(argument->hwpt), .dev_id = device.id, .pt_id = second});
    READ_ONLY("GET_HW_INFO", IOMMU_GET_HW_INFO, EFAULT, .info = {.size = sizeof(argument->info), .dev_id = device.id});
    READ_ONLY("DESTROY", IOMMU_DESTROY, ENOENT, .destroy = {.size = sizeof(argument->destroy), .id = 999});
    munmap(page, PAGE);
    unchanged("structs that cannot be written");
    /* no page table was left behind, or this one could not be destroyed */
    TRY("DESTROY of an unused IOAS", destroy(iommu, second), 0);
    second = ioas_alloc(iommu);
    must(map_at(iommu, second, memory, PAGE, MAPPED, RW));
}

int main(int argc, char **argv)
{
    const char *bdf = argument(argc, argv, 1, "BDF");
    set_up_iommu();
    set_up_device(open_cdev(bdf));
    sizes();
    numbers();
    fields();
    read_only_structs();
    return verdict();
}
