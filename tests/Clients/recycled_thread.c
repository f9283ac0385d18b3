/* SPDX-License-Identifier: MIT */
/*
 * The result of a call reaches only its caller. The path of a stat(2) is in memory whose contents are missing. The
 * caller is killed, another process gets its ID (by set_tid, instead of waiting for the IDs to wrap), and then the
 * contents arrive. Nothing of the other process may change. For root.
 * usage: recycled_thread
 */
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "client.h"

#define MARK 0x5a

static char *hole;   /* read by the call, filled late */
static char *result; /* written by the call */

static int caller(void *call)
{
    if (call)
        syscall(SYS_newfstatat, AT_FDCWD, hole, result, 0);
    else
        syscall(SYS_readlink, hole, result, PAGE);
    _exit(0);
}

static int new_hole(void)
{
    int file = must(syscall(SYS_userfaultfd, O_CLOEXEC));
    struct uffdio_api api = {.api = UFFD_API};
    must(ioctl(file, UFFDIO_API, &api));
    hole = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {.range = {addr(hole), PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    must(ioctl(file, UFFDIO_REGISTER, &range));
    return file;
}

static void expect_nothing_written(bool stat_call, const char *path)
{
    int faults = new_hole(), ready[2], answer[2];
    char *stack = pages(16);
    result = pages(1);
    memset(result, MARK, PAGE);
    must(pipe2(ready, O_CLOEXEC));
    must(pipe2(answer, O_CLOEXEC));
    pid_t id = must(clone(caller, stack + 16 * PAGE, CLONE_VM | CLONE_FILES | SIGCHLD, stat_call ? hole : NULL));

    /* somebody waits for the page, so the call was received */
    struct uffd_msg message;
    expect_eq(read(faults, &message, sizeof(message)), (ssize_t)sizeof(message));
    must(kill(id, SIGKILL));
    must(waitpid(id, NULL, 0));

    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = addr(&id), .set_tid_size = 1};
    pid_t other = must(syscall(SYS_clone3, &arguments, sizeof(arguments)));
    if (!other) {
        char go;
        if (read(ready[0], &go, 1) != 1)
            _exit(2);
        for (size_t i = 0; i < PAGE; i++)
            if (result[i] != MARK)
                _exit(1);
        _exit(0);
    }
    expect_eq(other, id);

    char page[PAGE] = "";
    strcpy(page, path);
    struct uffdio_copy content = {.dst = addr(hole), .src = addr(page), .len = PAGE};
    must(ioctl(faults, UFFDIO_COPY, &content));
    /* the late call has had its turn once later calls of ours are answered, by any thread */
    struct stat status;
    for (int i = 0; i < 1000; i++)
        must(stat("/dev/iommu", &status));
    expect_eq(write(ready[1], "", 1), 1);
    int ending;
    must(waitpid(other, &ending, 0));
    if (!WIFEXITED(ending) || WEXITSTATUS(ending))
        fail("expected nothing of the process with the same ID to change, it did (%d)", ending);
    must(close(faults));
}

int main(void)
{
    expect_nothing_written(true, "/dev/iommu");
    printf("stat: ok\n");
    expect_nothing_written(false, "/sys/class/misc/iommu/subsystem");
    printf("readlink: ok\n");
    printf("recycled_thread: all as it must be\n");
    return 0;
}
