/* Fuzzes what judges signatures of strangers; first byte: which. SignedData, JWS, seals, stamps, envelopes, revocation lists. Each is read, and
 * what could be read is verified. The bytes lie in memory of exactly their length. */
#include "module/formats/certificate.h"
#include "module/formats/der.h"
#include "module/formats/envelope.h"
#include "module/formats/jws.h"
#include "module/formats/revocation_list.h"
#include "module/formats/seal_stamp.h"
#include "module/formats/signed_data.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void signed_message(const uint8_t *data, size_t size) {
    struct signed_data *message = NULL;
    if (signed_data_parse(NULL, data, size, &message) != FORMATS_OK) {
        return;
    }
    check(message->signer != NULL && message->signed_bytes.len > 0);
    check(message->digest.len == signature_scheme_facts(message->scheme)->digest_len);
    signed_data_verify(message, NULL);
    signed_data_verify(message, message->digest.data);
    signed_data_free(message);
}

static void jws(const uint8_t *data, size_t size) {
    static const struct octets payload = {(unsigned char *)"x", 1};
    struct jws_message *message = NULL;
    if (jws_message_parse(NULL, (const char *)data, size, &message) != FORMATS_OK) {
        return;
    }
    check(message->signer != NULL);
    jws_message_verify(message, NULL);
    jws_message_verify(message, &payload);
    jws_message_free(message);
}

static void one_seal(const struct seal *seal) {
    X509 *maker = der_x509(NULL, seal->maker.data, seal->maker.len);
    check(seal->name != NULL && seal->id != NULL && seal->picture_len > 0);
    check(seal->certificate_count <= SEAL_CERTIFICATES_MAX);
    seal_lists_certificate(seal, seal->maker.data, seal->maker.len);
    if (maker != NULL) {
        seal_check(seal, maker, NULL, seal->valid_start);
    }
    X509_free(maker);
}

static void seal(const uint8_t *data, size_t size) {
    struct seal *parsed = NULL;
    if (seal_parse(NULL, data, size, &parsed) == FORMATS_OK) {
        one_seal(parsed);
        seal_free(parsed);
    }
}

static void stamp(const uint8_t *data, size_t size) {
    struct stamp *parsed = NULL;
    if (stamp_parse(NULL, data, size, &parsed) != FORMATS_OK) {
        return;
    }
    check(parsed->seal != NULL && parsed->property_info != NULL);
    one_seal(parsed->seal);
    X509 *root = der_x509(NULL, parsed->seal->maker.data, parsed->seal->maker.len);
    if (root != NULL) {
        check(stamp_check(parsed, &parsed->data_hash, root, NULL) < STAMP_FAULT_COUNT);
    }
    X509_free(root);
    stamp_free(parsed);
}

static void envelope(const uint8_t *data, size_t size) {
    static const struct octets none = {NULL, 0};
    /* a certificate before the envelope, its length in two bytes: else nobody would be the recipient */
    size_t len = size >= 2 ? (size_t)data[0] << 8 | data[1] : 0;
    struct envelope *parsed = NULL;
    struct octets key, plain;
    enum envelope_way way = ENVELOPE_OTHER;
    if (size < 2 || len > size - 2 ||
        envelope_parse(data + 2 + len, size - 2 - len, &parsed) != FORMATS_OK) {
        return;
    }
    X509 *recipient = der_x509(NULL, data + 2, len);
    if (recipient != NULL && envelope_find(parsed, recipient, &way, &key)) {
        check(key.len <= size);
    }
    if (envelope_open(NULL, parsed, &none, &plain) == FORMATS_OK) {
        check(plain.len <= envelope_content_size(parsed));
        octets_free(&plain);
    }
    X509_free(recipient);
    envelope_free(parsed);
}

static void revocations(const uint8_t *data, size_t size) {
    /* the issuer's certificate comes first, as above */
    size_t len = size >= 2 ? (size_t)data[0] << 8 | data[1] : 0;
    struct revocation_list *list = NULL;
    if (size < 2 || len > size - 2) {
        return;
    }
    X509 *issuer = der_x509(NULL, data + 2, len);
    if (issuer != NULL &&
        revocation_list_read(NULL, data + 2 + len, size - 2 - len, issuer, &list) == FORMATS_OK) {
        revocation_list_has(list, issuer, NULL);
        revocation_list_free(list);
    }
    X509_free(issuer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const parsers[])(const uint8_t *, size_t) = {
        signed_message, jws, seal, stamp, envelope, revocations};
    if (size < 1) {
        return 0;
    }
    uint8_t *copy = malloc(size > 1 ? size - 1 : 1);
    check(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](copy, size - 1);
    free(copy);
    return 0;
}
