/* Inside the GM driver: its state and what its rooms (application, PIN, keys, files) share. */
#ifndef OPENUKEY_TOKEN_GM_INTERNAL_H
#define OPENUKEY_TOKEN_GM_INTERNAL_H

#include "module/token/token.h"

/* How a maker lays out the fields where makers differ. A second maker's key is a second row in gm_layouts. */
struct gm_layout {
    const char *name;
    enum byte_order order;   /* of integers inside data fields */
    size_t application_name; /* width of the name in CreateApplication */
    size_t file_name;        /* width of the name in CreateFile */
    bool
        pin_is_padded; /* the PIN key is the hash of the PIN with zeros up to 16 bytes, not of the bare PIN */
    bool challenge_is_framed; /* 80 00 challenge 00 80 0*4, not challenge 0*8 */
    bool mac_counts_itself;   /* the Lc inside a MAC counts the MAC */
    bool has_raw_rsa;         /* INS 5C is the raw private operation */
    uint8_t dev_auth_sm4;     /* P2 of DevAuth */
    bool
        envelope_ends_with_cipher; /* ImportECCKeyPair: private key, public key, SM4 key's ciphertext */
};
extern const struct gm_layout gm_layouts[];

/* The row of this name; NULL: there is none. */
const struct gm_layout *gm_layout_find(const char *name);

/* The row that makes sense of a DevInfo: the numbers in it are small in one byte order only. */
const struct gm_layout *gm_layout_of(const uint8_t devinfo[GM_DEVINFO_SIZE]);

enum { GM_ID_SIZE = 2, GM_OPEN_CONTAINERS = 16, GM_SM4_BLOCK = 16 };

struct gm_container_info {
    uint8_t type;
    uint32_t sign_bits, enc_bits;
    bool sign_certificate, enc_certificate;
};

struct gm_open_container {
    char name[GM_CONTAINER_NAME_MAX + 1]; /* "": free */
    uint8_t id[GM_ID_SIZE];
};

struct gm_state {
    const struct gm_layout *layout;
    bool layout_known;
    bool application_known; /* token->facts.initialized and .application are so */
    bool application_open;
    uint8_t application[GM_ID_SIZE];
    struct gm_open_container containers[GM_OPEN_CONTAINERS];
    size_t next_container;                     /* the place to take when all are in use */
    char described[GM_CONTAINER_NAME_MAX + 1]; /* whose info is in `info`; "": none */
    struct gm_container_info info;
    uint8_t max_containers;
    uint16_t max_files;
};

static inline struct gm_state *gm_of(struct token *token) {
    return token->driver_state;
}

/* A data field under construction, in the layout's byte order. */
struct gm_data {
    struct wire_writer w;
    uint8_t bytes[APDU_MAX_BODY]; /* a certificate may be longer than other data */
};
void gm_data_start(struct gm_data *data, struct token *token);

/* Sends a plain command with this data field (NULL: none), expecting up to `le` bytes. TOKEN_ARGUMENT if the data did
 * not fit. The response is read through gm_response(). */
enum token_error gm_send(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                         const struct gm_data *data, size_t le);
struct wire_reader gm_response(struct token *token);

/* Opens the application unless it is open; TOKEN_BLANK if there is none. */
enum token_error gm_application(struct token *token);
/* Finds out whether there is an application, unless known. */
enum token_error gm_find_application(struct token *token);
void gm_forget(struct token *token);

/* Opens the container unless it is open; puts application and container id into `data`, freshly started. */
enum token_error gm_container(struct token *token, const char *name, struct gm_data *data);
void gm_forget_container(struct token *token, const char *name);
/* Remembers an id that CreateContainer gave. */
void gm_remember_container(struct token *token, const char *name, const uint8_t id[GM_ID_SIZE]);

/* The names in a response: NUL separated, an empty one or the end of data last. Returns the next one, NULL at the end or
 * if it is longer than `max`, then *bad is set. */
const char *gm_next_name(struct wire_reader *response, char *out, size_t max, bool *bad);

/* gm_pin.c */
enum token_error gm_read_pins(struct token *token, struct token_pins *pins);
enum token_error gm_verify_pin(struct token *token, enum token_user user, const uint8_t *pin,
                               size_t len);
enum token_error gm_change_pin(struct token *token, enum token_user user, const uint8_t *old_pin,
                               size_t old_len, const uint8_t *new_pin, size_t new_len);
enum token_error gm_reset_user_pin(struct token *token, const uint8_t *so_pin, size_t so_len,
                                   const uint8_t *new_pin, size_t new_len, bool must_change);
/* SM4 without padding over whole blocks, in place. iv NULL: ECB, else CBC. TOKEN_MEMORY. */
enum token_error gm_sm4_encrypt(OSSL_LIB_CTX *libctx, const uint8_t key[GM_SM4_BLOCK],
                                const uint8_t *iv, uint8_t *data, size_t len);
/* CLA 84: adds the MAC under `key`, with a fresh challenge, to `data_len` bytes that have room for it, and sends them. */
enum token_error gm_send_with_mac(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                                  const uint8_t key[GM_SM4_BLOCK], uint8_t *data, size_t data_len);
enum token_error gm_authenticate_device(struct token *token);
extern const uint8_t gm_factory_device_key[];

/* gm_unlock.c */
enum token_error gm_unlock_begin(struct token *token, struct token_unlock *unlock);
enum token_error gm_unlock_finish(struct token *token, const struct token_unlock *unlock,
                                  const uint8_t response[UNLOCK_RESPONSE_SIZE],
                                  const uint8_t *new_pin, size_t new_len, bool must_change);
enum token_error gm_set_unlock_key(struct token *token, const uint8_t key[UNLOCK_KEY_SIZE]);
enum token_error gm_logout(struct token *token);
enum token_error gm_initialize(struct token *token, const uint8_t *so_pin, size_t so_len,
                               const char *label);
enum token_error gm_random(struct token *token, uint8_t *out, size_t len);

/* gm_keys.c */
enum token_error gm_list_keys(struct token *token, struct token_key_list *list);
enum token_error gm_describe_key(struct token *token, struct token_key *key);
enum token_error gm_read_public_key(struct token *token, const struct token_key *key,
                                    struct token_public_key *out);
enum token_error gm_read_certificate(struct token *token, const struct token_key *key,
                                     struct octets *out);
enum token_error gm_write_certificate(struct token *token, const struct token_key *key,
                                      const uint8_t *der, size_t len);
enum token_error gm_generate_key(struct token *token, const char *container,
                                 enum token_algorithm algorithm, uint32_t bits);
enum token_error gm_import_rsa(struct token *token, const char *container,
                               const struct octets *wrapped, const struct octets *encrypted);
enum token_error gm_import_envelope(struct token *token, const char *container,
                                    const struct sm2_envelope *envelope);
enum token_error gm_delete_container(struct token *token, const char *container);
enum token_error gm_retire_signing_key(struct token *token, const char *container);

/* gm_agreement.c */
enum token_error gm_agree(struct token *token, const struct token_key *key,
                          enum agreement_step step, struct token_agreement *agreement);

/* gm_private.c */
enum token_error gm_private_operation(struct token *token, const struct token_key *key,
                                      enum private_operation operation, const uint8_t *in,
                                      size_t in_len, uint8_t *out, size_t out_size,
                                      size_t *out_len);

/* gm_files.c */
enum token_error gm_list_files(struct token *token, struct token_file_list *list);
enum token_error gm_file_info(struct token *token, const char *name, struct token_file *out);
enum token_error gm_read_file(struct token *token, const struct token_file *file,
                              struct octets *out);
enum token_error gm_create_file(struct token *token, const struct token_file *file);
enum token_error gm_write_file(struct token *token, const char *name, const uint8_t *data,
                               size_t len);
enum token_error gm_delete_file(struct token *token, const char *name);

#endif
