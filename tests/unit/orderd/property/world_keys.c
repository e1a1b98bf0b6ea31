/* The keys of the world: real ones, with requests and certificates by the real CA, made once. */
#include "tests/unit/orderd/property/world.h"

#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/sm2.h"

#include <string.h>

static struct octets request_of(EVP_PKEY *key, const struct octets *subject) {
    struct sm2_point point;
    struct octets spki = {NULL, 0};
    struct octets info = {NULL, 0};
    struct octets signature = {NULL, 0};
    struct octets out = {NULL, 0};
    assert_int_equal(sm2_key_point(key, &point), FORMATS_OK);
    assert_int_equal(sm2_point_to_spki(&point, &spki), FORMATS_OK);
    assert_int_equal(
        certificate_request_build(subject->data, subject->len, spki.data, spki.len, &info),
        FORMATS_OK);
    assert_int_equal(sm2_sign(NULL, key, info.data, info.len, &signature), FORMATS_OK);
    assert_int_equal(certificate_request_assemble(NULL, &info, signature.data, signature.len, &out),
                     FORMATS_OK);
    octets_free(&spki);
    octets_free(&info);
    octets_free(&signature);
    return out;
}

static void holder_of_der(const struct octets *der, char out[DIGEST_HEX_SIZE]) {
    struct certificate *certificate = NULL;
    unsigned char *spki = NULL;
    assert_int_equal(certificate_parse(NULL, der->data, der->len, &certificate), FORMATS_OK);
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509), &spki);
    assert_true(len > 0 && digest_sha256_hex(spki, (size_t)len, out));
    OPENSSL_free(spki);
    certificate_free(certificate);
}

static void make_key(struct world *world, struct pool_key *key, const struct octets *name) {
    struct ca_plan plan;
    struct ca_issued issued;
    assert_int_equal(sm2_key_generate(NULL, &key->key), FORMATS_OK);
    key->csr = request_of(key->key, name);
    struct ca_request request = {.csr = key->csr.data,
                                 .csr_len = key->csr.len,
                                 .subject = name->data,
                                 .subject_len = name->len,
                                 .not_before = at("2025-04-01T00:00:00+08:00"),
                                 .not_after = at("2026-04-10T12:00:00+08:00"),
                                 .encryption_pair = true};
    assert_int_equal(ca_plan(world->engine->ca, &request, &plan), CA_OK);
    assert_int_equal(ca_issue(world->engine->ca, &request, &plan, &issued), CA_OK);
    memcpy(key->sign_serial, plan.sign_serial, sizeof key->sign_serial);
    memcpy(key->encrypt_serial, plan.encrypt_serial, sizeof key->encrypt_serial);
    key->sign = issued.sign_certificate;
    key->encrypt = issued.encrypt_certificate;
    key->enveloped = issued.enveloped_key;
    holder_of_der(&key->sign, key->holder);
}

static void make_seal(struct world *world) {
    static const unsigned char picture[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    char id[29];
    assert_int_equal(ca_seal_id(world->engine->ca, id), CA_OK);
    struct ca_seal_request described = {.id = id,
                                        .type = 1,
                                        .name = "甲公司",
                                        .width_mm = 48,
                                        .height_mm = 48,
                                        .picture = picture,
                                        .picture_len = sizeof picture,
                                        .certificates = &world->keys[0].sign,
                                        .certificate_count = 1,
                                        .created = at("2025-04-01T00:00:00+08:00"),
                                        .valid_start = at("2025-04-01T00:00:00+08:00"),
                                        .valid_end = at("2026-04-10T12:00:00+08:00")};
    assert_int_equal(ca_seal(world->engine->ca, &described, &world->seal), CA_OK);
}

void world_make_keys(struct world *world) {
    struct name_field fields[] = {
        {"C", "CN"}, {"O", "甲公司"}, {"organizationIdentifier", "91430000X"}, {"CN", "甲公司"}};
    struct octets name = {NULL, 0};
    assert_int_equal(name_from_fields(fields, 4, &name), FORMATS_OK);
    for (unsigned i = 0; i < POOL_KEYS; i++) {
        make_key(world, &world->keys[i], &name);
    }
    make_seal(world);
    octets_free(&name);
}

void world_free_keys(struct world *world) {
    for (unsigned i = 0; i < POOL_KEYS; i++) {
        struct pool_key *key = &world->keys[i];
        EVP_PKEY_free(key->key);
        octets_free(&key->csr);
        octets_free(&key->sign);
        octets_free(&key->encrypt);
        octets_free(&key->enveloped);
    }
    octets_free(&world->seal);
}

bool world_holder_of(struct world *world, const char *certificate, char out[DIGEST_HEX_SIZE]) {
    struct octets der = {NULL, 0};
    bool found = registry_certificate_der(world->db, certificate, &der) == ORDER_OK;
    if (found) {
        holder_of_der(&der, out);
    }
    octets_free(&der);
    return found;
}
