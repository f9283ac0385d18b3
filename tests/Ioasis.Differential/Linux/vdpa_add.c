/* SPDX-License-Identifier: MIT */
/*
 * Makes a vDPA device on a Linux kernel, as `vdpa dev add name NAME mgmtdev PARENT` does.
 * usage: vdpa_add NAME PARENT
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/vdpa.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct request {
    struct nlmsghdr header;
    struct genlmsghdr generic;
    char attributes[256];
} request;

static void begin(uint16_t family, uint8_t command)
{
    memset(&request, 0, sizeof(request));
    request.header.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
    request.header.nlmsg_type = family;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.generic.cmd = command;
    request.generic.version = 1;
}

static void add_text(uint16_t type, const char *text)
{
    struct nlattr *attribute = (struct nlattr *)((char *)&request + NLMSG_ALIGN(request.header.nlmsg_len));
    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)(NLA_HDRLEN + strlen(text) + 1);
    strcpy((char *)attribute + NLA_HDRLEN, text);
    request.header.nlmsg_len = NLMSG_ALIGN(request.header.nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

/* sends the request; returns the number of the family that is answered, if any */
static uint16_t send_it(int fd, const char *what)
{
    char answer[8192];
    uint16_t family = 0;
    if (send(fd, &request, request.header.nlmsg_len, 0) < 0) {
        perror(what);
        exit(1);
    }
    for (;;) {
        ssize_t length = recv(fd, answer, sizeof(answer), 0);
        if (length < 0) {
            perror(what);
            exit(1);
        }
        for (struct nlmsghdr *one = (struct nlmsghdr *)answer; NLMSG_OK(one, (size_t)length);
             one = NLMSG_NEXT(one, length)) {
            if (one->nlmsg_type == NLMSG_ERROR) {
                int error = ((struct nlmsgerr *)NLMSG_DATA(one))->error;
                if (!error)
                    return family;
                fprintf(stderr, "vdpa_add: %s: %s\n", what, strerror(-error));
                exit(1);
            }
            const char *at = (const char *)NLMSG_DATA(one) + GENL_HDRLEN, *end = (const char *)one + one->nlmsg_len;
            while (at + NLA_HDRLEN <= end) {
                const struct nlattr *attribute = (const struct nlattr *)at;
                if (attribute->nla_type == CTRL_ATTR_FAMILY_ID)
                    family = *(const uint16_t *)(at + NLA_HDRLEN);
                at += NLA_ALIGN(attribute->nla_len);
            }
        }
    }
}

int main(int argc, char **argv)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
    if (argc != 3 || fd < 0) {
        fprintf(stderr, "usage: vdpa_add NAME PARENT\n");
        return 2;
    }
    begin(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
    add_text(CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
    uint16_t family = send_it(fd, "the kernel has no vDPA");
    begin(family, VDPA_CMD_DEV_NEW);
    add_text(VDPA_ATTR_MGMTDEV_DEV_NAME, argv[2]);
    add_text(VDPA_ATTR_DEV_NAME, argv[1]);
    send_it(fd, argv[1]);
    return 0;
}
