/* Inside the PIV driver: its state and what its rooms (application, PINs, keys, data objects) share. */
#ifndef OPENUKEY_TOKEN_PIV_INTERNAL_H
#define OPENUKEY_TOKEN_PIV_INTERNAL_H

#include "module/token/piv_parse.h"
#include "module/token/token.h"

enum { PIV_RETIRED = PIV_RETIRED_LAST - PIV_RETIRED_FIRST + 1, PIV_SLOTS = 4 + PIV_RETIRED };

/* What never changes of a slot. */
struct piv_slot {
    const char *name; /* the key reference in hex: token_key.container */
    uint8_t reference;
    uint32_t certificate; /* enum piv_object */
    struct key_labels labels;
};
extern const struct piv_slot piv_slots[PIV_SLOTS];

/* What was read of a slot, until forgotten. */
struct piv_slot_state {
    bool key_known; /* what follows is so */
    bool has_key;
    uint8_t algorithm;
    uint8_t pin_policy;
    bool is_generated;
    struct token_public_key public_key;
    bool certificate_known;
    struct octets certificate; /* empty: none */
};

enum piv_extension { PIV_UNTRIED, PIV_THERE, PIV_MISSING };

struct piv_state {
    bool selected;
    bool management_verified;    /* since the card was last reset */
    char name[PIV_NAME_MAX + 1]; /* of the application, as SELECT tells */
    enum piv_extension metadata; /* INS F7 */
    bool serial_known;
    bool history_known;
    unsigned retired; /* keys that the key history object tells of */
    struct piv_slot_state slots[PIV_SLOTS];
};

static inline struct piv_state *piv_of(struct token *token) {
    return token->driver_state;
}

/* The slot of this container name; PIV_SLOTS: none. */
size_t piv_slot_find(const char *container);

/* Sends a command to the application, selecting it unless it is, and says what the status word means in PIV. TOKEN_STALE:
 * another application answered. Data is answered up to any length if `answers`. */
enum token_error piv_send(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                          const uint8_t *data, size_t len, bool answers);

/* GET METADATA of a key reference. TOKEN_UNSUPPORTED: the card does not have it. */
enum token_error piv_get_metadata(struct token *token, uint8_t reference);
/* GET DATA; the answer is in token->card.response. */
enum token_error piv_get_object(struct token *token, uint32_t object);

void piv_forget(struct token *token);
void piv_slot_forget(struct piv_slot_state *slot);

/* piv_pin.c */
enum token_error piv_read_pins(struct token *token, struct token_pins *pins);
enum token_error piv_verify_pin(struct token *token, enum token_user user, const uint8_t *pin,
                                size_t len);
enum token_error piv_change_pin(struct token *token, enum token_user user, const uint8_t *old_pin,
                                size_t old_len, const uint8_t *new_pin, size_t new_len);
enum token_error piv_reset_user_pin(struct token *token, const uint8_t *so_pin, size_t so_len,
                                    const uint8_t *new_pin, size_t new_len, bool must_change);
enum token_error piv_logout(struct token *token);

/* piv_keys.c */
enum token_error piv_list_keys(struct token *token, struct token_key_list *list);
enum token_error piv_describe_key(struct token *token, struct token_key *key);
enum token_error piv_read_public_key(struct token *token, const struct token_key *key,
                                     struct token_public_key *out);
enum token_error piv_read_certificate(struct token *token, const struct token_key *key,
                                      struct octets *out);
enum token_error piv_write_certificate(struct token *token, const struct token_key *key,
                                       const uint8_t *der, size_t len);
enum token_error piv_delete_certificate(struct token *token, const struct token_key *key);
enum token_error piv_choose_place(struct token *token, const struct token_key_wish *wish,
                                  char container[TOKEN_CONTAINER_MAX + 1]);
enum token_error piv_generate_key(struct token *token, const char *container,
                                  enum token_algorithm algorithm, uint32_t bits);
enum token_error piv_private_operation(struct token *token, const struct token_key *key,
                                       enum private_operation operation, const uint8_t *in,
                                       size_t in_len, uint8_t *out, size_t out_size,
                                       size_t *out_len);

/* piv_files.c */
enum token_error piv_list_files(struct token *token, struct token_file_list *list);
enum token_error piv_file_info(struct token *token, const char *name, struct token_file *out);
enum token_error piv_read_file(struct token *token, const struct token_file *file,
                               struct octets *out);

#endif
