/* What a PIV card answers, taken apart: functions of bytes alone, which fuzzers feed. All lengths are checked; on an error the
 * output holds nothing. TOKEN_DEVICE: the answer makes no sense. Commands and tags: include/openukey/piv.h. */
#ifndef OPENUKEY_TOKEN_PIV_PARSE_H
#define OPENUKEY_TOKEN_PIV_PARSE_H

#include "module/token/driver.h"
#include "openukey/piv.h"

enum piv_parse_limit { PIV_GUID_SIZE = 16, PIV_NAME_MAX = 32, PIV_CERTIFICATE_MAX = 16384 };

/* The application property template of SELECT: the application's label, "" if it gives none. */
enum token_error piv_parse_select(const uint8_t *data, size_t len, char name[PIV_NAME_MAX + 1]);

/* GET METADATA of a key (tags of yubico-piv-tool: 01 algorithm, 02 policies, 03 origin, 04 public key). */
struct piv_metadata {
    uint8_t algorithm; /* enum piv_algorithm */
    uint8_t pin_policy;
    bool is_generated;
    bool has_public_key;
    struct token_public_key public_key;
};
enum token_error piv_parse_metadata(const uint8_t *data, size_t len, struct piv_metadata *out);

/* GET METADATA of the PIN or PUK: tries. */
enum token_error piv_parse_tries(const uint8_t *data, size_t len, struct token_pin *out);

/* GET METADATA of the management key: its algorithm. */
enum token_error piv_parse_management(const uint8_t *data, size_t len, uint8_t *algorithm);

/* The public key that GENERATE answers (7F49), or that metadata hold, of this algorithm. */
enum token_error piv_parse_public_key(const uint8_t *data, size_t len, uint8_t algorithm,
                                      struct token_public_key *out);
enum token_error piv_parse_generated(const uint8_t *data, size_t len, uint8_t algorithm,
                                     struct token_public_key *out);

/* The content of an object (53) in the answer of GET DATA; a view. An empty one is TOKEN_NOT_FOUND. */
enum token_error piv_parse_object(const uint8_t *data, size_t len, struct wire_reader *content);

/* The certificate (70) in a certificate object, unpacked if CertInfo (71) says gzip (SP 800-73-4 part 1, appendix A). *out is
 * the caller's; TOKEN_NOT_FOUND: the object holds none. */
enum token_error piv_parse_certificate(const uint8_t *data, size_t len, struct octets *out);

/* The public key that a certificate carries, if it is of a kind that PIV has; *algorithm is PIV's number of it. */
enum token_error piv_certified_key(OSSL_LIB_CTX *libctx, const uint8_t *der, size_t len,
                                   uint8_t *algorithm, struct token_public_key *out);

/* The GUID (34) of the card holder unique identifier. */
enum token_error piv_parse_chuid(const uint8_t *data, size_t len, uint8_t guid[PIV_GUID_SIZE]);

/* The key history object: how many retired keys there are (C1 with, C2 without certificate on the card). */
enum token_error piv_parse_history(const uint8_t *data, size_t len, unsigned *count);

/* The element `tag` in the answer of GENERAL AUTHENTICATE (7C); a view. */
enum token_error piv_parse_authentication(const uint8_t *data, size_t len, uint32_t tag,
                                          struct wire_reader *value);

/* An ECDSA signature in DER as r || s, each `field` bytes. */
enum token_error piv_parse_signature(const uint8_t *der, size_t len, size_t field, uint8_t *out);

/* What is known of an algorithm. NULL: it is no key pair's. */
const struct piv_key_algorithm {
    uint8_t number;
    enum token_algorithm algorithm;
    uint32_t bits;
} * piv_algorithm_find(uint8_t number);

#endif
