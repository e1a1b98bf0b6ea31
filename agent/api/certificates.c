/* GET /v1/tokens/{id}/certificates: parsed for people, pairs and the current one marked. */
#include <string.h>

#include "agent/api/key.h"
#include "agent/api/trust.h"
#include "agent/jobs/jobs.h"
#include "module/formats/calendar.h"

const struct token_certificate *key_find_certificate(const struct token_certificates *certificates,
                                                     const char *id) {
    for (size_t i = 0; i < certificates->count; i++) {
        if (strcmp(certificates->list[i].certificate->id, id) == 0)
            return &certificates->list[i];
    }
    return NULL;
}

const struct token_certificate *key_find_partner(const struct token_certificates *certificates,
                                                 const struct token_certificate *one) {
    for (size_t i = 0; i < certificates->count; i++) {
        if (&certificates->list[i] != one &&
            certificate_is_pair(one->certificate, certificates->list[i].certificate))
            return &certificates->list[i];
    }
    return NULL;
}

enum token_error key_read_certificates(const struct key *key, struct token *token,
                                       struct token_certificates *certificates) {
    enum token_error error = token_read_certificates(token, certificates);
    for (size_t i = 0; i < certificates->count && !error; i++) {
        struct token_certificate *one = &certificates->list[i];
        one->is_pending = jobs_are_making(key->jobs, token_id(token), one->label);
    }
    return error;
}

static bool is_newer(const struct certificate *a, const struct certificate *b) {
    return a->not_before != b->not_before ? a->not_before > b->not_before
                                          : a->not_after > b->not_after;
}

static bool is_better(const struct token_certificate *a, const struct token_certificate *b,
                      int64_t now) {
    bool a_is_valid = certificate_verify_dates(a->certificate, now) == FORMATS_OK;
    bool b_is_valid = certificate_verify_dates(b->certificate, now) == FORMATS_OK;
    return a->is_pending != b->is_pending ? b->is_pending
           : a_is_valid != b_is_valid     ? a_is_valid
                                          : is_newer(a->certificate, b->certificate);
}

const struct token_certificate *
key_current_certificate(const struct token_certificates *certificates, int64_t now) {
    const struct token_certificate *current = NULL;
    for (size_t i = 0; i < certificates->count; i++) {
        const struct token_certificate *one = &certificates->list[i];
        if (one->has_key && !one->certificate->is_ca &&
            one->certificate->usage != CERTIFICATE_ENCRYPT &&
            (!current || is_better(one, current, now)))
            current = one;
    }
    return current;
}

static json_t *name_json(const struct certificate_name *name) {
    const struct {
        const char *member, *value;
    } parts[] = {
        {"commonName", name->common_name},
        {"organization", name->organization},
        {"organizationalUnit", name->organizational_unit},
        {"organizationIdentifier", name->organization_identifier},
        {"serialNumber", name->serial_number},
        {"state", name->state},
        {"locality", name->locality},
        {"country", name->country},
    };
    json_t *json = json_object();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].value && parts[i].value[0])
            json_object_set_new(json, parts[i].member, json_string(parts[i].value));
    }
    return json;
}

static json_t *certificate_json(const struct key *key, const struct token_certificates *all,
                                const struct token_certificate *one,
                                const struct token_certificate *current, int64_t now) {
    const struct certificate *certificate = one->certificate;
    const struct token_certificate *partner = key_find_partner(all, one);
    char key_id[2 * TOKEN_KEY_ID_MAX + 1], not_before[21], not_after[21];
    struct octets pem = {0};
    octets_to_hex(one->key_id.bytes, one->key_id.len, key_id);
    calendar_rfc3339(certificate->not_before, not_before);
    calendar_rfc3339(certificate->not_after, not_after);
    if (certificate_to_pem(certificate->der.data, certificate->der.len, &pem) != FORMATS_OK)
        return NULL;
    bool is_current = current && (one == current || partner == current);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:I, s:s?, s:b, s:b, s:s%}", "id",
        certificate->id, "usage", certificate_usage_name(certificate->usage), "keyId", key_id,
        "algorithm", certificate_algorithm_name(certificate->algorithm), "subject",
        name_json(&certificate->subject), "subjectText", certificate->subject.text, "issuer",
        name_json(&certificate->issuer), "issuerText", certificate->issuer.text, "serial",
        certificate->serial, "notBefore", not_before, "notAfter", not_after, "daysLeft",
        (json_int_t)certificate_days_left(certificate, now), "pair",
        partner ? partner->certificate->id : NULL, "hasPrivateKey", one->has_key, "current",
        is_current, "pem", (const char *)pem.data, pem.len);
    json_t *trust = trust_json(key, certificate->x509);
    json_object_set_new(json, "keyBits", json_integer(certificate->key_bits));
    json_object_update(json, trust);
    json_decref(trust);
    octets_free(&pem);
    return json;
}

/* A person or an organisation as one: a dual pair, or a certificate alone. CAs' certificates are nobody's. */
static json_t *identities_json(const struct token_certificates *all,
                               const struct token_certificate *current, int64_t now) {
    json_t *list = json_array();
    for (size_t i = 0; i < all->count; i++) {
        const struct token_certificate *one = &all->list[i];
        const struct certificate *certificate = one->certificate;
        const struct token_certificate *partner = key_find_partner(all, one);
        bool encrypts_only = certificate->usage == CERTIFICATE_ENCRYPT;
        if (certificate->is_ca || (encrypts_only && partner))
            continue; /* shown with its signing certificate */
        const struct token_certificate *encrypts = partner ? partner
                                                   : certificate->usage == CERTIFICATE_SIGN ? NULL
                                                                                            : one;
        const char *name = certificate->subject.common_name[0] ? certificate->subject.common_name
                                                               : certificate->subject.text;
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:s, s:s?, s:s?, s:I, s:b, s:b}", "name",
                            key_text_json(name), "organizationIdentifier",
                            key_text_json(certificate->subject.organization_identifier),
                            "algorithm", certificate_algorithm_name(certificate->algorithm), "sign",
                            encrypts_only ? NULL : certificate->id, "encrypt",
                            encrypts ? encrypts->certificate->id : NULL, "daysLeft",
                            (json_int_t)certificate_days_left(certificate, now), "hasPrivateKey",
                            one->has_key, "current", one == current));
    }
    return list;
}

static void list_certificates(struct http_request *request) {
    struct token *token = key_request_token(request);
    const struct key *key = agent_of(request)->key;
    struct token_certificates certificates;
    if (!token)
        return;
    enum token_error error = key_read_certificates(key, token, &certificates);
    token_release(token);
    if (error) {
        token_certificates_free(&certificates);
        key_respond_token_error(request, error);
        return;
    }
    int64_t now = key_now();
    const struct token_certificate *current = key_current_certificate(&certificates, now);
    json_t *list = json_array();
    for (size_t i = 0; i < certificates.count; i++)
        json_array_append_new(
            list, certificate_json(key, &certificates, &certificates.list[i], current, now));
    json_t *identities = identities_json(&certificates, current, now);
    token_certificates_free(&certificates);
    http_respond_json(request, 200,
                      json_pack("{s:o, s:o}", "certificates", list, "identities", identities));
}

const struct http_route certificate_routes[] = {
    {"GET", "/v1/tokens/{id}/certificates", list_certificates, HTTP_BODY_NONE, 0,
     AGENT_ROUTE_SESSION | POLICY_READ},
    {0},
};
