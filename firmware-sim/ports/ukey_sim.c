/* ukey-sim: the command line. */
#include "firmware-sim/ports/commands.h"
#include "firmware-sim/ports/options.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"run", command_run},   {"usb", command_usb},           {"format", command_format},
        {"fsck", command_fsck}, {"snapshot", command_snapshot}, {"restore", command_restore},
        {"dump", command_dump}, {"selftest", command_selftest},
    };
    setlocale(LC_MESSAGES, ""); /* the texts of errno */
    messages_init();
    if (argc < 2) {
        message_print(stderr, MSG_HELP, NULL, NULL);
        return EXIT_USAGE;
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            message_print(stdout, MSG_HELP, NULL, NULL);
            return EXIT_SUCCESS;
        }
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("ukey-sim " OPENUKEY_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    return usage_error(MSG_UNKNOWN_COMMAND, argv[1]);
}
