/* One signature with the person's consent: the certificate chosen and checked, the dialog, the key, GM SignedData. */
#ifndef AGENT_API_SIGNATURE_H
#define AGENT_API_SIGNATURE_H

#include "agent/api/key.h"

/* What is to be signed and how it is shown. */
struct signature_request {
    const char *certificate; /* id; NULL: the current one */
    const char *kind;        /* of the dialog: "statement" or "login" */
    const char *title;
    const char *message;
    json_t *fields; /* array of {label, value}; borrowed */
    const char *agree;
    struct octets content; /* canonical; borrowed */
};

/* Ask and sign. True: *signed_data is DER GM SignedData and `certificate` the signer's id. False: a problem has been answered. */
bool signature_make(struct http_request *request, const struct signature_request *wanted,
                    struct octets *signed_data, char certificate[CERTIFICATE_ID]);

#endif
