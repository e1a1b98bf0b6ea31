/* Reading root files. */
#include "agent/api/anchors.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "agent/log.h"

static void anchor_free(struct trust_anchor *anchor) {
    X509_free(anchor->root);
    sk_X509_pop_free(anchor->intermediates, X509_free);
    free(anchor);
}

static struct trust_anchor *read_one(const struct agent_service *service) {
    struct trust_anchor *anchor = calloc(1, sizeof *anchor);
    BIO *file = BIO_new_file(service->root, "r");
    if (anchor)
        anchor->intermediates = sk_X509_new_null();
    if (anchor && anchor->intermediates && file) {
        X509 *certificate;
        while ((certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
            if (!anchor->root && X509_check_issued(certificate, certificate) == X509_V_OK)
                anchor->root = certificate;
            else if (sk_X509_push(anchor->intermediates, certificate) <= 0)
                X509_free(certificate);
        }
    }
    BIO_free(file);
    if (anchor && !anchor->root) {
        log_error("anchors", "%s holds no root certificate", service->root);
        anchor_free(anchor);
        anchor = NULL;
    }
    if (anchor)
        anchor->service = service;
    return anchor;
}

struct trust_anchor *anchors_read(const struct agent_config *config) {
    struct trust_anchor *anchors = NULL;
    for (size_t i = 0; i < config->service_count; i++) {
        struct trust_anchor *anchor =
            config->services[i].root ? read_one(&config->services[i]) : NULL;
        if (anchor) {
            anchor->next = anchors;
            anchors = anchor;
        }
    }
    return anchors;
}

void anchors_free(struct trust_anchor *anchors) {
    while (anchors) {
        struct trust_anchor *next = anchors->next;
        anchor_free(anchors);
        anchors = next;
    }
}

const struct trust_anchor *anchors_find(const struct trust_anchor *anchors,
                                        const struct agent_service *service) {
    for (; anchors; anchors = anchors->next) {
        if (anchors->service == service)
            return anchors;
    }
    return NULL;
}
