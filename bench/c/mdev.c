/* SPDX-License-Identifier: MIT */
/*
 * The time to create an mdev and to remove it again, beside two writes to an attribute that change nothing. Best of
 * many.
 * usage: mdev DIRECTORY-OF-A-TYPE
 */
#include "common.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
#define OTHER "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"
#define REMOVE(uuid) "/sys/bus/mdev/devices/" uuid "/remove"
#define ROUNDS 300

static void put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY);
    if (file < 0 || write(file, text, strlen(text)) < 0) {
        perror(path);
        exit(1);
    }
    close(file);
}

int main(int argc, char **argv)
{
    char create[300];
    double cycle = 1e18, writes = 1e18;
    if (argc != 2)
        return 2;
    snprintf(create, sizeof(create), "%s/create", argv[1]);
    put(create, OTHER);
    for (int i = 0; i < ROUNDS; i++) {
        double start = now();
        put(create, UUID);
        put(REMOVE(UUID), "1");
        double middle = now();
        put(REMOVE(OTHER), "0");
        put(REMOVE(OTHER), "0");
        double end = now();
        if (middle - start < cycle)
            cycle = middle - start;
        if (end - middle < writes)
            writes = end - middle;
    }
    put(REMOVE(OTHER), "1");
    printf("create and remove %.2f ns\ntwo writes %.2f ns\n", cycle, writes);
    return 0;
}
