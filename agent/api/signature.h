/* Signing with the person's consent, in three steps that belong together: the certificate chosen and checked, the dialog, the
 * signatures that were agreed to. */
#ifndef AGENT_API_SIGNATURE_H
#define AGENT_API_SIGNATURE_H

#include "agent/api/documents.h"
#include "agent/api/key.h"

/* A signer at work for one request. */
struct signature_work {
    struct http_request *request;
    struct token *token;
    struct token_certificates certificates;
    const struct token_certificate *signer; /* one of them */
    enum signature_scheme scheme;
};

/* Choose the certificate (`id` NULL: the current one) and check that its key is on the token and may sign. False: answered; in any
 * case signature_close(). `wants_pss`: with an RSA key. */
bool signature_open(struct http_request *request, const char *id, bool wants_pss,
                    struct signature_work *work);
/* Choose another one for what has been opened. False: answered. */
bool signature_choose(struct signature_work *work, const char *id, bool wants_pss);
void signature_close(struct signature_work *work);

/* What the dialog shows. */
struct signature_question {
    const char *
        kind; /* of the dialog: "statement", "login", "document", "batch", "stamp", "raw", "decrypt" */
    const char *title;
    const char *message;
    json_t *fields; /* array of {label, value}; borrowed */
    const char *agree;
};

/* Show it and wait. True: the person has agreed, and the PIN is (still) verified. False: answered. */
bool signature_confirm(struct signature_work *work, const struct signature_question *question);

/* One use of the signer's private key; zeroed by its end. */
struct signature_use {
    struct token_pin pin;      /* for agent/token */
    struct consent_pin *typed; /* NULL: the key wants none */
};

/* The use begins: where the key wants the PIN before each, the person is asked for it. False: answered; else signature_use_end(). */
bool signature_use_begin(struct signature_work *work, struct signature_use *use);
/* It has been tried, and `error` came of it, which the caller answers: a PIN that was typed for it is counted, written down, and wiped.
 * False: answered. */
bool signature_use_end(struct signature_work *work, struct signature_use *use,
                       enum token_error error);

/* Have the key sign bytes by the work's scheme; asks for the PIN where the key wants it before each use. False: answered. */
bool signature_sign(struct signature_work *work, const struct octets *message,
                    struct octets *signature);

/* What is signed. */
struct signature_item {
    const struct octets *content;           /* NULL: only its digests are known */
    const struct document_digests *digests; /* NULL: made of the content */
    bool attached;
    const char *nonce;   /* NULL: none */
    const char *purpose; /* "statement", "login", "document" */
};

/* Sign one: *out = DER of GM SignedData (SM2) or CMS; or the ASCII of a JWS. False: answered. */
bool signature_make(struct signature_work *work, const struct signature_item *item,
                    struct octets *out);
bool signature_make_jws(struct signature_work *work, const struct signature_item *item,
                        struct octets *out);

/* "gm-signed-data" or "cms": what signature_make() makes with this key. */
const char *signature_format(const struct signature_work *work);

#endif
