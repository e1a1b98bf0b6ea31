/* Writing the manifest. */
#include "tools/ukey/manifest.h"

#include "module/formats/certificate.h"
#include "tools/ukey/text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_VERSION = 1 };

static bool certificate_add(json_t *list, const struct octets *der) {
    struct certificate *certificate = NULL;
    struct octets pem = {NULL, 0};
    bool done = false;
    if (der->len == 0)
        return true;
    if (certificate_parse(NULL, der->data, der->len, &certificate) == FORMATS_OK &&
        certificate_to_pem(der->data, der->len, &pem) == FORMATS_OK)
        done = json_array_append_new(
                   list, json_pack("{s:s, s:s, s:s, s:s#}", "usage",
                                   certificate_usage_name(certificate->usage), "algorithm",
                                   certificate_algorithm_name(certificate->algorithm), "subject",
                                   certificate->subject.text, "pem", pem.data, pem.len)) == 0;
    octets_free(&pem);
    certificate_free(certificate);
    return done;
}

static bool seal_add(json_t *list, const char *id, const struct octets *der) {
    if (der->len == 0)
        return true;
    unsigned char *base64 = malloc(4 * (der->len / 3 + 1) + 1);
    bool done = false;
    if (base64 != NULL) {
        EVP_EncodeBlock(base64, der->data, (int)der->len);
        done = json_array_append_new(list, json_pack("{s:s, s:s}", "id", id, "der", base64)) == 0;
    }
    free(base64);
    return done;
}

enum { UNLOCK_HEX = 2 * PROFILE_UNLOCK_KEY + 1 };

/* In hexadecimal digits, or NULL. */
static const char *unlock_key(const struct profile *profile, char hex[UNLOCK_HEX]) {
    for (size_t i = 0; profile->has_unlock_key && i < PROFILE_UNLOCK_KEY; i++)
        snprintf(hex + 2 * i, 3, "%02x", profile->unlock_key[i]);
    return profile->has_unlock_key ? hex : NULL;
}

bool manifest_write(const struct manifest_facts *facts, struct octets *text) {
    char hex[UNLOCK_HEX] = "";
    *text = (struct octets){NULL, 0};
    json_t *certificates = json_array();
    json_t *seals = json_array();
    bool done = certificates != NULL && seals != NULL;
    for (size_t i = 0; done && i < facts->profile->container_count; i++)
        if (facts->profile->containers[i].is_registered)
            done = certificate_add(certificates, &facts->containers[i].sign) &&
                   certificate_add(certificates, &facts->containers[i].encrypt);
    done = done && seal_add(seals, facts->seal_id, facts->seal);
    json_t *manifest = json_pack(
        "{s:i, s:{s:s, s:s, s:s, s:s*}, s:o, s:o}", "version", MANIFEST_VERSION, "token", "serial",
        facts->serial, "label", facts->label, "manufacturer", facts->manufacturer, "unlockKey",
        unlock_key(facts->profile, hex), "certificates", certificates, "seals", seals);
    OPENSSL_cleanse(hex, sizeof hex);
    char *dumped = done && manifest != NULL ? json_dumps(manifest, JSON_INDENT(2)) : NULL;
    done = dumped != NULL && octets_copy(text, dumped, strlen(dumped)) == FORMATS_OK;
    free(dumped);
    json_decref(manifest);
    if (!done)
        text_complain(TEXT_FORMATS, "manifest", formats_error_text(FORMATS_MEMORY), NULL);
    return done;
}
