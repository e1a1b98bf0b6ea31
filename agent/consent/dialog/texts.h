/* The words of ukey-consent and its twin themselves, in Chinese and English. */
#ifndef AGENT_CONSENT_DIALOG_TEXTS_H
#define AGENT_CONSENT_DIALOG_TEXTS_H

#include <stdbool.h>

enum dialog_text {
    TEXT_WINDOW,       /* the window's title when Agree can be chosen */
    TEXT_WINDOW_WAITS, /* and before */
    TEXT_ORIGIN,       /* label: the website that asks */
    TEXT_CERTIFICATE,  /* label: the certificate that will sign */
    TEXT_ISSUER,
    TEXT_NOT_AFTER,
    TEXT_DAYS_LEFT, /* '#' stands for the number */
    TEXT_LAST_DAY,
    TEXT_EXPIRED,
    TEXT_USAGE_OF, /* label: what the certificate is for */
    TEXT_USAGE_SIGN,
    TEXT_USAGE_ENCRYPT,
    TEXT_USAGE_BOTH,
    TEXT_TOKEN,
    TEXT_CONTENT,      /* accessible name of the scrolling area */
    TEXT_CONTENT_HELP, /* its accessible description */
    TEXT_SCROLL,       /* hint while the end has not been seen */
    TEXT_SEEN,         /* hint afterwards */
    TEXT_ESCAPED,      /* warning: something is shown as escapes */
    TEXT_REMEMBER,     /* check box: the decision holds for good */
    TEXT_AGREE,
    TEXT_REFUSE,
    /* on the terminal */
    TEXT_ABOUT,         /* label: the request's title */
    TEXT_ESCAPED_PLAIN, /* warning: something is shown as escapes */
    TEXT_BACKSLASH,     /* and what stands for a backslash */
    TEXT_ANSWERS,       /* heading of the words that decide */
    TEXT_ONCE,
    TEXT_FOR_GOOD,
    TEXT_READ_ON, /* what can be typed below a page */
    TEXT_DECIDE,  /* below the last one */
    TEXT_UNKNOWN,
    TEXT_TOO_SMALL,
    TEXT_AGREED, /* how it ended */
    TEXT_REFUSED,
    TEXT_WITHDRAWN,
    TEXT_NO_TERMINAL, /* on stderr */
    TEXT_USAGE_TTY,
    TEXT_NO_DISPLAY, /* on stderr */
    TEXT_USAGE,
    TEXT_COUNT
};

const char *dialog_text(enum dialog_text text, bool chinese);

#endif
