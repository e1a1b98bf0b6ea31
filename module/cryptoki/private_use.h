/* What is done with private keys, apart from where they are: the paddings around them. */
#ifndef OPENUKEY_CRYPTOKI_PRIVATE_USE_H
#define OPENUKEY_CRYPTOKI_PRIVATE_USE_H

#include "module/cryptoki/keys.h"

/* Signs the hash, or with mechanisms that do not hash the data itself. out has room for RSA_BLOCK_MAX bytes.
 * CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE. */
CK_RV private_sign(struct session *session, const struct mechanism *mechanism,
                   const struct mechanism_parameters *parameters, const struct key *key,
                   const uint8_t *data, size_t len, uint8_t *out, size_t *out_len);

/* Decrypts and takes the padding off. *out is the caller's. CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID. */
CK_RV private_decrypt(struct session *session, const struct mechanism *mechanism,
                      const struct mechanism_parameters *parameters, const struct key *key,
                      const uint8_t *data, size_t len, struct octets *out);
/* The most that can come out. */
size_t private_decrypted_bound(const struct mechanism *mechanism, const struct key *key,
                               size_t len);

#endif
