/* What the human sees and types: the PIN through pinentry (module/pinentry), everything else through the consent program. Dialogs are
 * child processes named in the configuration; their environment is filtered, and they end when nobody waits for them. */
#ifndef AGENT_CONSENT_CONSENT_H
#define AGENT_CONSENT_CONSENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "module/pinentry/pinentry.h"

#define CONSENT_REQUEST_MAX     ((size_t)512 * 1024) /* bytes of JSON that the program is given */
#define CONSENT_ANSWER_MAX      ((size_t)4096)       /* bytes of JSON that it may answer */
#define CONSENT_EXIT_NO_DISPLAY 3 /* the exit status that means: there is no display to ask on */

enum consent_choice {
    CONSENT_CHOICE_NONE,
    CONSENT_CHOICE_ONCE,
    CONSENT_CHOICE_ALWAYS,
    CONSENT_CHOICE_NEVER
};

/* What asks a person. */
struct consent_means {
    char *program;     /* shows a window: ukey-consent */
    char *tty_program; /* its twin on a terminal: ukey-consent-tty */
    struct consent_terminal terminal;
};

/* Show `request` (docs of ukey-consent: {kind, lang, origin, title, fields ...}; borrowed) with the consent program, or where there is no
 * display and a terminal is named with its twin, and wait for the decision. Only {"decision":"agree"} from a program that then exits with 0 is CONSENT_GIVEN; *choice (may be NULL) is then ONCE,
 * ALWAYS or NONE. {"decision":"refuse","choice":"never"} is CONSENT_REFUSED for good: *choice is NEVER. */
enum consent_result consent_ask(const struct consent_means *means, const json_t *request,
                                const struct consent_watch *watch, enum consent_choice *choice);

#endif
