/* Cryptoki for the rooms of agent/token: the loaded module, errors, attributes. */
#ifndef AGENT_TOKEN_CRYPTOKI_H
#define AGENT_TOKEN_CRYPTOKI_H

#include <pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/token/token.h"

struct foreign_process;

struct cryptoki {
    void *library;
    CK_FUNCTION_LIST *functions;
    const CK_OPENUKEY_FUNCTIONS *vendor; /* NULL: a module without our interface */
    struct foreign_process *process;     /* a module of another maker, in a process of its own */
};

/* Load the module, give it its settings (its vendor interface's, if it has one) and initialise it. -1: the log says why. */
int cryptoki_load(struct cryptoki *cryptoki, const char *path,
                  const struct tokens_option *settings);
/* Speak with a module of another maker through its process, which is not started by this. -1: too many modules. */
int cryptoki_connect(struct cryptoki *cryptoki, struct foreign_process *process);
/* The slots with a token in them: at most TOKEN_MAX. */
CK_RV cryptoki_slots(const struct cryptoki *cryptoki, CK_SLOT_ID slots[TOKEN_MAX], CK_ULONG *count);
/* C_Finalize; calls that wait in the module end. The library stays loaded until cryptoki_unload(). */
void cryptoki_finalize(struct cryptoki *cryptoki);
void cryptoki_unload(struct cryptoki *cryptoki);

/* The agent's name of a CK_RV that is not CKR_OK; logs what is not an everyday answer, with `what` was tried. */
enum token_error cryptoki_error(CK_RV rv, const char *what);

/* Text of a fixed-size, blank-padded Cryptoki field, NUL-terminated; `size` is out's. */
void cryptoki_text(const CK_UTF8CHAR *field, size_t len, char *out, size_t size);

/* Objects that match the template, at most TOKEN_OBJECTS_MAX. */
enum token_error cryptoki_find(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                               CK_ATTRIBUTE *template, CK_ULONG count,
                               CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX], size_t *found);
/* Exactly the first object that matches; TOKEN_NOT_FOUND. */
enum token_error cryptoki_find_one(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                   CK_ATTRIBUTE *template, CK_ULONG count,
                                   CK_OBJECT_HANDLE *object);
/* One attribute's bytes, at most `max`; an absent one is TOKEN_NOT_FOUND. octets_free(). */
enum token_error cryptoki_read(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                               CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, size_t max,
                               struct octets *out);

#endif
