/* See platform_sim.h. */
#include "tools/orderd/third/platform_sim.h"

#include "agent/http/json.h"
#include "tools/orderd/third/secret_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
enum { MAC_SIZE = 32 };

bool platform_sim_open(struct platform_sim *sim, const char *secret_file) {
    return secret_file_open(secret_file, sim->secret, sizeof sim->secret);
}

/* base64url without padding (RFC 7515 2), appended to `out`. */
static void append(FILE *out, const void *data, size_t len) {
    char *text = malloc((len + 2) / 3 * 4 + 1);
    if (text == NULL) {
        return;
    }
    int size = EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    for (int i = 0; i < size && text[i] != '='; i++) {
        fputc(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i], out);
    }
    free(text);
}

/* The bytes of base64url text of `len` characters, with a NUL beyond; NULL when it is not. */
static char *decode(const char *text, size_t len, size_t *size) {
    char *padded = calloc(1, len + 5);
    char *out = calloc(1, len + 5);
    bool good = padded != NULL && out != NULL && len % 4 != 1;
    for (size_t i = 0; good && i < len; i++) {
        padded[i] = (char)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
        good = text[i] != '+' && text[i] != '/' && text[i] != '=';
    }
    size_t whole = len;
    while (good && whole % 4 != 0) {
        padded[whole++] = '=';
    }
    int got = good
                  ? EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)padded, (int)whole)
                  : -1;
    free(padded);
    if (got < 0) {
        free(out);
        return NULL;
    }
    *size = (size_t)got - (whole - len);
    out[*size] = '\0';
    return out;
}

static bool mac_of(const struct platform_sim *sim, const char *text, size_t len,
                   unsigned char mac[MAC_SIZE]) {
    unsigned int size = 0;
    return HMAC(EVP_sha256(), sim->secret, sizeof sim->secret, (const unsigned char *)text, len,
                mac, &size) != NULL &&
           size == MAC_SIZE;
}

char *platform_sim_token(const struct platform_sim *sim, const json_t *claims) {
    unsigned char mac[MAC_SIZE];
    char *token = NULL;
    size_t size = 0;
    char *payload = json_dumps(claims, JSON_COMPACT);
    FILE *out = open_memstream(&token, &size);
    bool good = payload != NULL && out != NULL;
    if (good) {
        append(out, header, sizeof header - 1);
        fputc('.', out);
        append(out, payload, strlen(payload));
        good = fflush(out) == 0 && mac_of(sim, token, size, mac);
    }
    if (good) {
        fputc('.', out);
        append(out, mac, sizeof mac);
    }
    if (out != NULL) {
        fclose(out);
    }
    free(payload);
    if (!good) {
        free(token);
        token = NULL;
    }
    return token;
}

/* Three parts; the first says what ours say, the last is right over what is before it. */
static json_t *read_token(void *context, const char *token) {
    const struct platform_sim *sim = context;
    unsigned char mac[MAC_SIZE];
    size_t size = 0;
    json_t *claims = NULL;
    const char *first = strchr(token, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    if (second == NULL || strlen(token) > PLATFORM_TOKEN_MAX) {
        return NULL;
    }
    char *head = decode(token, (size_t)(first - token), &size);
    bool good = head != NULL && strcmp(head, header) == 0;
    char *said = good ? decode(second + 1, strlen(second + 1), &size) : NULL;
    good = said != NULL && size == MAC_SIZE && mac_of(sim, token, (size_t)(second - token), mac) &&
           CRYPTO_memcmp(mac, said, MAC_SIZE) == 0;
    char *payload = good ? decode(first + 1, (size_t)(second - first - 1), &size) : NULL;
    if (payload != NULL) {
        claims = json_parse_strict(payload, size, NULL, 0);
    }
    free(payload);
    free(said);
    free(head);
    return claims;
}

struct platform platform_sim_platform(struct platform_sim *sim) {
    return (struct platform){.name = "sim", .context = sim, .read = read_token};
}
