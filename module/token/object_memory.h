/* What is public on a token, remembered on disk, so that a program that starts anew need not read the card anew.
 *
 * One file for a card, valid for one state of it: the card's serial number, its change counter and the tag of all its changes
 * (DEVINFO_CHANGE_TAG) must be those in the file. A card without these is never remembered. The file holds places of keys,
 * their kinds, ids, labels, public keys and certificates as far as a program asked for them: nothing that the card would not
 * tell anybody.
 *
 * Threats. Another user: the folder is ours and 0700, the file ours and 0600, no symbolic link is followed; anything else is
 * not read. Half-written or damaged files: written aside and renamed; SHA-256 over all, every length checked. A program of
 * the same user could as well replace this module, so no key would keep it out; but what it can do by the file is bounded:
 * a remembered public key is in doubt, so the first signature is checked with it on the host (key_use.h), and an id that
 * leads to another key or certificate than the card's fails there. Certificates are checked by whoever uses them. */
#ifndef OPENUKEY_TOKEN_OBJECT_MEMORY_H
#define OPENUKEY_TOKEN_OBJECT_MEMORY_H

#include "module/token/token_objects.h"

struct token_object_list {
    struct key_entry **keys;
    size_t key_count;
    struct file_entry **files;
    size_t file_count;
    bool keys_listed, files_listed; /* and still so */
    bool has_attribute_file;
    unsigned long next_handle;
    bool news; /* something is known that the file does not have */
};

/* After recognition: takes what is remembered of the card in this state, if anything is. */
void object_memory_recall(struct token *token);

/* Writes down what is new. Failing is no error: it is only slower next time. */
void object_memory_keep(struct token *token);

/* The content of a file, taken apart and put together; for the functions above and for fuzzers. False: it makes no sense, or is
 * of another card or state; the list is empty then. */
bool object_memory_parse(struct token *token, const uint8_t *bytes, size_t len);
/* What stands around a file's content: head before it, hash behind it. Into w; w->failed when it does not fit. */
void object_memory_seal(const struct token *token, struct wire_writer *w, const uint8_t *content,
                        size_t len);
/* Into w; w->failed when it does not fit. */
void object_memory_write(const struct token *token, struct wire_writer *w);

#endif
