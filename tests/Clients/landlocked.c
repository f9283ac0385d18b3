/* SPDX-License-Identifier: MIT */
/*
 * Becomes a program that Landlock confines to some directories: everything else of the host's files is EACCES.
 * usage: landlocked DIRECTORY:DIRECTORY... PROGRAM ARGUMENT...
 */
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "client.h"

int main(int argc, char **argv)
{
    const char *directories = argument(argc, argv, 1, "directories, with : between them");
    argument(argc, argv, 2, "a program");
    char text[4096], *rest = text;
    struct landlock_ruleset_attr handled = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
                             LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG,
    };
    int rules = (int)must(syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0));
    snprintf(text, sizeof(text), "%s", directories);
    for (char *directory; (directory = strsep(&rest, ":"));) {
        struct landlock_path_beneath_attr beneath = {
            .allowed_access = handled.handled_access_fs,
            .parent_fd = must(open(directory, O_PATH)),
        };
        must((int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0));
        must(close(beneath.parent_fd));
    }
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    must((int)syscall(SYS_landlock_restrict_self, rules, 0));
    must(close(rules));
    execv(argv[2], argv + 2);
    fail("%s cannot be run", argv[2]);
}
