/* Which modules of other makers there are: those of the configuration, then those of p11-kit's registry (pkcs11.conf(5)). */
#ifndef AGENT_FOREIGN_REGISTRY_H
#define AGENT_FOREIGN_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

enum { FOREIGN_ANSWER_WITHIN_MS = 10000 }; /* unless the configuration says otherwise */

struct foreign_module {
    char *name; /* for people: the configuration's, or that of the registry's file */
    char *path; /* absolute */
    int answer_within_ms;
};

struct foreign_modules {
    size_t count;
    struct foreign_module *list;
};

/* Where p11-kit keeps its registry. Earlier folders win: a person's own over the administrator's over the packages'. */
struct registry_places {
    const char *
        settings; /* the administrator's pkcs11.conf: "user-config: none" leaves out `user`, "only" leaves out the others */
    const char *user;                     /* folder of *.module files; NULL: none */
    const char *administrator, *packages; /* the same */
    const char *libraries;                /* where relative paths of modules start */
};

/* The places of this machine and user; `user` is memory of `buffer`. */
void registry_places_standard(struct registry_places *places, char *buffer, size_t size);

/* Add a module (strings are copied) unless its file is in the list already, or is `own`, or one of p11-kit's own. False: no memory. */
bool foreign_modules_add(struct foreign_modules *modules, const char *name, const char *path,
                         int answer_within_ms, const char *own);
/* Add what the registry lists for a program of that name: not what is switched off for it (enable-in, disable-in), what holds trust and not keys
 * (trust-policy), what is remote. A file that cannot be read is left out, and the log says so. False: no memory. */
bool foreign_modules_add_registered(struct foreign_modules *modules,
                                    const struct registry_places *places, const char *program,
                                    int answer_within_ms, const char *own);
void foreign_modules_free(struct foreign_modules *modules);

#endif
