/* Keys of soft certificates that the service makes for their holder (R037): in memory only, from the moment they are made until they are
 * in a PKCS#12 (RFC 7292) under the holder's passphrase. */
#ifndef TOOLS_ORDERD_ENGINE_SOFT_FILE_H
#define TOOLS_ORDERD_ENGINE_SOFT_FILE_H

#include "module/formats/octets.h"

#include <openssl/evp.h>
#include <stdbool.h>

enum soft_file_size { PASSPHRASE_MIN = 8, PASSPHRASE_MAX = 64, PKCS12_ROUNDS = 100000 };

/* 8 to 64 visible ASCII characters of at least two classes (digits, letters, others). */
bool passphrase_is_valid(const char *passphrase);

/* A key of this algorithm: "RSA-2048", "P-256" or "SM2". NULL: no such algorithm, or no random. EVP_PKEY_free. */
EVP_PKEY *soft_file_key(const char *algorithm);

/* A PKCS#10 with an empty name: the certificate's is the order's affair. *out is the caller's. */
bool soft_file_request(EVP_PKEY *key, struct octets *out);

/* Key, certificate and its chain (DER; the issuing CA first) under the passphrase: PBES2 with AES-256-CBC and PBKDF2, MAC with SHA-256.
 * `name` is what programs call it. *out is the caller's. */
bool soft_file_make(EVP_PKEY *key, const struct octets *certificate, const struct octets *chain,
                    size_t chain_count, const char *name, const char *passphrase,
                    struct octets *out);

#endif
