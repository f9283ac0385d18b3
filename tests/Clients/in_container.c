/* SPDX-License-Identifier: MIT */
/*
 * Runs a program under Docker's default seccomp profile, with Docker's capabilities where the user has them.
 * usage: in_container [--cap-add-SYS_PTRACE] [--without-CALL]... PROGRAM ARGS...
 */
#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMESPACES 0x7e020000 /* of clone's flags */
#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define IF(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define FAIL(errno) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (errno))

static const struct {
    const char *name;
    uint32_t number;
} calls[] = {
#define CALL(name) {#name, __NR_##name},
#include "container/docker_calls.h"
    {"kcmp", __NR_kcmp}, {"pidfd_getfd", __NR_pidfd_getfd}, {"process_madvise", __NR_process_madvise},
};
#define FOR_PTRACE 3 /* the last ones take SYS_PTRACE */
#define COUNT (sizeof(calls) / sizeof(calls[0]))

static const int capabilities[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID,
    CAP_SETUID, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT, CAP_MKNOD, CAP_AUDIT_WRITE,
    CAP_SETFCAP};

static struct sock_filter filter[2 * COUNT + 64];
static unsigned short length;

static void add(struct sock_filter instruction)
{
    filter[length++] = instruction;
}

#define ADD(...) add((struct sock_filter)__VA_ARGS__)

static bool is_without(char **options, int count, const char *name)
{
    for (int i = 1; i < count; i++)
        if (strncmp(options[i], "--without-", 10) == 0 && strcmp(options[i] + 10, name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    bool traces = false;
    int first = 1;
    for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++)
        traces |= strcmp(argv[first], "--cap-add-SYS_PTRACE") == 0;
    if (first >= argc)
        errx(125, "usage: in_container [--cap-add-SYS_PTRACE] [--without-CALL]... PROGRAM ARGS...");

    ADD(FIELD(arch));
    ADD(IF(AUDIT_ARCH_X86_64, 1, 0));
    ADD(FAIL(EPERM));
    ADD(FIELD(nr));
    for (size_t i = 0; i < COUNT - (traces ? 0 : FOR_PTRACE); i++) {
        if (is_without(argv, first, calls[i].name))
            continue;
        ADD(IF(calls[i].number, 0, 1));
        ADD(ALLOW);
    }
    ADD(IF(__NR_clone3, 0, 1));
    ADD(FAIL(ENOSYS));
    ADD(IF(__NR_clone, 0, 4));
    ADD(FIELD(args[0]));
    ADD(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, NAMESPACES));
    ADD(IF(0, 0, 7));
    ADD(ALLOW);
    ADD(IF(__NR_socket, 0, 3));
    ADD(FIELD(args[0]));
    ADD(IF(40, 3, 0)); /* AF_VSOCK */
    ADD(ALLOW);
    ADD(IF(__NR_personality, 0, 1));
    ADD(ALLOW);
    ADD(FAIL(EPERM));

    for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
        bool kept = traces && capability == CAP_SYS_PTRACE;
        for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
            kept |= capabilities[i] == capability;
        if (!kept)
            prctl(PR_CAPBSET_DROP, capability); /* EPERM where the user has none to drop */
    }
    struct sock_fprog program = {.len = length, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
        err(125, "seccomp");
    execvp(argv[first], argv + first);
    err(127, "%s", argv[first]);
}
