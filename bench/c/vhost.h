/* SPDX-License-Identifier: MIT */
/*
 * A minimal front end of the vhost-user protocol, as a VMM is one: just enough to make a network device ready, and to
 * map.
 */
#ifndef VHOST_H
#define VHOST_H

#include <linux/vhost_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum request {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    SET_VRING_ENABLE = 18,
    IOTLB_MSG = 22,
};

#define HAS_PROTOCOL_FEATURES (1ull << 30) /* a feature of the device */
#define REPLY_ACK (1ull << 3)              /* a feature of the protocol: any message may request a result */
#define VERSION 1u
#define NEED_REPLY 8u
#define NO_EVENT (1u << 8) /* of a kick or a call: no notification */

struct message {
    uint32_t request, flags, size;
    union {
        uint64_t number;
        struct vhost_vring_state state;
        struct vhost_vring_addr rings;
        struct vhost_iotlb_msg iotlb;
        struct {
            uint32_t count, padding;
            uint64_t physical, size, user, offset;
        } memory;
    };
} __attribute__((packed));
#define HEAD offsetof(struct message, number)

static inline void require(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "vhost: %s\n", what);
    exit(1);
}

/* Sends a message and waits for its reply. A message without a reply of its own gets 0 on success. */
static inline uint64_t ask(int back_end, struct message *message, size_t size, int fd)
{
    bool has_answer = message->request == GET_FEATURES || message->request == GET_PROTOCOL_FEATURES;
    message->flags = VERSION | (has_answer ? 0 : NEED_REPLY);
    message->size = size;
    struct iovec part = {message, HEAD + size};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {0};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        header.msg_control = control;
        header.msg_controllen = sizeof(control);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        *rights = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    }
    require(sendmsg(back_end, &header, MSG_NOSIGNAL) == (ssize_t)part.iov_len, "a message cannot be sent");
    struct message reply;
    ssize_t expected = HEAD + sizeof(reply.number);
    require(recv(back_end, &reply, expected, MSG_WAITALL) == expected, "a message is not answered");
    require(has_answer || reply.number == 0, "a message failed");
    return reply.number;
}

static inline uint64_t get(int back_end, enum request request)
{
    return ask(back_end, &(struct message){.request = request}, 0, -1);
}

static inline void set(int back_end, enum request request, uint64_t value)
{
    ask(back_end, &(struct message){.request = request, .number = value}, sizeof(value), -1);
}

static inline void set_vring(int back_end, enum request request, unsigned queue, unsigned value)
{
    struct message message = {.request = request, .state = {.index = queue, .num = value}};
    ask(back_end, &message, sizeof(message.state), -1);
}

static inline void map(int back_end, uint64_t iova, const void *memory, uint64_t size)
{
    struct message message = {.request = IOTLB_MSG,
        .iotlb = {.iova = iova,
            .size = size,
            .uaddr = (uintptr_t)memory,
            .perm = VHOST_ACCESS_RW,
            .type = VHOST_IOTLB_UPDATE}};
    ask(back_end, &message, sizeof(message.iotlb), -1);
}

/* Connects, and negotiates features and memory, which is one region. */
static inline int connect_to(
    const char *path, uint64_t features, uint64_t physical, const void *memory, uint64_t size, int fd)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    int back_end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(!connect(back_end, (struct sockaddr *)&name, sizeof(name)), "the back end does not listen");
    features |= HAS_PROTOCOL_FEATURES;
    require((get(back_end, GET_FEATURES) & features) == features, "the back end lacks a feature");
    require(get(back_end, GET_PROTOCOL_FEATURES) & REPLY_ACK, "the back end does not acknowledge");
    set(back_end, SET_PROTOCOL_FEATURES, REPLY_ACK);
    set(back_end, SET_OWNER, 0);
    set(back_end, SET_FEATURES, features);
    struct message table = {.request = SET_MEM_TABLE,
        .memory = {.count = 1, .physical = physical, .size = size, .user = (uintptr_t)memory}};
    ask(back_end, &table, sizeof(table.memory), fd);
    return back_end;
}

#endif
