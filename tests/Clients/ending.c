/* SPDX-License-Identifier: MIT */
/*
 * Each program ends in its own way. With a node open, so that it is a client like the others:
 * usage: ending exit CODE      exits with it
 *        ending signal NUMBER  is killed by it
 *        ending wait           prints "waiting", then exits with 40 + the first of SIGTERM, SIGINT, SIGHUP that comes
 */
#include <signal.h>

#include "client.h"

int main(int argc, char **argv)
{
    const char *how = argument(argc, argv, 1, "exit, signal or wait");
    sigset_t set;
    int number = argc > 2 ? atoi(argv[2]) : 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (!strcmp(how, "wait"))
        must(sigprocmask(SIG_BLOCK, &set, NULL));
    ioas_alloc(open_iommu());
    if (!strcmp(how, "exit"))
        return number;
    if (!strcmp(how, "signal")) {
        must(raise(number));
        pause();
    }
    printf("waiting\n");
    must(sigwait(&set, &number) ? -1 : 0);
    return 40 + number;
}
