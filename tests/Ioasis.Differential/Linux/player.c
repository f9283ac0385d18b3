/* SPDX-License-Identifier: MIT */
/*
 * Plays sequences of calls on /dev/iommu, /dev/vfio/devices/vfioN and /dev/vhost-vdpa-N, a Linux kernel's or those of
 * `ioasis run`, and prints one line for what came of each.
 * usage: player CALLS SEQUENCE...
 * CALLS is what `Ioasis.Differential calls` prints: the calls by name, with the fields of their structures. The format
 * of a sequence is in README.md beside this; InProcess/Player.cs is the same for our own implementation.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096UL
#define CANARY 0xa5
#define MAX_CALLS 128
#define MAX_FIELDS 16
#define MAX_WORDS 64
#define CONTEXTS 2
#define DEVICES 2
#define GROUPS 2
#define VDPAS 2
#define EVENTS 2
#define MAX_QUEUES 4096
#define FIRST_SLOT 3 /* of bus 0: where the devices are */
#define CLOSED_FD 900 /* no descriptor of this program has that number */

/* where the memory stands that sequences name; what follows each of these is not mapped */
static const struct place {
    const char *name;
    uint64_t start, pages;
    int writable;
} places[] = {
    {"buf", 0x100000000, 1024, 1}, {"ro", 0x110000000, 16, 0}, {"hole", 0x120000000, 0, 0},
    {"arg", 0x130000000, 1, 1},    {"roarg", 0x140000000, 1, 0}, {"arr", 0x150000000, 1, 1},
};
#define PLACES (sizeof(places) / sizeof(places[0]))
#define BUF places[0]
#define HOLE places[2]
#define ARG places[3]
#define ROARG places[4]
#define ARR places[5]

struct field {
    char name[32];
    unsigned offset, width;
};

static struct call {
    char name[32];
    enum { CONTEXT, DEVICE, GROUP, VDPA } target;
    unsigned long request;
    unsigned size, fields;
    struct field field[MAX_FIELDS];
} calls[MAX_CALLS];
static unsigned call_count;

static int contexts[CONTEXTS], devices[DEVICES], groups[GROUPS], vdpas[VDPAS], events[EVENTS], queues[MAX_QUEUES];
static int memory_file, null_file;
static unsigned queue_count;

static void die(const char *what, const char *which)
{
    fflush(stdout);
    fprintf(stderr, "player: %s: %s (%s)\n", what, which, strerror(errno));
    exit(2);
}

static void read_calls(const char *path)
{
    char line[1024];
    FILE *file = fopen(path, "r");
    if (!file)
        die("cannot be opened", path);
    while (fgets(line, sizeof(line), file)) {
        struct call *call = &calls[call_count++];
        char *save, *word = strtok_r(line, " \n", &save);
        if (call_count == MAX_CALLS)
            die("has too many calls", path);
        snprintf(call->name, sizeof(call->name), "%s", word);
        call->target = (unsigned)atoi(strtok_r(NULL, " \n", &save));
        call->request = strtoul(strtok_r(NULL, " \n", &save), NULL, 0);
        call->size = (unsigned)strtoul(strtok_r(NULL, " \n", &save), NULL, 0);
        while ((word = strtok_r(NULL, " \n", &save))) {
            struct field *field = &call->field[call->fields++];
            if (sscanf(word, "%31[^:]:%u:%u", field->name, &field->offset, &field->width) != 3)
                die("is no field", word);
        }
    }
    fclose(file);
}

static void make_memory(void)
{
    for (unsigned i = 0; i < PLACES; i++) {
        const struct place *place = &places[i];
        if (place->pages && mmap(
            (void *)place->start, place->pages * PAGE, PROT_READ | (place->writable ? PROT_WRITE : 0),
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
            die("cannot be mapped", place->name);
    }
    memory_file = memfd_create("player", MFD_CLOEXEC);
    if (memory_file < 0 || ftruncate(memory_file, (off_t)(BUF.pages * PAGE)))
        die("cannot be made", "memfd");
    null_file = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < EVENTS; i++)
        if ((events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
            die("cannot be made", "eventfd");
    /* how much a sequence may lock depends on nothing but the sequence */
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
}

/* a number, a place with an offset, or what a descriptor is called */
static uint64_t resolve(const char *text)
{
    if (!strcmp(text, "file"))
        return (uint32_t)memory_file;
    if (!strcmp(text, "null"))
        return (uint32_t)null_file;
    if (!strcmp(text, "badfd"))
        return CLOSED_FD;
    if (!strncmp(text, "ctx", 3))
        return (uint32_t)contexts[text[3] - '0'];
    if (!strncmp(text, "group", 5))
        return (uint32_t)groups[text[5] - '0'];
    if (!strncmp(text, "dev", 3))
        return (uint32_t)devices[text[3] - '0'];
    if (!strncmp(text, "event", 5))
        return (uint32_t)events[text[5] - '0'];
    for (unsigned i = 0; i < PLACES; i++) {
        size_t length = strlen(places[i].name);
        if (!strncmp(text, places[i].name, length) && (text[length] == '+' || !text[length]))
            return places[i].start + (text[length] ? strtoull(text + length + 1, NULL, 0) : 0);
    }
    return strtoull(text, NULL, 0);
}

static void close_queues(void)
{
    while (queue_count)
        close(queues[--queue_count]);
}

static void close_all(void)
{
    close_queues();
    for (int i = 0; i < DEVICES; i++) {
        if (devices[i] >= 0)
            close(devices[i]);
        devices[i] = -1;
    }
    for (int i = 0; i < GROUPS; i++) {
        if (groups[i] >= 0)
            close(groups[i]);
        groups[i] = -1;
    }
    for (int i = 0; i < VDPAS; i++) {
        if (vdpas[i] >= 0)
            close(vdpas[i]);
        vdpas[i] = -1;
    }
    for (int i = 0; i < CONTEXTS; i++) {
        if (contexts[i] >= 0)
            close(contexts[i]);
        contexts[i] = -1;
    }
}

static void print_errno(int error)
{
    if (error)
        printf("%s", strerrorname_np(error) ? strerrorname_np(error) : "unknown");
    else
        printf("0");
}

struct words {
    unsigned count;
    char *key[MAX_WORDS], *value[MAX_WORDS];
};

static const char *find(const struct words *words, const char *key)
{
    for (unsigned i = 0; i < words->count; i++)
        if (!strcmp(words->key[i], key))
            return words->value[i];
    return NULL;
}

static unsigned index_of(const struct words *words, const char *key)
{
    const char *value = find(words, key);
    return value ? (unsigned)atoi(value) % 2 : 0;
}

/* how many bytes of an array at an address lie in the page for arrays */
static uint64_t array_room(uint64_t address)
{
    return address >= ARR.start && address < ARR.start + PAGE ? ARR.start + PAGE - address : 0;
}

static void write_ranges(char *ranges, uint64_t address)
{
    uint64_t room = array_room(address) / 16, pair[2];
    char *save, *range = strtok_r(ranges, ",", &save);
    for (uint64_t i = 0; range && i < room; i++, range = strtok_r(NULL, ",", &save)) {
        char *end;
        pair[0] = strtoull(range, &end, 0);
        pair[1] = strtoull(end + 1, NULL, 0);
        memcpy((void *)(address + i * 16), pair, sizeof(pair));
    }
}

static void print_list(uint64_t address)
{
    uint64_t room = array_room(address) / 16, canary, pair[2];
    const char *separator = " list=";
    memset(&canary, CANARY, sizeof(canary));
    for (uint64_t i = 0; i < room; i++, separator = ",") {
        memcpy(pair, (void *)(address + i * 16), sizeof(pair));
        if (pair[0] == canary && pair[1] == canary)
            break;
        printf("%s0x%llx-0x%llx", separator, (unsigned long long)pair[0], (unsigned long long)pair[1]);
    }
}

/* how far data was written, and whether what follows the first bytes (a unit's registers, which differ) is zero */
static void print_data(uint64_t address)
{
    uint64_t room = array_room(address), last = 0;
    int zero = 1;
    for (uint64_t i = 0; i < room; i++)
        if (((uint8_t *)address)[i] != CANARY)
            last = i + 1;
    for (uint64_t i = 24; i < last; i++)
        zero &= !((uint8_t *)address)[i];
    printf(" wrote=%llu zero=%d", (unsigned long long)last, zero);
}

/* what follows the structure, up to the last byte that is not 0 */
static void print_more(const uint8_t *after, uint64_t size, uint64_t mapped)
{
    while (mapped > size && !after[mapped - 1])
        mapped--;
    printf(" more=");
    for (uint64_t i = size; i < mapped; i++)
        printf("%02x", after[i]);
}

/* the descriptor of a queue, which is this program's to close */
static int is_queue(const char *field, uint64_t value)
{
    size_t length = strlen(field);
    if (length < 3 || strcmp(field + length - 3, "_fd") || (int32_t)value < 0)
        return 0;
    if (queue_count == MAX_QUEUES)
        die("are too many", "queues");
    queues[queue_count++] = (int)value;
    return 1;
}

static void play_ioctl(const struct call *call, struct words *words)
{
    uint8_t bytes[PAGE] = {0}, after[PAGE];
    uint64_t address = ARG.start, mapped = PAGE, array = 0;
    unsigned long request = call->request;
    const char *at = find(words, "at"), *text;
    int fd = call->target == DEVICE ? devices[index_of(words, "dev")]
             : call->target == GROUP ? groups[index_of(words, "group")]
             : call->target == VDPA ? vdpas[index_of(words, "vdpa")]
                                    : contexts[index_of(words, "ctx")];
    int result, error;

    for (unsigned i = 0; i < call->fields; i++) {
        const struct field *field = &call->field[i];
        uint64_t value = field->offset || call->target == VDPA ? 0 : call->size;
        if ((text = find(words, field->name)))
            value = resolve(text);
        memcpy(bytes + field->offset, &value, field->width);
        if (!strcmp(field->name, "allowed_iovas") || !strcmp(field->name, "data_uptr"))
            array = value;
    }
    if ((text = find(words, "text"))) {
        strcpy((char *)bytes, text);
        for (char *space = (char *)bytes; (space = strchr(space, '_'));)
            *space = ' ';
    }
    if ((text = find(words, "poke")))
        bytes[strtoul(text, NULL, 0) % PAGE] = 1;
    if ((text = find(words, "request")))
        request = strtoul(text, NULL, 0);

    if (at && !strncmp(at, "cut:", 4)) {
        mapped = strtoul(at + 4, NULL, 0) % PAGE;
        address = ARG.start + PAGE - mapped;
    } else if (at && !strcmp(at, "hole")) {
        address = HOLE.start;
        mapped = 0;
    } else if (at && !strcmp(at, "ro")) {
        address = ROARG.start;
        mprotect((void *)address, PAGE, PROT_READ | PROT_WRITE);
    }
    memcpy((void *)address, bytes, mapped);
    if (address == ROARG.start)
        mprotect((void *)address, PAGE, PROT_READ);
    memset((void *)ARR.start, CANARY, PAGE);
    if ((text = find(words, "ranges")))
        write_ranges((char *)text, array);

    text = find(words, "arg");
    result = ioctl(fd, request, text ? resolve(text) : address);
    error = result < 0 ? errno : 0;
    print_errno(error);
    if (!strcmp(call->name, "group_device")) {
        if (!error) {
            int *device = &devices[index_of(words, "dev")];
            if (*device >= 0)
                close(*device);
            *device = result;
        }
    } else if (result > 0) {
        printf(" value=%d", result);
    }

    memcpy(after, (void *)address, mapped);
    for (unsigned i = 0; i < call->fields; i++) {
        const struct field *field = &call->field[i];
        uint64_t value = 0;
        if (field->offset + field->width > mapped
            || !memcmp(after + field->offset, bytes + field->offset, field->width))
            continue;
        memcpy(&value, after + field->offset, field->width);
        if (is_queue(field->name, value))
            printf(" %s=fd", field->name);
        else
            printf(" %s=0x%llx", field->name, (unsigned long long)value);
    }
    if (!strcmp(call->name, "vfio_info") && !error)
        print_more(after, call->size, mapped);
    if (!strcmp(call->name, "iova_ranges"))
        print_list(array);
    if (!strcmp(call->name, "hw_info"))
        print_data(array);
    if (address != ROARG.start)
        memset((void *)address, 0, mapped);
}

static uint64_t value_of(const struct words *words, const char *key, uint64_t without)
{
    const char *text = find(words, key);
    return text ? resolve(text) : without;
}

/* a message to the IOTLB: struct vhost_msg_v2, as long as the sequence says */
static void play_message(const struct words *words)
{
    struct {
        uint32_t version, asid;
        uint64_t iova, size, uaddr;
        uint8_t perm, kind, rest[PAGE - 34];
    } message = {(uint32_t)value_of(words, "version", 2), (uint32_t)value_of(words, "asid", 0),
                 value_of(words, "iova", 0), value_of(words, "size", 0), value_of(words, "uaddr", 0),
                 (uint8_t)value_of(words, "perm", 0), (uint8_t)value_of(words, "kind", 0), {0}};
    ssize_t written = write(vdpas[index_of(words, "vdpa")], &message, value_of(words, "length", 72));
    print_errno(written < 0 ? errno : 0);
    if (written > 0)
        printf(" value=%zd", written);
}

/* opens it anew; or beside what is open, and closes that at once if it can be had */
static void open_vdpa(const struct words *words)
{
    char path[64];
    unsigned index = index_of(words, "vdpa");
    int beside = find(words, "beside") != NULL, fd;
    if (!beside && vdpas[index] >= 0)
        close(vdpas[index]);
    snprintf(path, sizeof(path), "/dev/vhost-vdpa-%u", index);
    fd = open(path, O_RDWR | O_CLOEXEC);
    print_errno(fd < 0 ? errno : 0);
    if (!beside)
        vdpas[index] = fd;
    else if (fd >= 0)
        close(fd);
}

/* groups are numbered as the kernel found them: the device says which is its own */
static void open_group(unsigned group)
{
    char link[64], target[256] = {0}, path[512];
    if (groups[group] >= 0)
        close(groups[group]);
    snprintf(link, sizeof(link), "/sys/bus/pci/devices/0000:00:%02x.0/iommu_group", FIRST_SLOT + group);
    if (readlink(link, target, sizeof(target) - 1) < 0)
        die("has no group", link);
    snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
    groups[group] = open(path, O_RDWR | O_CLOEXEC);
    print_errno(groups[group] < 0 ? errno : 0);
}

static void play_line(const char *name, struct words *words)
{
    char path[64];
    unsigned device = index_of(words, "dev"), context = index_of(words, "ctx");
    if (!strcmp(name, "reset")) {
        close_all();
        for (int i = 0; i < CONTEXTS; i++)
            if ((contexts[i] = open("/dev/iommu", O_RDWR | O_CLOEXEC)) < 0)
                die("cannot be opened", "/dev/iommu");
        print_errno(0);
    } else if (!strcmp(name, "reset_vdpa")) {
        close_all();
        print_errno(0);
    } else if (!strcmp(name, "message")) {
        play_message(words);
    } else if (!strcmp(name, "open") && find(words, "vdpa")) {
        open_vdpa(words);
    } else if (!strcmp(name, "open") && find(words, "ctx")) {
        if (contexts[context] >= 0)
            close(contexts[context]);
        contexts[context] = open("/dev/iommu", O_RDWR | O_CLOEXEC);
        print_errno(contexts[context] < 0 ? errno : 0);
    } else if (!strcmp(name, "open") && find(words, "group")) {
        open_group(index_of(words, "group"));
    } else if (!strcmp(name, "open")) {
        if (devices[device] >= 0)
            close(devices[device]);
        snprintf(path, sizeof(path), "/dev/vfio/devices/vfio%u", device);
        devices[device] = open(path, O_RDWR | O_CLOEXEC);
        print_errno(devices[device] < 0 ? errno : 0);
    } else if (!strcmp(name, "close") && find(words, "queues")) {
        close_queues();
        print_errno(0);
    } else if (!strcmp(name, "close")) {
        int *fd = find(words, "dev") ? &devices[device]
                  : find(words, "group") ? &groups[index_of(words, "group")]
                  : find(words, "vdpa") ? &vdpas[index_of(words, "vdpa")]
                                        : &contexts[context];
        print_errno(close(*fd) ? errno : 0);
        *fd = -1;
    } else {
        unsigned i = 0;
        while (i < call_count && strcmp(calls[i].name, name))
            i++;
        if (i == call_count)
            die("is no call", name);
        play_ioctl(&calls[i], words);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    static char line[65536];
    if (argc < 3)
        die("wanted", "CALLS SEQUENCE...");
    for (int i = 0; i < CONTEXTS; i++)
        contexts[i] = -1;
    for (int i = 0; i < DEVICES; i++)
        devices[i] = -1;
    for (int i = 0; i < GROUPS; i++)
        groups[i] = -1;
    for (int i = 0; i < VDPAS; i++)
        vdpas[i] = -1;
    read_calls(argv[1]);
    make_memory();
    for (int i = 2; i < argc; i++) {
        FILE *file = fopen(argv[i], "r");
        const char *base = strrchr(argv[i], '/');
        if (!file)
            die("cannot be opened", argv[i]);
        printf("# %s\n", base ? base + 1 : argv[i]);
        while (fgets(line, sizeof(line), file)) {
            struct words words = {0};
            char *save, *name = strtok_r(line, " \n", &save), *word;
            if (!name || *name == '#')
                continue;
            while (words.count < MAX_WORDS && (word = strtok_r(NULL, " \n", &save))) {
                char *equals = strchr(word, '=');
                if (!equals)
                    die("is no key=value", word);
                *equals = 0;
                words.key[words.count] = word;
                words.value[words.count++] = equals + 1;
            }
            play_line(name, &words);
        }
        close_all();
        fclose(file);
    }
    return 0;
}
