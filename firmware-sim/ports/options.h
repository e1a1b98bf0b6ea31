/* Command lines: options by name, then arguments; and what is said when they are wrong. */
#ifndef FIRMWARE_PORTS_OPTIONS_H
#define FIRMWARE_PORTS_OPTIONS_H

#include "firmware-sim/ports/messages.h"

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_USAGE = 2, OPTION_VALUES_MAX = 256 };

/* An option; strings are argv's. Given more than once, a plain option keeps its last value. */
struct option {
    const char *name;
    const char *value;   /* the last one, or the caller's default */
    bool is_flag;        /* takes no value; value becomes its name when it is given */
    const char **values; /* NULL, or room for OPTION_VALUES_MAX: every value in order */
    unsigned count;      /* of values */
};

/* Arguments that are no options. */
struct arguments {
    const char **values; /* room for max */
    unsigned count, max;
};

/* Options first or between, as "--name value" or "--name=value"; "--" ends them and is not taken: *rest is what follows it
 * (NULL without one; rest itself may be NULL: then "--" is no option). options ends with a NULL name. Returns 0 or, having
 * complained, EXIT_USAGE. */
int options_parse(int argc, char **argv, struct option *options, struct arguments *arguments,
                  char ***rest);

/* Both complain and return the exit status. */
int usage_error(enum message message, const char *what);
int failure(enum message message, const char *a, const char *b);
/* What errno says about `what`. */
int system_failure(const char *what);

#endif
