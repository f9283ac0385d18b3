/* SPDX-License-Identifier: MIT */
/*
 * What the released file runs before the .NET runtime: it notes the limits and signals that the caller gave, and
 * starts the same file again with the note in its environment. The runtime raises the soft limit of open files and
 * ignores SIGPIPE before any code of ours runs. A program that `ioasis run` starts must find what the caller gave.
 * In a source tree the script ./ioasis does the same; src/Ioasis.Host/Launch/OriginalProcess.cs reads the note.
 *
 * No libc: attach.c adds this code to the finished file as a segment. It has no data and no relocations.
 */
#include <linux/signal.h>
#include <linux/stat.h>
#include <linux/resource.h>
#include <stdint.h>
#include <sys/syscall.h>

#define EXIT_FAILED 125
#define LIMIT_FSIZE 1  /* RLIMIT_FSIZE */
#define LIMIT_NOFILE 7 /* RLIMIT_NOFILE */
#define LEAST_FSIZE (1ull << 32)

/* attach.c writes here how far the runtime's entry is from this word. */
__asm__(".section .start, \"ax\"\n"
        "original: .quad 0\n"
        ".globl start\n"
        "start:\n"
        "  mov %rsp, %rdi\n"
        "  push %rdx\n" /* the dynamic loader's function for exit */
        "  sub $8, %rsp\n"
        "  call begin\n"
        "  add $8, %rsp\n"
        "  pop %rdx\n"
        "  lea original(%rip), %rax\n"
        "  add original(%rip), %rax\n"
        "  jmp *%rax\n");

static long call(long number, long a, long b, long c, long d)
{
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return number;
}

static char *text(char *to, const char *from)
{
    while (*from) *to++ = *from++;
    return to;
}

static char *number(char *to, uint64_t value, unsigned base)
{
    char digits[20];
    int count = 0;
    do {
        unsigned digit = value % base;
        digits[count++] = digit + (digit < 10 ? '0' : 'a' - 10);
    } while ((value /= base) != 0);
    while (count) *to++ = digits[--count];
    return to;
}

static int has_note(char **environment)
{
    for (; *environment; environment++) {
        const char *have = *environment, *want = "IOASIS_STARTED=";
        while (*want && *have == *want) have++, want++;
        if (!*want) return 1;
    }
    return 0;
}

static struct rlimit64 limit(int which)
{
    struct rlimit64 now = {RLIM64_INFINITY, RLIM64_INFINITY};
    call(SYS_prlimit64, 0, which, 0, (long)&now);
    return now;
}

/* The runtime makes a sparse file of 2 GiB when it starts. */
static void allow_sparse_file(struct rlimit64 size)
{
    if (size.rlim_max < LEAST_FSIZE) {
        char line[200], *end = text(line, "ioasis: the hard limit of file sizes is ");
        end = number(end, size.rlim_max, 10);
        end = text(end, " bytes, and the .NET runtime needs a sparse file of 2 GiB (see ulimit -Hf)\n");
        call(SYS_write, 2, (long)line, end - line, 0);
        call(SYS_exit_group, EXIT_FAILED, 0, 0, 0);
    }
    size.rlim_cur = size.rlim_max;
    call(SYS_prlimit64, 0, LIMIT_FSIZE, (long)&size, 0);
}

static uint64_t ignored_signals(void)
{
    uint64_t mask = 0;
    for (int each = 1; each <= 64; each++) {
        struct { uint64_t handler, flags, restorer, mask; } now = {0};
        if (call(SYS_rt_sigaction, each, 0, (long)&now, 8) == 0 && now.handler == 1) mask |= 1ull << (each - 1);
    }
    return mask;
}

/* Returns where the file cannot be started again: the runtime then starts without a note. */
__attribute__((used, visibility("hidden"))) void begin(long *stack)
{
    long count = *stack;
    char **arguments = (char **)(stack + 1), **environment = arguments + count + 1;
    if (has_note(environment)) return;
    char path[4096];
    long length = call(SYS_readlink, (long)"/proc/self/exe", (long)path, sizeof(path) - 1, 0);
    if (length <= 0) return;
    path[length] = 0;

    struct rlimit64 size = limit(LIMIT_FSIZE);
    char note[100], *end = text(note, "IOASIS_STARTED=");
    end = number(end, limit(LIMIT_NOFILE).rlim_cur, 10);
    end = text(end, " ");
    end = number(end, ignored_signals(), 16);
    end = text(end, " ");
    end = size.rlim_cur == RLIM64_INFINITY ? text(end, "unlimited") : number(end, size.rlim_cur, 10);
    *end = 0;
    allow_sparse_file(size);

    long strings = 0;
    while (environment[strings]) strings++;
    char *with_note[strings + 2];
    for (long i = 0; i < strings; i++) with_note[i] = environment[i];
    with_note[strings] = note;
    with_note[strings + 1] = 0;
    call(SYS_execve, (long)path, (long)arguments, (long)with_note, 0);
    call(SYS_execve, (long)"/proc/self/exe", (long)arguments, (long)with_note, 0); /* the file was moved */
}
