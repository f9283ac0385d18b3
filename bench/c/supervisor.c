/* SPDX-License-Identifier: MIT */
/*
 * The minimal seccomp supervisor for an ioctl: receive it, read its struct in the client, write it back, answer. The
 * baseline for the cost of the same call under `ioasis run`.
 * usage: supervisor PROGRAM ARGS...
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/iommufd.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRUCT 40 /* bytes read and written per call */

static void die(const char *what)
{
    perror(what);
    exit(125);
}

static void interrupted(int signal)
{
    (void)signal; /* the client ended: older kernels do not tell a thread that waits for calls */
}

/* Stops one ioctl by its number and passes everything else. */
static int install(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IOMMU_IOAS_IOVA_RANGES, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        die("no_new_privs");
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void serve(int listener)
{
    struct seccomp_notif call;
    struct seccomp_notif_resp answer;
    unsigned char bytes[STRUCT];
    /* Wakes the other side on this CPU: most of a round trip is the wake-up on another CPU. */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP))
        perror("SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP");
    for (;;) {
        memset(&call, 0, sizeof(call));
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
            struct pollfd left = {.fd = listener};
            if ((errno == EINTR || errno == ENOENT) && poll(&left, 1, 0) >= 0 && !(left.revents & POLLHUP))
                continue; /* a signal withdrew the call */
            return; /* no client is left */
        }
        struct iovec here = {bytes, sizeof(bytes)}, there = {(void *)call.data.args[2], sizeof(bytes)};
        answer = (struct seccomp_notif_resp){.id = call.id};
        if (process_vm_readv((pid_t)call.pid, &here, 1, &there, 1, 0) != sizeof(bytes))
            answer.error = -EFAULT;
        ((struct iommu_ioas_iova_ranges *)bytes)->num_iovas = 1;
        if (!answer.error && process_vm_writev((pid_t)call.pid, &here, 1, &there, 1, 0) != sizeof(bytes))
            answer.error = -EFAULT;
        if (!answer.error)
            answer.error = -EMSGSIZE; /* there is one range and no room for it: /dev/iommu's answer */
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

int main(int argc, char **argv)
{
    int channel[2], status, listener;
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = interrupted}, NULL);
    if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
        return 2;
    pid_t child = fork();
    if (!child) {
        listener = install();
        if (listener < 0 || write(channel[1], &listener, sizeof(listener)) != sizeof(listener))
            die("seccomp");
        char go;
        if (read(channel[1], &go, 1) != 1) /* until the supervisor has the listener */
            exit(125);
        close(listener);
        execvp(argv[1], argv + 1);
        die(argv[1]);
    }
    if (read(channel[0], &listener, sizeof(listener)) != sizeof(listener))
        die("the client did not start");
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    listener = (int)syscall(SYS_pidfd_getfd, pidfd, listener, 0);
    if (listener < 0 || write(channel[0], "g", 1) != 1)
        die("pidfd_getfd");
    serve(listener);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
