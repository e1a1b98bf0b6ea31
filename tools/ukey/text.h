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
    TEXT_COUNT
};

/* Chooses the language from LC_ALL, LC_MESSAGES, LANG: zh* is Chinese, everything else English. */
void text_init(void);

/* Prints a line on standard output, or "ukey: " and a line on standard error, with {1} {2} {3}
 * replaced (NULL: nothing). */
void text_say(enum text text, const char *a, const char *b);
void text_complain(enum text text, const char *a, const char *b, const char *c);

#endif
