/* SPDX-License-Identifier: MIT */
/*
 * What the attributes of mdevs answer: create, available_instances, remove. Prints one line for each call.
 * usage: mdev_sysfs DIRECTORY-OF-A-TYPE
 */
#include "mdev.h"

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa100" /* and one more digit */
#define FIRST UUID "1"

static char path[300];

static void put(const char *text, int length)
{
    const char *type = strstr(path, "mdev_supported_types/");
    const char *shown = type ? type + strlen("mdev_supported_types/") : strrchr(path, '/') + 1;
    int file = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0666);
    if (file < 0) {
        printf("%-46s open -> %s\n", text, last_error());
        return;
    }

    long written = write(file, text, length);
    printf("%2d bytes '%s' to .../%s -> ", length, text, shown);
    if (written < 0)
        printf("%s\n", last_error());
    else
        printf("%ld\n", written);
    close(file);
}

static void try_open(const char *what, int flags)
{
    int file = open(path, flags);
    printf("%s -> %s\n", what, file < 0 ? last_error() : "ok");
    if (file >= 0)
        close(file);
}

static void create(const char *type)
{
    snprintf(path, sizeof path, "%s/create", type);
    put(UUID, 35);
    put(FIRST, 36);
    put(FIRST, 36);
    put("83B8F4F2-509F-382F-3C1E-E6BFE0FA1002\n", 37);
    put(UUID "3\n\n", 38);
    put(UUID "4x", 37);
    put("83b8f4f2509f-382f-3c1e-e6bfe0fa1001--", 37);
    put("00000000-0000-0000-0000-000000000000", 36);
    put("{83b8f4f2-509f-382f-3c1e-e6bfe0fa100}", 37);
    try_open("open create for reading", O_RDONLY);
    try_open("open create for both", O_RDWR);

    int file = open(path, O_WRONLY);
    expect(file >= 0);
    printf("write in two parts: %zd", write(file, UUID "5", 18));
    printf(" %s\n", last_error());
    errno = 0;
    printf("pwrite at 100 -> %zd %s\n", pwrite(file, UUID "5", 36, 100), errno ? last_error() : "");
    errno = 0;
    printf("write of 0 bytes -> %zd %s\n", write(file, UUID "5", 0), errno ? last_error() : "");
    printf("lseek end %ld\n", (long)lseek(file, 0, SEEK_END));
    close(file);
}

int main(int argc, char **argv)
{
    expect(argc == 2);
    setvbuf(stdout, NULL, _IONBF, 0);
    create(argv[1]);
    snprintf(path, sizeof path, "%s/available_instances", argv[1]);
    try_open("open available_instances for writing", O_WRONLY);

    snprintf(path, sizeof path, "/sys/bus/mdev/devices/" FIRST "/remove");
    try_open("open remove for reading", O_RDONLY);
    put("0", 1);
    put("x", 1);
    put("", 0);
    put("-1", 2);
    put("2\n", 2);
    put("1", 1);
    return 0;
}
