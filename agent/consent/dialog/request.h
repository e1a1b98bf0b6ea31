/* What ukey-consent is asked to show: the JSON document of its standard input, checked. */
#ifndef AGENT_CONSENT_DIALOG_REQUEST_H
#define AGENT_CONSENT_DIALOG_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct dialog_request {
    json_t *document; /* owns every string below */
    bool chinese;
    const char *
        kind; /* "pairing", "statement", "login", "confirm", "document", "batch", "stamp", "decrypt" or "raw" */
    const char *origin;
    const char *title;
    const char *message;                      /* NULL when absent, as all that follows */
    const char *subject, *issuer, *not_after; /* of the certificate */
    const char *usage;                        /* "sign", "encrypt" or "both" */
    bool has_days_left;
    json_int_t days_left;                   /* negative when the certificate has expired */
    const char *token_label, *token_serial; /* of the key */
    const char *agree, *refuse;             /* button texts */
    json_t *fields;                         /* array of {label, value}, perhaps empty; never NULL */
    bool may_remember;                      /* choices holds "always" */
};

/* Read and check the document. False: `error` says in English what is wrong. The document belongs to *request:
 * dialog_request_free(). */
bool dialog_request_read(const char *text, size_t len, struct dialog_request *request, char *error,
                         size_t error_size);
void dialog_request_free(struct dialog_request *request);

#endif
