/* What is on a token, as Cryptoki counts it: each key pair is a private key, a public key and perhaps a certificate;
 * each file is a data object. Everything is read when asked for, and kept until the card says that it changed.
 *
 * Handles are never used twice in a token's life; an object keeps its handle as long as it is on the token. Pointers to
 * entries stay good until the next call of this header for the same token. */
#ifndef OPENUKEY_TOKEN_TOKEN_OBJECTS_H
#define OPENUKEY_TOKEN_TOKEN_OBJECTS_H

#include "module/token/attribute_records.h"
#include "module/token/token.h"

/* As bits, so that a set of kinds is a number. */
enum object_kind {
    OBJECT_PRIVATE_KEY = 1,
    OBJECT_PUBLIC_KEY = 2,
    OBJECT_CERTIFICATE = 4,
    OBJECT_DATA = 8,
    OBJECT_KEYS = OBJECT_PRIVATE_KEY | OBJECT_PUBLIC_KEY,
    OBJECT_OF_KEY = OBJECT_KEYS | OBJECT_CERTIFICATE
};

struct key_entry {
    struct token_key key;
    bool is_absent;     /* described: no key is in this place */
    bool was_described; /* some time before: key.algorithm and key.bits are of then */
    struct attribute_record attributes; /* has_id, has_label: not the default */
    unsigned long private_handle, public_handle,
        certificate_handle;     /* the last 0 as long as no certificate is known */
    bool public_key_seen;       /* public_key is what programs were told */
    bool public_key_known;      /* ... and what the card has */
    bool public_key_remembered; /* from a file, and not proved since (object_memory.h) */
    struct token_public_key public_key;
    bool certificate_known;
    struct octets certificate;
};

struct file_entry {
    struct token_file file;
    unsigned long handle;
    bool value_known;
    struct octets value;
};

/* One object: `kind` and the entry behind it. */
struct token_object {
    enum object_kind kind;
    unsigned long handle;
    struct key_entry *key;   /* NULL for data */
    struct file_entry *file; /* NULL otherwise */
};

struct token_object_list *token_objects_new(void);
void token_objects_free(struct token_object_list *objects);

/* The user logged out: private objects get other handles, as those that programs hold are good for nothing any more, also
 * after the next login (PKCS#11 3.2, 5.6.9). */
void token_objects_renumber_private(struct token_object_list *objects);

/* The card changed behind our back: look again before the next use. */
void token_objects_outdate(struct token_object_list *objects);

/* What a search asks for, so that the card is not asked about what it leaves out. NULL: anything. */
struct object_filter {
    const uint8_t *id; /* CKA_ID */
    size_t id_len;
    const char *label; /* CKA_LABEL, label_len bytes */
    size_t label_len;
};

/* All objects of these kinds (bits) that the filter (NULL: none) leaves. *out is the caller's (free). Does not read keys
 * when only data is asked for, nor the other way round; of keys, only those that the filter leaves. The attribute file
 * is no object. */
enum token_error token_objects_list(struct token *token, unsigned kinds,
                                    const struct object_filter *filter, struct token_object **out,
                                    size_t *count);

/* CKA_LABEL of an object. */
const char *token_object_label(const struct token_object *object);

/* The object with this handle; TOKEN_NOT_FOUND. Looks at the card only if what we know is outdated. */
enum token_error token_object_find(struct token *token, unsigned long handle,
                                   struct token_object *out);

/* True if the card can be without this object, as far as its kind says. */
bool token_object_is_destroyable(const struct token *token, const struct token_object *object);

/* The pair of this container and usage; TOKEN_NOT_FOUND. */
enum token_error token_objects_find_key(struct token *token, const char *container,
                                        enum token_usage usage, struct key_entry **out);

bool token_public_key_equal(const struct token_public_key *a, const struct token_public_key *b);

/* Another program has put another key in the entry's place: its old handles are good for nothing any more. */
void token_object_replaced(struct token *token, struct key_entry *entry);

/* Values, read once. The pointers belong to the entry. */
enum token_error token_object_public_key(struct token *token, struct key_entry *entry,
                                         const struct token_public_key **out);
enum token_error token_object_certificate(struct token *token, struct key_entry *entry,
                                          const struct octets **out);
enum token_error token_object_file_value(struct token *token, struct file_entry *entry,
                                         const struct octets **out);

/* After a write of our own: list anew at the next use, keeping values already read, except this container's. */
void token_objects_changed(struct token *token, const char *container);
/* ... which took the certificate away. */
void token_objects_certificate_gone(struct token *token, const char *container);
void token_objects_files_changed(struct token *token);
/* ... which took that file away: its entry goes with its value and handle. */
void token_objects_file_gone(struct token *token, const char *name);

/* True if CKA_ID and CKA_LABEL can be set. */
bool token_objects_keep_attributes(const struct token *token);

/* Writes CKA_ID and/or CKA_LABEL (NULL: leave) of a pair to the attribute file. */
enum token_error token_objects_set_attributes(struct token *token, struct key_entry *entry,
                                              const uint8_t *id, size_t id_len, const char *label);

#endif
