/* Fuzzes what a job reads of the order service: first byte: which. A task document as it came; the payload of one whose signature
 * verifies (the check is taken out by the linker); the certificates, envelope and seal of an answer. What is taken keeps its promises. */
#include "agent/jobs/issued.h"
#include "agent/jobs/task.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/json.h"
#include "module/formats/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t siglen,
                            const unsigned char *tbs, size_t tbslen);

enum { ORDER_NOW = 1700000000 };

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* Every signature is good. */
int __wrap_EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t siglen,
                            const unsigned char *tbs, size_t tbslen) {
    (void)ctx;
    (void)tbs;
    return sig != NULL && siglen > 0 && tbslen > 0;
}

/* The point G of P-256 is a public key as good as any. */
static json_t *key_set(void) {
    return json_pack("{s:[{s:s, s:s, s:s, s:s, s:s}]}", "keys", "kid", "k", "kty", "EC", "crv",
                     "P-256", "x", "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y",
                     "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
}

static void task(const char *jws, const char *kind) {
    static json_t *keys;
    const struct task_expectation expected = {
        .order = "R1", .kind = kind, .token_serial = "S1", .now = ORDER_NOW};
    struct task task;
    keys = keys ? keys : key_set();
    if (task_verify(jws, keys, &expected, &task) != TASK_OK)
        return;
    check(task.not_after > ORDER_NOW && strlen(task.id) <= TASK_TEXT_MAX &&
          !strpbrk(task.id, "/.?# ") && strlen(task.nonce) <= TASK_TEXT_MAX &&
          strlen(task.subject) <= TASK_NAME_MAX && task.step_count <= TASK_STEPS_MAX);
    for (size_t i = 0; i < task.step_count; i++)
        check(task.steps[i][0] && strlen(task.steps[i]) < TASK_STEP_SIZE);
    check((task.unlock.number[0] != '\0') == (strcmp(kind, "UNLOCK") == 0));
}

/* A JWS around these bytes as its payload. */
static void payload(const uint8_t *data, size_t size, const char *kind) {
    static const char head[] = "{\"alg\":\"ES256\",\"kid\":\"k\"}";
    const unsigned char signature[64] = {1};
    char *h = base64url_encode(head, sizeof head - 1), *p = base64url_encode(data, size);
    char *s = base64url_encode(signature, sizeof signature);
    if (h && p && s) {
        size_t room = strlen(h) + strlen(p) + strlen(s) + 3;
        char *jws = malloc(room);
        check(jws != NULL);
        snprintf(jws, room, "%s.%s.%s", h, p, s);
        task(jws, kind);
        free(jws);
    }
    free(h);
    free(p);
    free(s);
}

static void answer(const uint8_t *data, size_t size) {
    struct issued issued;
    json_t *json = json_parse_strict((const char *)data, size, NULL, 0);
    for (unsigned required = 0; json && required <= ISSUED_HAS_ALL; required += ISSUED_HAS_ALL) {
        if (issued_read(json, required, &issued) == ISSUED_OK) {
            check(!(required & ISSUED_HAS_SIGN) || (issued.sign && issued.encrypt));
            check((issued.envelope.len > 0) == (issued.envelope_spki.len > 0));
            check((issued.seal != NULL) == (issued.seal_der.len > 0));
            check(!issued.seal || strpbrk(issued.seal->id, "/.") == NULL);
            check(sk_X509_num(issued.chain) <= ISSUED_CHAIN_MAX);
        }
        issued_clear(&issued);
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    /* memory of exactly their length, and a text that ends there */
    char *copy = malloc(size);
    check(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    copy[size - 1] = '\0';
    switch (data[0] % 4) {
    case 0:
        task(copy, "RENEW");
        break;
    case 1:
        payload((const uint8_t *)copy, size - 1, "RENEW");
        break;
    case 2:
        payload((const uint8_t *)copy, size - 1, "UNLOCK");
        break;
    default:
        answer((const uint8_t *)copy, size - 1);
        break;
    }
    free(copy);
    return 0;
}
