/* Everything that ukey says to a person, in English and Chinese. */
#ifndef TOOLS_UKEY_TEXT_H
#define TOOLS_UKEY_TEXT_H

enum text {
    TEXT_HELP,
    TEXT_HINT,
    TEXT_UNKNOWN_COMMAND,
    TEXT_UNKNOWN_OPTION,
    TEXT_OPTION_VALUE,
    TEXT_ARGUMENT_MISSING,
    TEXT_TOO_MANY_ARGUMENTS,
    TEXT_BAD_TIME,
    TEXT_SYSTEM,          /* file or program; what the system said */
    TEXT_CA,              /* directory; error */
    TEXT_CA_SYSTEM,       /* directory; error; what the system said */
    TEXT_CA_ABSENT,       /* directory */
    TEXT_BAD_ALGORITHM,   /* 1: what was given */
    TEXT_CA_READY,        /* directory */
    TEXT_PROFILE_JSON,    /* file; reason */
    TEXT_PROFILE_MEMBER,  /* file; member */
    TEXT_PROFILE_UNKNOWN, /* file; member */
    TEXT_SIMULATOR,       /* program; what it said */
    TEXT_SIMULATOR_LATE,  /* program */
    TEXT_MODULE_LOAD,     /* reason */
    TEXT_NOT_A_MODULE,    /* file */
    TEXT_NO_KEY,          /* module */
    TEXT_CRYPTOKI,        /* call; error name */
    TEXT_FORMATS,         /* what was done; error */
    TEXT_NOT_AS_WRITTEN,  /* object */
    TEXT_SEAL_PICTURE,    /* name */
    TEXT_PROVISIONED,     /* image; serial */
    TEXT_PROFILE_NAME,    /* name */
    TEXT_COMMAND_MISSING,
    TEXT_BAD_COUNT,     /* what was given */
    TEXT_BAD_TRANSPORT, /* what was given */
    TEXT_CACHE,         /* directory; what the system said */
    TEXT_NO_KEYS,
    TEXT_NO_SUCH_KEY, /* name */
    TEXT_LIST,        /* tries; certificates */
    TEXT_SHOW_KEY,    /* label */
    TEXT_SHOW_SERIAL,
    TEXT_SHOW_READER,
    TEXT_SHOW_MAKER,
    TEXT_SHOW_MODEL,
    TEXT_SHOW_ERROR, /* error */
    TEXT_SHOW_BLANK,
    TEXT_SHOW_PIN,         /* tries */
    TEXT_SHOW_SO_PIN,      /* tries */
    TEXT_SHOW_CERTIFICATE, /* label */
    TEXT_SHOW_KIND,        /* usage and algorithm */
    TEXT_SHOW_SUBJECT,
    TEXT_SHOW_ISSUER,
    TEXT_SHOW_CERT_SERIAL,
    TEXT_SHOW_ID,
    TEXT_SHOW_VALID,       /* date; days */
    TEXT_SHOW_EXPIRED,     /* date; days */
    TEXT_SHOW_FILE,        /* name */
    TEXT_MARK_OK,          /* finding */
    TEXT_MARK_NOTE,        /* finding */
    TEXT_MARK_WARNING,     /* finding */
    TEXT_MARK_ERROR,       /* finding */
    TEXT_MARK_TODO,        /* advice */
    TEXT_DOCTOR_CLOCK,     /* time */
    TEXT_DOCTOR_CLOCK_BAD, /* time */
    TEXT_TODO_CLOCK,
    TEXT_DOCTOR_PCSCD,    /* socket */
    TEXT_DOCTOR_NO_PCSCD, /* socket */
    TEXT_TODO_NO_PCSCD,
    TEXT_DOCTOR_PCSCD_DEAD, /* socket */
    TEXT_TODO_PCSCD_DEAD,
    TEXT_DOCTOR_READER,        /* reader */
    TEXT_DOCTOR_READER_PCSCD,  /* reader */
    TEXT_DOCTOR_READER_DENIED, /* reader; device file */
    TEXT_TODO_READER_DENIED,
    TEXT_DOCTOR_P11_KIT, /* module */
    TEXT_DOCTOR_NO_P11_KIT,
    TEXT_DOCTOR_P11_KIT_STALE, /* module */
    TEXT_TODO_P11_KIT,
    TEXT_DOCTOR_MODULE,     /* file */
    TEXT_DOCTOR_MODULE_BAD, /* reason; code */
    TEXT_TODO_MODULE,
    TEXT_DOCTOR_NO_KEYS,
    TEXT_TODO_NO_KEYS,
    TEXT_DOCTOR_KEY,       /* key */
    TEXT_DOCTOR_KEY_ERROR, /* reader; code */
    TEXT_TODO_KEY_ERROR,
    TEXT_DOCTOR_KEY_BLANK, /* reader */
    TEXT_TODO_KEY_BLANK,
    TEXT_DOCTOR_PIN_LOCKED, /* key */
    TEXT_TODO_PIN_LOCKED,
    TEXT_DOCTOR_PIN_FEW,    /* key; tries */
    TEXT_DOCTOR_SO_PIN_FEW, /* key; tries */
    TEXT_TODO_PIN_FEW,
    TEXT_DOCTOR_SO_PIN_LOCKED, /* key */
    TEXT_TODO_SO_PIN_LOCKED,
    TEXT_DOCTOR_PIN_MUST_CHANGE, /* key */
    TEXT_DOCTOR_PIN_DEFAULT,     /* key */
    TEXT_TODO_PIN_CHANGE,
    TEXT_DOCTOR_EXPIRED,  /* name; days */
    TEXT_DOCTOR_EXPIRING, /* name; days */
    TEXT_TODO_RENEW,
    TEXT_DOCTOR_NOT_YET, /* name; date */
    TEXT_COUNT
};

/* Chooses the language from LC_ALL, LC_MESSAGES, LANG: zh* is Chinese, everything else English. */
void text_init(void);

/* Prints a line on standard output, or "ukey: " and a line on standard error, with {1} {2} {3}
 * replaced (NULL: nothing). */
void text_say(enum text text, const char *a, const char *b);
void text_complain(enum text text, const char *a, const char *b, const char *c);

/* The same as a string, the caller's (free); NULL without memory. */
char *text_make(enum text text, const char *a, const char *b);

#endif
