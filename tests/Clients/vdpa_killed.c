/* SPDX-License-Identifier: MIT */
/*
 * A vDPA device is given back whenever its program ends: after each step of setting it up, by a close, an exit or
 * kill -9. The next program finds it reset, without an owner and without entries, at once.
 * usage: vdpa_killed NODE
 */
#include "client.h"
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#define TRY(call) \
    ({ \
        long answer_ = (call); \
        if (answer_ < 0) \
            fail("%s", #call); \
        answer_; \
    })

static char *memory;

static int send_message(int device, int kind, uint64_t iova, uint64_t size)
{
    struct vhost_msg_v2 message = {.type = VHOST_IOTLB_MSG_V2};
    message.iotlb = (struct vhost_iotlb_msg){
        .iova = iova, .size = size, .uaddr = (uintptr_t)memory, .perm = VHOST_ACCESS_RW, .type = kind};
    return write(device, &message, sizeof message) == sizeof message;
}

static void status(int device, uint8_t value)
{
    TRY(ioctl(device, VHOST_VDPA_SET_STATUS, &value));
}

/* Does the first steps of setting a device up; returns whether there was one more. */
static int set_up(int device, int steps)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM, backend = 0x1e;
    struct vhost_vring_state size = {0, 16}, enable = {0, 1};
    struct vhost_vring_addr addresses = {
        .desc_user_addr = 0x100000, .avail_user_addr = 0x101000, .used_user_addr = 0x102000};
    struct vhost_vring_file kick = {0, TRY(eventfd(1, EFD_CLOEXEC))}, call = {0, TRY(eventfd(0, EFD_CLOEXEC))};
    int left = steps;
#define STEP(...) \
    do { \
        if (left-- == 0) \
            return 1; \
        __VA_ARGS__; \
    } while (0)
    STEP(TRY(ioctl(device, VHOST_SET_OWNER, NULL)));
    STEP(TRY(ioctl(device, VHOST_SET_BACKEND_FEATURES, &backend)));
    STEP(status(device, 1));
    STEP(status(device, 3));
    STEP(TRY(ioctl(device, VHOST_SET_FEATURES, &features)));
    STEP(status(device, 11));
    STEP(expect(send_message(device, VHOST_IOTLB_UPDATE, 0x100000, 16 * PAGE)));
    STEP(TRY(ioctl(device, VHOST_SET_VRING_NUM, &size)));
    STEP(TRY(ioctl(device, VHOST_SET_VRING_ADDR, &addresses)));
    STEP(TRY(ioctl(device, VHOST_SET_VRING_KICK, &kick)));
    STEP(TRY(ioctl(device, VHOST_SET_VRING_CALL, &call)));
    STEP(TRY(ioctl(device, VHOST_VDPA_SET_VRING_ENABLE, &enable)));
    STEP(status(device, 15));
    STEP(TRY(write(kick.fd, &(uint64_t){1}, 8)));
    STEP(expect(send_message(device, VHOST_IOTLB_BATCH_BEGIN, 0, 0)));
    STEP(expect(send_message(device, VHOST_IOTLB_UPDATE, 0x200000, PAGE)));
    return 0;
}

/* The device is as nobody ever had it. */
static void check(const char *node)
{
    int device = TRY(open(node, O_RDWR | O_CLOEXEC));
    uint8_t now = 0xff;
    TRY(ioctl(device, VHOST_VDPA_GET_STATUS, &now));
    if (now != 0)
        fail("expected status 0, not 0x%x", now);
    TRY(ioctl(device, VHOST_SET_OWNER, NULL));
    if (!send_message(device, VHOST_IOTLB_UPDATE, 0x100000, 16 * PAGE))
        fail("an entry of another program is still there");
    TRY(close(device));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        fail("usage: vdpa_killed NODE");
    memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 0, 16 * PAGE);
    int more = 1;
    for (int steps = 0; more; steps++) {
        int device = TRY(open(argv[1], O_RDWR | O_CLOEXEC));
        more = set_up(device, steps);
        TRY(close(device));
        check(argv[1]);
        for (int killed = 0; killed < 2; killed++) {
            int ready[2];
            char byte;
            TRY(pipe(ready));
            pid_t child = TRY(fork());
            if (child == 0) {
                set_up(TRY(open(argv[1], O_RDWR | O_CLOEXEC)), steps);
                if (!killed)
                    _exit(0);
                TRY(write(ready[1], "", 1));
                for (;;)
                    pause();
            }

            if (killed) {
                TRY(read(ready[0], &byte, 1));
                TRY(kill(child, SIGKILL));
            }

            int how;
            TRY(waitpid(child, &how, 0));
            if (killed ? !WIFSIGNALED(how) : how != 0)
                fail("the child ended with 0x%x", how);
            TRY(close(ready[0]));
            TRY(close(ready[1]));
            check(argv[1]);
        }
    }

    puts("given back after each step");
    return 0;
}
