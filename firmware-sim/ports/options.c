/* Command lines and complaints about them. */
#include "firmware-sim/ports/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int usage_error(enum message message, const char *what) {
    message_print(stderr, message, what, NULL);
    message_print(stderr, MSG_USAGE_HINT, NULL, NULL);
    return EXIT_USAGE;
}

int failure(enum message message, const char *a, const char *b) {
    message_print(stderr, message, a, b);
    return EXIT_FAILURE;
}

int system_failure(const char *what) {
    return failure(MSG_SYSTEM, what, strerror(errno));
}

static struct option *find(struct option *options, const char *text, size_t len) {
    for (; options->name; options++)
        if (strlen(options->name) == len && strncmp(options->name, text, len) == 0)
            return options;
    return NULL;
}

static int take(struct option *option, const char *value, const char *as_given) {
    option->value = value;
    if (!option->values)
        return 0;
    if (option->count == OPTION_VALUES_MAX)
        return usage_error(MSG_TOO_MANY_ARGUMENTS, as_given);
    option->values[option->count++] = value;
    return 0;
}

int options_parse(int argc, char **argv, struct option *options, struct arguments *arguments,
                  char ***rest) {
    arguments->count = 0;
    if (rest)
        *rest = NULL;
    for (int i = 0; i < argc; i++) {
        if (rest && strcmp(argv[i], "--") == 0) {
            *rest = argv + i + 1;
            break;
        }
        if (strncmp(argv[i], "--", 2) != 0) {
            if (arguments->count == arguments->max)
                return usage_error(MSG_TOO_MANY_ARGUMENTS, argv[i]);
            arguments->values[arguments->count++] = argv[i];
            continue;
        }
        size_t len = strcspn(argv[i], "=");
        struct option *option = find(options, argv[i], len);
        bool has_value = option && argv[i][len] == '=';
        if (!option || (option->is_flag && has_value))
            return usage_error(MSG_UNKNOWN_OPTION, argv[i]);
        int status = 0;
        if (option->is_flag)
            option->value = option->name;
        else if (has_value)
            status = take(option, argv[i] + len + 1, argv[i]);
        else if (i + 1 < argc)
            status = take(option, argv[i + 1], argv[i]), i++;
        else
            status = usage_error(MSG_OPTION_VALUE, argv[i]);
        if (status)
            return status;
    }
    return arguments->count ? 0 : usage_error(MSG_IMAGE_MISSING, NULL);
}
