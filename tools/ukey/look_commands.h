/* ukey list, ukey show, ukey doctor. */
#ifndef TOOLS_UKEY_LOOK_COMMANDS_H
#define TOOLS_UKEY_LOOK_COMMANDS_H

#include <jansson.h>
#include <stdbool.h>

/* What the three commands take. */
struct look_options {
    const char *module; /* never NULL */
    const char *root;   /* put before the paths that doctor looks at: "" or a folder */
    const char *key;    /* serial, its end, or label; NULL: all */
    bool json;
};

/* Each takes the arguments behind its name and gives the exit status: 0, 1 (no such key; doctor: something is wrong), 2 (wrong usage). */
int look_list(char **argv);
int look_show(char **argv);
int look_doctor(char **argv);

/* Reads the arguments; `takes_key`: one more may name a key. 0, or 2 after a complaint. */
int look_parse(char **argv, bool takes_key, struct look_options *out);

/* Text of a member of an object, "" if there is none. */
const char *look_text(const json_t *object, const char *member);

/* Prints JSON on standard output, a line at the end, and gives it up. */
void look_print_json(json_t *json);

#endif
