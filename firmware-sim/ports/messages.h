/* Everything ukey-sim says to a person, in English and Chinese. */
#ifndef FIRMWARE_PORTS_MESSAGES_H
#define FIRMWARE_PORTS_MESSAGES_H

#include <stdio.h>

enum message {
    MSG_HELP,
    MSG_USAGE_HINT,
    MSG_UNKNOWN_COMMAND,
    MSG_UNKNOWN_OPTION,
    MSG_OPTION_VALUE,
    MSG_IMAGE_MISSING,
    MSG_TOO_MANY_ARGUMENTS,
    MSG_TEXT_TOO_LONG,
    MSG_UNKNOWN_APPLICATION,
    MSG_UNKNOWN_LAYOUT,
    MSG_BAD_SEED,
    MSG_SEEDED,
    MSG_SYSTEM,
    MSG_IN_USE,
    MSG_NOT_AN_IMAGE,
    MSG_DAMAGED,
    MSG_NOT_OVERWRITTEN,
    MSG_NO_RANDOM,
    MSG_SOCKET_IN_USE,
    MSG_BAD_TARGET,
    MSG_DIRECTORY,
    MSG_TOO_MANY_VALUES,
    MSG_BAD_CLOCK,
    MSG_COMMAND_MISSING,
    MSG_DUMP_FORMAT,
    MSG_FSCK_SOUND,
    MSG_FSCK_TRUNCATED,
    MSG_FSCK_PAGE,
    MSG_FSCK_COMMIT,
    MSG_FSCK_KEPT,
    MSG_FSCK_LOST,
    MSG_NO_BRIDGE,
    MSG_COUNT
};

/* Chooses the language from LC_ALL, LC_MESSAGES, LANG: zh* is Chinese, everything else English. */
void messages_init(void);

/* Prints a message with {1} and {2} replaced by a and b (NULL where the text has none) and a line end. */
void message_print(FILE *out, enum message message, const char *a, const char *b);

#endif
