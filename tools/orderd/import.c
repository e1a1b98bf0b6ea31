/* See import.h. What the certificates and seals say themselves is believed, not what the manifest says about them. */
#include "tools/orderd/import.h"

#include "agent/http/json.h"
#include "module/formats/certificate.h"
#include "module/formats/seal.h"
#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/signed.h"
#include "tools/orderd/engine/token.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CERTIFICATES_MAX = 32 };

/* One import under way. */
struct import {
    const struct engine *engine;
    struct db *db;
    char *error;
    const json_t *manifest;
    struct subject_record subject;
    char token[65];
    size_t count;
    struct certificate *certificates[CERTIFICATES_MAX];
    char ids[CERTIFICATES_MAX][ID_SIZE];
    struct import_count *counted;
};

static bool complain(struct import *import, const char *what) {
    if (import->error[0] == '\0') {
        snprintf(import->error, IMPORT_ERROR_SIZE, "%s", what);
    }
    return false;
}

static bool done(struct import *import, enum db_result result) {
    return result == DB_OK || complain(import, db_message(import->db));
}

/* ---- reading ---- */

/* A key that has its unlock key, and nothing else yet. */
static bool is_blank(const struct import *import) {
    return json_array_size(json_object_get(import->manifest, "certificates")) == 0 &&
           json_array_size(json_object_get(import->manifest, "seals")) == 0;
}

/* A certificate entry: {"der": base64} or {"pem": text}. */
static bool read_certificate(struct import *import, const json_t *entry) {
    struct octets der = {NULL, 0};
    struct certificate *certificate = NULL;
    const char *base64 = json_member_string(entry, "der", (size_t)CERTIFICATE_MAX * 2);
    const char *pem = json_member_string(entry, "pem", (size_t)CERTIFICATE_MAX * 2);
    enum formats_error error = FORMATS_MALFORMED;
    if (base64 != NULL && base64_read(base64, CERTIFICATE_MAX, &der)) {
        error = certificate_parse(NULL, der.data, der.len, &certificate);
    } else if (pem != NULL) {
        error = certificate_parse_pem(NULL, pem, strlen(pem), &certificate);
    }
    octets_free(&der);
    if (error != FORMATS_OK || import->count == CERTIFICATES_MAX) {
        certificate_free(certificate);
        return complain(import, "an entry of certificates is not a certificate");
    }
    if (registry_check_chain(import->engine, &certificate->der) != ORDER_OK) {
        certificate_free(certificate);
        return complain(import, "a certificate does not chain to this service's CA");
    }
    import->certificates[import->count++] = certificate;
    return true;
}

static bool read_certificates(struct import *import) {
    size_t i = 0;
    json_t *entry = NULL;
    const json_t *list = json_object_get(import->manifest, "certificates");
    json_array_foreach(list, i, entry) {
        if (!read_certificate(import, entry)) {
            return false;
        }
    }
    return import->count > 0 || is_blank(import) ||
           complain(import, "the manifest holds seals and no certificate");
}

/* Who holds the key: as the first certificate's subject says. */
static bool read_subject(struct import *import) {
    if (import->count == 0) {
        return true;
    }
    const struct certificate_name *name = &import->certificates[0]->subject;
    bool person = name->organization[0] == '\0';
    const char *credential = !person && name->organization_identifier[0] != '\0'
                                 ? name->organization_identifier
                             : name->serial_number[0] != '\0' ? name->serial_number
                                                              : NULL;
    struct subject_record *subject = &import->subject;
    snprintf(subject->type, sizeof subject->type, "%s", person ? "PERSON" : "ORG");
    snprintf(subject->name, sizeof subject->name, "%s",
             person ? name->common_name : name->organization);
    if (credential != NULL) {
        snprintf(subject->credential_type, sizeof subject->credential_type, "%s",
                 credential_type_of(!person, credential));
        snprintf(subject->credential_no, sizeof subject->credential_no, "%s", credential);
    } else {
        /* no number in the certificate: the name stands for itself */
        snprintf(subject->credential_type, sizeof subject->credential_type, "NAME");
        snprintf(subject->credential_no, sizeof subject->credential_no, "%.60s", subject->name);
    }
    return subject->name[0] != '\0' || complain(import, "the first certificate names no subject");
}

/* ---- writing ---- */

/* A certificate tells a number, not of which credential. If somebody of this name has it here, it is his; else its form tells. */
static bool know_subject(struct import *import) {
    struct subject_record *subject = &import->subject;
    const char *const *type = credential_types(strcmp(subject->type, "ORG") == 0);
    for (; strcmp(subject->credential_type, "NAME") != 0 && *type != NULL; type++) {
        struct subject_record known;
        enum order_error error = registry_subject_find(import->engine, import->db, *type,
                                                       subject->credential_no, &known);
        if (error == ORDER_OK && strcmp(known.type, subject->type) == 0 &&
            strcmp(known.name, subject->name) == 0) {
            snprintf(subject->credential_type, sizeof subject->credential_type, "%s", *type);
            return true;
        }
        if (error != ORDER_OK && error != ORDER_NOT_FOUND) {
            return complain(import, db_message(import->db));
        }
    }
    return true;
}

static bool write_subject(struct import *import) {
    if (import->count == 0) {
        return true;
    }
    if (!know_subject(import)) {
        return false;
    }
    switch (registry_subject_ensure(import->engine, import->db, &import->subject)) {
    case ORDER_OK:
        return true;
    case ORDER_NAME_MISMATCH: /* R031: the name is exactly the credential's */
        return complain(import, "the credential number is registered under another name");
    default:
        return complain(import, db_message(import->db));
    }
}

/* The key of remote unlocks, 32 hexadecimal digits: kept under seal. */
static bool write_unlock_key(struct import *import, const json_t *token) {
    unsigned char key[UNLOCK_KEY_BYTES];
    size_t len = 0;
    const char *hex = json_member_string(token, "unlockKey", (size_t)2 * UNLOCK_KEY_BYTES);
    if (json_object_get(token, "unlockKey") == NULL) {
        return true;
    }
    bool good = hex != NULL && OPENSSL_hexstr2buf_ex(key, sizeof key, &len, hex, '\0') == 1 &&
                len == sizeof key;
    if (!good) {
        complain(import, "token.unlockKey is not 32 hexadecimal digits");
    } else if (token_keep_unlock_key(import->engine, import->db, import->token, key) != ORDER_OK) {
        good = complain(import, "the unlock key could not be kept");
    }
    OPENSSL_cleanse(key, sizeof key);
    return good;
}

static bool write_token(struct import *import) {
    const json_t *token = json_object_get(import->manifest, "token");
    const char *serial = json_member_string(token, "serial", sizeof import->token - 1);
    const char *manufacturer = json_member_string(token, "manufacturer", 128);
    const char *label = json_member_string(token, "label", 128);
    struct db_rows *rows = NULL;
    if (serial == NULL) {
        return complain(import, "token.serial is missing");
    }
    snprintf(import->token, sizeof import->token, "%s", serial);
    if (!done(import,
              db_run(import->db, NULL,
                     "INSERT INTO tokens (serial, manufacturer, label, subject, state, created) "
                     "VALUES ($1, $2, $3, $4, $6, $5) ON CONFLICT (serial) DO NOTHING",
                     "ttttit", serial, manufacturer != NULL ? manufacturer : "",
                     label != NULL ? label : "", import->count > 0 ? import->subject.id : NULL,
                     engine_now_ms(import->engine), import->count > 0 ? "ACTIVE" : "FORMATTED")) ||
        !done(import, db_query(import->db, &rows, "SELECT subject FROM tokens WHERE serial = $1",
                               "t", serial))) {
        return false;
    }
    bool same = db_next(rows) == DB_OK && strcmp(db_text(rows, 0), import->subject.id) == 0;
    db_end(rows);
    return same ? write_unlock_key(import, token)
                : complain(import, "the key's serial number belongs to another subject");
}

static const char *usage_of(const struct certificate *certificate) {
    switch (certificate->usage) {
    case CERTIFICATE_SIGN:
        return "SIGN";
    case CERTIFICATE_ENCRYPT:
        return "ENC";
    case CERTIFICATE_BOTH:
        break;
    }
    return "BOTH";
}

static bool write_certificate(struct import *import, size_t i, const char *pair) {
    const struct certificate *certificate = import->certificates[i];
    int64_t written = 0;
    if (!done(import,
              db_run(import->db, &written,
                     "INSERT INTO certificates (id, sha256, issuer, serial, subject, subject_dn, "
                     "profile, algorithm, usage, not_before, not_after, token, state, pair, der, "
                     "created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'VALID', "
                     "$13, $14, $15) ON CONFLICT (sha256) DO NOTHING",
                     "tttttttttiittbi", import->ids[i], certificate->id, certificate->issuer.text,
                     certificate->serial, import->subject.id, certificate->subject.text,
                     import->engine->profile->id,
                     certificate_algorithm_name(certificate->algorithm), usage_of(certificate),
                     certificate->not_before * 1000, certificate->not_after * 1000, import->token,
                     pair, certificate->der.data, certificate->der.len,
                     engine_now_ms(import->engine)))) {
        return false;
    }
    import->counted->certificates += (int)written;
    return true;
}

static bool write_certificates(struct import *import) {
    for (size_t i = 0; i < import->count; i++) {
        struct certificate_record known;
        enum order_error error =
            registry_certificate_by_sha256(import->db, import->certificates[i]->id, &known);
        if (error == ORDER_OK) {
            snprintf(import->ids[i], ID_SIZE, "%s", known.id);
        } else if (error != ORDER_NOT_FOUND || !identifier_random(import->ids[i])) {
            return complain(import, "the store cannot be read");
        }
    }
    for (size_t i = 0; i < import->count; i++) {
        const char *pair = "";
        for (size_t j = 0; j < import->count; j++) {
            if (certificate_is_pair(import->certificates[i], import->certificates[j])) {
                pair = import->ids[j];
            }
        }
        if (!write_certificate(import, i, pair)) {
            return false;
        }
    }
    return true;
}

static bool write_seal(struct import *import, const struct octets *der, const struct seal *seal,
                       const char *certificate) {
    char picture[DIGEST_HEX_SIZE];
    int64_t written = 0;
    if (!digest_sha256_hex(seal->picture, seal->picture_len, picture)) {
        return complain(import, "no digest");
    }
    if (!done(import,
              db_run(import->db, &written,
                     "INSERT INTO seals (id, type, name, subject, token, certificate, not_before, "
                     "not_after, picture_sha256, der, state, created) VALUES ($1, $2, $3, $4, $5, "
                     "$6, $7, $8, $9, $10, 'VALID', $11) ON CONFLICT (id) DO NOTHING",
                     "ttttttiitbi", seal->id,
                     seal->type == SEAL_PERSONAL ? "PERSONAL" : "ORGANIZATION", seal->name,
                     import->subject.id, import->token, certificate, seal->valid_start * 1000,
                     seal->valid_end * 1000, picture, der->data, der->len,
                     engine_now_ms(import->engine)))) {
        return false;
    }
    import->counted->seals += (int)written;
    return true;
}

/* The certificate that may stamp with this seal. */
static const char *certificate_of(const struct import *import, const struct seal *seal) {
    for (size_t i = 0; i < import->count; i++) {
        const struct octets *der = &import->certificates[i]->der;
        if (seal_lists_certificate(seal, der->data, der->len)) {
            return import->ids[i];
        }
    }
    return NULL;
}

static bool write_seals(struct import *import) {
    size_t i = 0;
    json_t *entry = NULL;
    const json_t *list = json_object_get(import->manifest, "seals");
    json_array_foreach(list, i, entry) {
        struct octets der = {NULL, 0};
        struct seal *seal = NULL;
        const char *base64 = json_member_string(entry, "der", (size_t)SEAL_MAX * 2);
        bool good = base64 != NULL && base64_read(base64, SEAL_MAX, &der) &&
                    seal_parse(NULL, der.data, der.len, &seal) == FORMATS_OK;
        if (!good) {
            complain(import, "an entry of seals is not a seal");
        } else {
            const char *certificate = certificate_of(import, seal);
            good = certificate != NULL
                       ? write_seal(import, &der, seal, certificate)
                       : complain(import, "a seal is bound to none of the certificates");
        }
        seal_free(seal);
        octets_free(&der);
        if (!good) {
            return false;
        }
    }
    return true;
}

static bool write_event(struct import *import) {
    json_t *data = json_pack("{s:s,s:i,s:i}", "token", import->token, "certificates",
                             import->counted->certificates, "seals", import->counted->seals);
    struct event event = {NULL, "operator", "key imported", data, engine_now_ms(import->engine)};
    enum order_error error = event_append(import->db, &event);
    json_decref(data);
    return error == ORDER_OK || complain(import, "the event could not be recorded");
}

bool import_manifest(const struct engine *engine, struct db *db, const json_t *manifest,
                     struct import_count *count, char *error) {
    struct import import = {
        .engine = engine, .db = db, .error = error, .manifest = manifest, .counted = count};
    memset(count, 0, sizeof *count);
    error[0] = '\0';
    bool good = done(&import, db_begin(db)) && read_certificates(&import) &&
                read_subject(&import) && write_subject(&import) && write_token(&import) &&
                write_certificates(&import) && write_seals(&import) && write_event(&import) &&
                done(&import, db_commit(db));
    db_rollback(db);
    for (size_t i = 0; i < import.count; i++) {
        certificate_free(import.certificates[i]);
    }
    return good;
}
