/* Verifying task documents. */
#include "agent/jobs/task.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "agent/http/json.h"
#include "module/formats/base64.h"
#include "module/formats/calendar.h"

enum { COORDINATE = 32 };

const char *task_error_text(enum task_error error) {
    static const char *const texts[] = {
        [TASK_OK] = "ok",
        [TASK_MALFORMED] = "the task is malformed",
        [TASK_ALGORITHM] = "the task is not signed with ES256",
        [TASK_FOREIGN] = "the task is signed by a key that is not the service's",
        [TASK_SIGNATURE] = "the task's signature does not verify",
        [TASK_EXPIRED] = "the task has expired",
        [TASK_OTHER_ORDER] = "the task is for another order",
        [TASK_OTHER_KIND] = "the task is of another kind",
        [TASK_OTHER_TOKEN] = "the task is for another key",
        [TASK_OTHER_CERTIFICATE] = "the task is for another certificate",
        [TASK_OTHER_SUBJECT] = "the task is for another subject",
        [TASK_MEMORY] = "out of memory",
    };
    return texts[error];
}

/* One part of a compact JWS: the JSON object in base64url. */
static json_t *part_json(const char *part, size_t len) {
    struct octets bytes = {0};
    json_t *json = NULL;
    if (base64url_decode(part, len, &bytes) == FORMATS_OK && bytes.len > 0)
        json = json_parse_strict((const char *)bytes.data, bytes.len, NULL, 0);
    octets_free(&bytes);
    return json;
}

static bool text_is(const json_t *object, const char *name, const char *value) {
    const char *text = json_string_value(json_object_get(object, name));
    return text && strcmp(text, value) == 0;
}

/* The protected header: ES256, a key id, nothing that would have to be understood (RFC 7515, 4.1.11). */
static enum task_error check_header(const json_t *header, const char **kid) {
    *kid = json_member_string(header, "kid", TASK_TEXT_MAX);
    if (!header)
        return TASK_MALFORMED;
    if (!text_is(header, "alg", "ES256"))
        return TASK_ALGORITHM;
    if (json_object_get(header, "crit") || !*kid)
        return TASK_MALFORMED;
    return TASK_OK;
}

static const json_t *find_key(const json_t *keys, const char *kid) {
    size_t i;
    json_t *key;
    if (json_is_object(keys))
        keys = json_object_get(keys, "keys");
    json_array_foreach(keys, i, key) {
        if (text_is(key, "kid", kid))
            return key;
    }
    return NULL;
}

static bool read_coordinate(const json_t *key, const char *name, unsigned char out[COORDINATE]) {
    const char *text = json_string_value(json_object_get(key, name));
    struct octets bytes = {0};
    bool is_good = text && base64url_decode(text, strlen(text), &bytes) == FORMATS_OK &&
                   bytes.len == COORDINATE;
    if (is_good)
        memcpy(out, bytes.data, COORDINATE);
    octets_free(&bytes);
    return is_good;
}

/* The P-256 public key of a JWK that may verify ES256, or NULL. */
static EVP_PKEY *public_key(const json_t *key) {
    unsigned char point[1 + 2 * COORDINATE] = {0x04};
    EVP_PKEY *made = NULL;
    if (!text_is(key, "kty", "EC") || !text_is(key, "crv", "P-256") ||
        (json_object_get(key, "alg") && !text_is(key, "alg", "ES256")) ||
        (json_object_get(key, "use") && !text_is(key, "use", "sig")) ||
        !read_coordinate(key, "x", point + 1) || !read_coordinate(key, "y", point + 1 + COORDINATE))
        return NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    char group[] = "P-256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end()};
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        made = NULL;
    EVP_PKEY_CTX_free(context);
    return made;
}

/* ES256 (RFC 7518, 3.4). */
static enum task_error verify_signature(EVP_PKEY *key, const char *signed_text, size_t len,
                                        const char *signature, size_t signature_len) {
    struct octets raw = {0}, der = {0};
    bool is_good =
        base64url_decode(signature, signature_len, &raw) == FORMATS_OK &&
        signature_to_der(SCHEME_P256, raw.data, raw.len, &der) == FORMATS_OK &&
        signature_verify(NULL, SCHEME_P256, key, signed_text, len, der.data, der.len) == FORMATS_OK;
    octets_free(&der);
    octets_free(&raw);
    return is_good ? TASK_OK : TASK_SIGNATURE;
}

/* Seconds since 1970 as a number, or RFC 3339. */
static bool read_time(const json_t *value, int64_t *time) {
    if (json_is_integer(value)) {
        *time = json_integer_value(value);
        return true;
    }
    return json_is_string(value) && calendar_parse_rfc3339(json_string_value(value), time);
}

static bool is_word(const char *text) {
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
           strlen(text);
}

static bool copy_text(const json_t *object, const char *name, char *out, size_t size) {
    const char *text = json_member_string(object, name, size - 1);
    if (text)
        memcpy(out, text, strlen(text) + 1);
    return text != NULL;
}

static bool read_steps(const json_t *list, struct task *task) {
    size_t i;
    json_t *step;
    if (!json_is_array(list) || json_array_size(list) > TASK_STEPS_MAX)
        return false;
    json_array_foreach(list, i, step) {
        const char *name = json_string_value(step);
        if (!name || !*name || strlen(name) >= TASK_STEP_SIZE || !is_word(name))
            return false;
        memcpy(task->steps[task->step_count++], name, strlen(name) + 1);
    }
    return true;
}

/* The terms of an unlock: there for an unlock, and only there. */
static bool read_unlock(const json_t *terms, bool is_unlock, struct task_unlock *unlock) {
    const json_t *must_change = json_object_get(terms, "mustChange");
    if (!is_unlock)
        return terms == NULL;
    unlock->is_fixed = text_is(terms, "pin", "FIXED");
    unlock->must_change = json_is_true(must_change);
    return json_is_boolean(must_change) && (unlock->is_fixed || text_is(terms, "pin", "CHOSEN")) &&
           copy_text(terms, "case", unlock->number, sizeof unlock->number) && unlock->number[0];
}

/* ---- keys ---- */

static const struct {
    const char *name;
    enum signature_scheme scheme;
} algorithms[] = {{"SM2", SCHEME_SM2}, {"RSA-2048", SCHEME_RSA_PKCS1}, {"P-256", SCHEME_P256}};

const char *task_algorithm(const X509 *certificate) {
    enum signature_scheme scheme = SCHEME_COUNT;
    if (signature_scheme_of_key(X509_get0_pubkey(certificate), false, &scheme) == FORMATS_OK) {
        for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
            if (algorithms[i].scheme == scheme)
                return algorithms[i].name;
        }
    }
    return NULL;
}

static bool read_algorithm(const json_t *payload, const char *expected,
                           enum signature_scheme *scheme) {
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        *scheme = algorithms[i].scheme;
        if (text_is(payload, "alg", algorithms[i].name))
            return !expected || strcmp(expected, algorithms[i].name) == 0;
    }
    return false;
}

/* Is it for what was expected? */
static enum task_error check_matter(const json_t *payload, const struct task_expectation *expected,
                                    struct task *task) {
    const json_t *certificate = json_object_get(payload, "matchCertificate");
    if (task->not_after <= expected->now)
        return TASK_EXPIRED;
    if (!text_is(payload, "order", expected->order))
        return TASK_OTHER_ORDER;
    if (!text_is(payload, "kind", expected->kind) ||
        !read_algorithm(payload, expected->algorithm, &task->scheme))
        return TASK_OTHER_KIND;
    if (!text_is(payload, "tokenSerial", expected->token_serial))
        return TASK_OTHER_TOKEN;
    if (expected->certificate ? !text_is(payload, "matchCertificate", expected->certificate)
                              : certificate && !json_is_null(certificate))
        return TASK_OTHER_CERTIFICATE;
    if (expected->subject && !text_is(payload, "subjectDn", expected->subject))
        return TASK_OTHER_SUBJECT;
    return TASK_OK;
}

static enum task_error check_payload(const json_t *payload, const struct task_expectation *expected,
                                     struct task *task) {
    if (!copy_text(payload, "task", task->id, sizeof task->id) ||
        !copy_text(payload, "nonce", task->nonce, sizeof task->nonce) ||
        !read_time(json_object_get(payload, "notAfter"), &task->not_after))
        return TASK_MALFORMED;
    enum task_error error = check_matter(payload, expected, task);
    if (error)
        return error;
    /* the id goes into a path */
    return is_word(task->id) &&
                   copy_text(payload, "subjectDn", task->subject, sizeof task->subject) &&
                   read_steps(json_object_get(payload, "steps"), task) &&
                   read_unlock(json_object_get(payload, "unlock"),
                               strcmp(expected->kind, "UNLOCK") == 0, &task->unlock)
               ? TASK_OK
               : TASK_MALFORMED;
}

enum task_error task_verify(const char *jws, const json_t *keys,
                            const struct task_expectation *expected, struct task *task) {
    *task = (struct task){.not_after = 0};
    size_t len = strnlen(jws, TASK_JWS_MAX + 1);
    const char *first = strchr(jws, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    if (len > TASK_JWS_MAX || !second || strchr(second + 1, '.'))
        return TASK_MALFORMED;
    const char *kid = NULL;
    EVP_PKEY *key = NULL;
    json_t *payload = NULL;
    json_t *header = part_json(jws, (size_t)(first - jws));
    enum task_error error = check_header(header, &kid);
    if (error)
        goto out;
    const json_t *jwk = find_key(keys, kid);
    key = jwk ? public_key(jwk) : NULL;
    if (!key) {
        error = TASK_FOREIGN;
        goto out;
    }
    error = verify_signature(key, jws, (size_t)(second - jws), second + 1, strlen(second + 1));
    if (error)
        goto out;
    /* only now is what it says worth reading */
    payload = part_json(first + 1, (size_t)(second - first - 1));
    error = payload ? check_payload(payload, expected, task) : TASK_MALFORMED;
out:
    EVP_PKEY_free(key);
    json_decref(payload);
    json_decref(header);
    return error;
}
