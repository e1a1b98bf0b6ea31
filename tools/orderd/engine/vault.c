/* See vault.h. */
#include "tools/orderd/engine/vault.h"

#include "tools/orderd/engine/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_SIZE = 32, NONCE_SIZE = 12, TAG_SIZE = 16, TEXT_MAX = 1 << 20 };

struct vault {
    unsigned char seal_key[KEY_SIZE];
    unsigned char hash_key[KEY_SIZE];
};

/* Two keys out of the one in the file, so that no use of one says anything of the other. */
static bool derive(const unsigned char root[KEY_SIZE], const char *label,
                   unsigned char out[KEY_SIZE]) {
    unsigned int len = 0;
    return HMAC(EVP_sha256(), root, KEY_SIZE, (const unsigned char *)label, strlen(label), out,
                &len) != NULL &&
           len == KEY_SIZE;
}

static bool read_whole(int fd, unsigned char key[KEY_SIZE]) {
    unsigned char more = 0;
    size_t have = 0;
    while (have < KEY_SIZE) {
        ssize_t got = read(fd, key + have, KEY_SIZE - have);
        if (got <= 0) {
            errno = got == 0 ? EINVAL : errno;
            return false;
        }
        have += (size_t)got;
    }
    if (read(fd, &more, 1) != 0) {
        errno = EINVAL;
        return false;
    }
    return true;
}

/* A new key file: written beside and linked into place, so that of two programs that start together one makes it and both use it. */
static bool make_key(const char *path) {
    unsigned char key[KEY_SIZE];
    char beside[PATH_MAX];
    bool made = false;
    if (snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid()) >= (int)sizeof beside ||
        RAND_priv_bytes(key, sizeof key) != 1) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        made = write(fd, key, sizeof key) == (ssize_t)sizeof key && fsync(fd) == 0;
        made = close(fd) == 0 && made;
        made = made && (link(beside, path) == 0 || errno == EEXIST);
        int saved = errno;
        unlink(beside);
        errno = saved;
    }
    OPENSSL_cleanse(key, sizeof key);
    return made;
}

struct vault *vault_open(const char *path) {
    unsigned char root[KEY_SIZE];
    struct vault *vault = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make_key(path)) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        return NULL;
    }
    if (read_whole(fd, root)) {
        vault = calloc(1, sizeof *vault);
    }
    if (vault != NULL && (!derive(root, "openukey-orderd seal", vault->seal_key) ||
                          !derive(root, "openukey-orderd hash", vault->hash_key))) {
        vault_close(vault);
        vault = NULL;
    }
    int saved = errno;
    close(fd);
    OPENSSL_cleanse(root, sizeof root);
    errno = saved;
    return vault;
}

void vault_close(struct vault *vault) {
    if (vault != NULL) {
        OPENSSL_cleanse(vault, sizeof *vault);
        free(vault);
    }
}

void vault_free(char *text) {
    if (text != NULL) {
        OPENSSL_cleanse(text, strlen(text));
        free(text);
    }
}

static bool encrypt(const struct vault *vault, const char *about, const char *text, size_t len,
                    unsigned char *out) {
    int size = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool done =
        context != NULL && RAND_bytes(out, NONCE_SIZE) == 1 &&
        EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, vault->seal_key, out) == 1 &&
        EVP_EncryptUpdate(context, NULL, &size, (const unsigned char *)about, (int)strlen(about)) ==
            1 &&
        EVP_EncryptUpdate(context, out + NONCE_SIZE, &size, (const unsigned char *)text,
                          (int)len) == 1 &&
        EVP_EncryptFinal_ex(context, out + NONCE_SIZE + size, &size) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + NONCE_SIZE + len) == 1;
    EVP_CIPHER_CTX_free(context);
    return done;
}

enum order_error vault_seal(const struct vault *vault, const char *about, const char *text,
                            char **out) {
    size_t len = strlen(text);
    *out = NULL;
    if (len > TEXT_MAX) {
        return ORDER_BAD_REQUEST;
    }
    size_t size = NONCE_SIZE + len + TAG_SIZE;
    unsigned char *bytes = malloc(size);
    char *base64 = malloc((size + 2) / 3 * 4 + 1);
    enum order_error error = ORDER_INTERNAL;
    if (bytes != NULL && base64 != NULL && encrypt(vault, about, text, len, bytes)) {
        EVP_EncodeBlock((unsigned char *)base64, bytes, (int)size);
        *out = base64;
        base64 = NULL;
        error = ORDER_OK;
    }
    free(bytes);
    free(base64);
    return error;
}

static bool decrypt(const struct vault *vault, const char *about, const struct octets *bytes,
                    unsigned char *out) {
    size_t len = bytes->len - NONCE_SIZE - TAG_SIZE;
    int size = 0;
    unsigned char tag[TAG_SIZE];
    memcpy(tag, bytes->data + NONCE_SIZE + len, TAG_SIZE);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool done =
        context != NULL &&
        EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, vault->seal_key, bytes->data) == 1 &&
        EVP_DecryptUpdate(context, NULL, &size, (const unsigned char *)about, (int)strlen(about)) ==
            1 &&
        EVP_DecryptUpdate(context, out, &size, bytes->data + NONCE_SIZE, (int)len) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
        EVP_DecryptFinal_ex(context, out + size, &size) == 1;
    EVP_CIPHER_CTX_free(context);
    out[done ? len : 0] = '\0';
    return done;
}

enum order_error vault_unseal(const struct vault *vault, const char *about, const char *sealed,
                              char **out) {
    struct octets bytes = {NULL, 0};
    enum order_error error = ORDER_INTERNAL;
    *out = NULL;
    if (sealed[0] == '\0') {
        *out = strdup("");
        return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    if (!base64_read(sealed, TEXT_MAX + NONCE_SIZE + TAG_SIZE, &bytes) ||
        bytes.len < NONCE_SIZE + TAG_SIZE) {
        goto out;
    }
    unsigned char *text = malloc(bytes.len);
    if (text != NULL && decrypt(vault, about, &bytes, text)) {
        *out = (char *)text;
        text = NULL;
        error = ORDER_OK;
    }
    free(text);
out:
    octets_free(&bytes);
    return error;
}

enum order_error vault_seal_json(const struct vault *vault, const char *about, const json_t *value,
                                 char **out) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    *out = NULL;
    enum order_error error = text != NULL ? vault_seal(vault, about, text, out) : ORDER_INTERNAL;
    vault_free(text);
    return error;
}

enum order_error vault_unseal_json(const struct vault *vault, const char *about, const char *sealed,
                                   json_t **out) {
    char *text = NULL;
    *out = NULL;
    enum order_error error = vault_unseal(vault, about, sealed, &text);
    if (error == ORDER_OK) {
        *out = text[0] != '\0' ? json_loads(text, 0, NULL) : json_object();
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    vault_free(text);
    return error;
}

enum order_error vault_hash(const struct vault *vault, const char *purpose, const char *text,
                            char out[DIGEST_HEX_SIZE]) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    char *message = NULL;
    out[0] = '\0';
    /* the purpose has no line feed, so that no two pairs make one message */
    if (asprintf(&message, "%s\n%s", purpose, text) < 0) {
        return ORDER_INTERNAL;
    }
    bool made = HMAC(EVP_sha256(), vault->hash_key, KEY_SIZE, (const unsigned char *)message,
                     strlen(message), mac, &len) != NULL &&
                len == 32;
    vault_free(message);
    if (made) {
        octets_to_hex(mac, len, out);
    }
    return made ? ORDER_OK : ORDER_INTERNAL;
}
