/* Asking a person for a PIN with the program pinentry, for the module and the agent. The dialog is a child process named in
 * the configuration; its environment is filtered, and it ends when nobody waits for it. */
#ifndef OPENUKEY_PINENTRY_PINENTRY_H
#define OPENUKEY_PINENTRY_PINENTRY_H

#include <stdbool.h>
#include <stddef.h>

enum consent_result {
    CONSENT_GIVEN = 0,
    CONSENT_REFUSED, /* the person refused, cancelled, or closed the window; or the program crashed */
    CONSENT_GONE,    /* nobody waits for the answer any more (consent_watch) */
    CONSENT_TIMEOUT,     /* the person did not answer in time */
    CONSENT_UNAVAILABLE, /* the program cannot be started, or has no display */
    CONSENT_BAD_REQUEST, /* what was to be shown does not fit */
};

/* Asked about five times a second while a dialog is open; true closes it. `is_gone` may be NULL. */
struct consent_watch {
    bool (*is_gone)(void *context);
    void *context;
    int timeout_ms; /* 0 means 120 s */
};

#define CONSENT_PIN_MAX 255 /* bytes of UTF-8; what the token accepts is the caller's to check */

/* A PIN in a page of its own: locked in memory and left out of core dumps where the system allows it. */
struct consent_pin {
    size_t len;
    char text[CONSENT_PIN_MAX + 1]; /* NUL-terminated */
};

/* The terminal for dialogs on a machine without a display. */
struct consent_terminal {
    char *device; /* its path, printable ASCII, short; NULL: there is none */
    char *type;   /* its terminfo name, the same */
};

/* What the PIN window says; all UTF-8, shown with control and bidi characters as escapes. */
struct consent_pin_request {
    const char *lang; /* "zh-CN" or "en": for pinentry's own words */
    const char *title;
    const char *description; /* may hold '\n'; at most 993 bytes once escaped */
    const char *prompt;
    const char *error; /* shown in red, e.g. after a PIN of the wrong length; may be NULL */
    const char *ok;    /* button texts */
    const char *cancel;
    const struct consent_terminal *terminal; /* for a pinentry that has no display; may be NULL */
};

/* Ask for a PIN with `pinentry` (a program's path, or a name found in PATH). On CONSENT_GIVEN *pin is the person's PIN (it may be
 * empty), to be freed with consent_pin_free(); else NULL. */
enum consent_result consent_ask_pin(const char *pinentry, const struct consent_pin_request *request,
                                    const struct consent_watch *watch, struct consent_pin **pin);

/* Cleanse and free; NULL is harmless. */
void consent_pin_free(struct consent_pin *pin);

#endif
