/* GET /v1/tokens/{id}/seals: the electronic seals on a key, each checked. */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "agent/api/anchors.h"
#include "agent/api/seals.h"
#include "agent/api/trust.h"
#include "module/formats/base64.h"
#include "module/formats/calendar.h"
#include "openukey/formats.h"

/* The best that any anchor can say of the seal: fine, or the most telling error. */
static enum formats_error check(const struct seal *seal, const struct trust_anchor *anchors,
                                int64_t now) {
    enum formats_error error = seal_verify_signature(seal, NULL);
    if (error)
        return FORMATS_SIGNATURE;
    error = FORMATS_UNTRUSTED;
    for (; anchors && error == FORMATS_UNTRUSTED; anchors = anchors->next)
        error = seal_check(seal, anchors->root, anchors->intermediates, now);
    return error;
}

/* Revoked before `at`, as far as is known? */
static bool is_revoked(const struct key *key, const struct octets *der, int64_t at) {
    struct certificate *certificate = NULL;
    struct trust_status status = {0};
    if (certificate_parse(NULL, der->data, der->len, &certificate) == FORMATS_OK)
        trust_status_of(key->trust, certificate->x509, &status);
    certificate_free(certificate);
    return status.revocation == TRUST_REVOCATION_REVOKED && status.revoked <= at;
}

const char *seal_verdict(const struct key *key, const struct seal *seal, const char **reason) {
    int64_t now = key_now();
    enum formats_error error = check(seal, key->anchors, now);
    *reason = error == FORMATS_OK ? "" : formats_error_text(error);
    switch (error) {
    case FORMATS_OK:
        break;
    case FORMATS_EXPIRED:
        return "expired";
    case FORMATS_NOT_YET_VALID:
        return "not-yet-valid";
    case FORMATS_UNTRUSTED:
        return "untrusted";
    case FORMATS_UNSUPPORTED:
        *reason = stamp_fault_text(STAMP_FAULT_TIME_STAMP);
        return "untrusted";
    default:
        return "invalid";
    }
    if (!is_revoked(key, &seal->maker, now))
        return "valid";
    *reason = stamp_fault_text(STAMP_FAULT_MAKER_REVOKED);
    return "revoked";
}

enum stamp_fault stamp_judge(const struct key *key, const struct stamp *stamp,
                             const struct octets *data_hash) {
    enum stamp_fault fault = STAMP_FAULT_SIGNER;
    for (const struct trust_anchor *anchor = key->anchors;
         anchor && (fault == STAMP_FAULT_SIGNER || fault == STAMP_FAULT_SEAL_MAKER);
         anchor = anchor->next) {
        enum stamp_fault now = stamp_check(stamp, data_hash, anchor->root, anchor->intermediates);
        if (now != STAMP_FAULT_SIGNER) /* the check that comes first says least */
            fault = now;
    }
    if (fault == STAMP_FAULT_NONE && is_revoked(key, &stamp->certificate, stamp->time))
        fault = STAMP_FAULT_SIGNER_REVOKED;
    if (fault == STAMP_FAULT_NONE && is_revoked(key, &stamp->seal->maker, stamp->time))
        fault = STAMP_FAULT_MAKER_REVOKED;
    return fault;
}

static json_t *verification_json(const struct key *key, const struct seal *seal) {
    const char *reason = "";
    const char *result = seal_verdict(key, seal, &reason);
    return json_pack("{s:s, s:s}", "result", result, "reason", reason);
}

/* SHA-256 of each listed certificate; digests (certListType 2) as they are. */
static json_t *certificates_json(const struct seal *seal) {
    json_t *list = json_array();
    for (size_t i = 0; i < seal->certificate_count; i++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        char hex[2 * EVP_MAX_MD_SIZE + 1];
        unsigned len = 0;
        const struct octets *entry = &seal->certificates[i];
        if (seal->lists_digests && entry->len <= EVP_MAX_MD_SIZE) {
            octets_to_hex(entry->data, entry->len, hex);
        } else {
            if (EVP_Digest(entry->data, entry->len, digest, &len, EVP_sha256(), NULL) != 1)
                continue;
            octets_to_hex(digest, len, hex);
        }
        json_array_append_new(list, json_string(hex));
    }
    return list;
}

static json_t *picture_json(const struct seal *seal) {
    char type[16] = "";
    const struct octets data = {.data = (unsigned char *)(uintptr_t)seal->picture,
                                .len = seal->picture_len};
    for (size_t i = 0; seal->picture_type && seal->picture_type[i] && i < sizeof type - 1; i++)
        type[i] = (char)tolower((unsigned char)seal->picture_type[i]);
    return json_pack("{s:s, s:o}", "type", type, "data", base64_json(&data));
}

json_t *seal_json(const struct key *key, const struct seal *seal, const struct octets *der) {
    char created[21], start[21], end[21], size[32];
    calendar_rfc3339(seal->created, created);
    calendar_rfc3339(seal->valid_start, start);
    calendar_rfc3339(seal->valid_end, end);
    snprintf(size, sizeof size, "%dmm*%dmm", seal->width_mm, seal->height_mm);
    return json_pack("{s:o, s:o, s:s, s:{s:i, s:i, s:s}, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, "
                     "s:o*}",
                     "id", key_text_json(seal->id), "name", key_text_json(seal->name), "type",
                     seal->type == SEAL_PERSONAL ? "personal" : "organization", "size", "widthMm",
                     seal->width_mm, "heightMm", seal->height_mm, "text", size, "created", created,
                     "validStart", start, "validEnd", end, "version", seal->version, "maker",
                     key_text_json(seal->vendor), "picture", picture_json(seal), "certificates",
                     certificates_json(seal), "verification", verification_json(key, seal), "der",
                     der ? base64_json(der) : NULL);
}

static void list_seals(struct http_request *request) {
    struct token *token = key_request_token(request);
    struct token_files files;
    if (!token)
        return;
    enum token_error error = token_read_files(token, SEAL_FILE_SUFFIX, &files);
    token_release(token);
    if (error) {
        token_files_free(&files);
        key_respond_token_error(request, error);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < files.count; i++) {
        struct seal *seal = NULL;
        const struct octets *der = &files.list[i].content;
        if (seal_parse(NULL, der->data, der->len, &seal) != FORMATS_OK)
            continue; /* a file that only has a seal's name */
        json_array_append_new(list, seal_json(agent_of(request)->key, seal, der));
        seal_free(seal);
    }
    token_files_free(&files);
    http_respond_json(request, 200, json_pack("{s:o}", "seals", list));
}

const struct http_route seal_routes[] = {
    {"GET", "/v1/tokens/{id}/seals", list_seals, HTTP_BODY_NONE, 0,
     AGENT_ROUTE_SESSION | POLICY_READ},
    {0},
};
