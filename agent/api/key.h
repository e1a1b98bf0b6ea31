/* What the key rooms share behind agent/api: the tokens, the trusted roots, the way from their errors to problems. */
#ifndef AGENT_API_KEY_H
#define AGENT_API_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/api/api.h"
#include "agent/api/words.h"
#include "agent/consent/consent.h"
#include "agent/token/token.h"

struct documents;
struct jobs;
struct trust;
struct trust_anchor;

struct key {
    struct agent *agent;
    struct tokens *tokens;
    struct jobs *jobs;
    struct trust *trust;
    struct documents *documents;  /* uploaded ones */
    struct trust_anchor *anchors; /* of the services' root files; see anchors.h */
};

/* Unix seconds now. */
int64_t key_now(void);

/* The plugged token of the request's {id}; NULL means that NO_TOKEN has been answered. Needs token_release(). */
struct token *key_request_token(struct http_request *request);
/* True if this session's person has verified the token's PIN and the login stands; false means that PIN_REQUIRED has been
 * answered. */
bool key_require_pin(struct http_request *request, struct token *token);

/* Answer with the problem that the error is. */
void key_respond_token_error(struct http_request *request, enum token_error error);
enum agent_problem key_token_problem(enum token_error error);
/* The same for a dialog that did not end with a consent. `token` is the key that it was about. */
void key_respond_consent_error(struct http_request *request, enum consent_result result,
                               const struct token *token);

/* A dialog's watch: over when the page goes away or the token is pulled out. Lives as long as the call that waits. */
struct key_watch {
    struct consent_watch watch;
    const struct http_request *request;
    const struct token *token; /* may be NULL */
};
void key_watch_init(struct key_watch *watch, const struct http_request *request,
                    const struct token *token);

/* Text of a key's or a certificate's as a JSON string, also when it is not UTF-8 (visible_text). NULL text is "". New reference. */
json_t *key_text_json(const char *text);

/* A token as pages see it. New reference. */
json_t *key_token_json(const struct token_facts *facts, bool is_verified);

/* ---- certificates of a token, chosen ---- */

/* token_read_certificates(), with those marked that an unfinished job has written. */
enum token_error key_read_certificates(const struct key *key, struct token *token,
                                       struct token_certificates *certificates);
/* The certificate with that id (hex SHA-256), or NULL. */
const struct token_certificate *key_find_certificate(const struct token_certificates *certificates,
                                                     const char *id);
/* The other half of a pair, or NULL. */
const struct token_certificate *key_find_partner(const struct token_certificates *certificates,
                                                 const struct token_certificate *one);
/* The signing certificate to offer: the newest one that is valid and has its key; when none is valid, the newest of all. What an
 * unfinished job has written comes last: what it is to replace is in use until the job is done. */
const struct token_certificate *
key_current_certificate(const struct token_certificates *certificates, int64_t now);

/* ---- routes ---- */
extern const struct http_route token_routes[];
extern const struct http_route certificate_routes[];
extern const struct http_route seal_routes[];
extern const struct http_route pin_routes[];
extern const struct http_route pin_change_routes[];
extern const struct http_route document_routes[];
extern const struct http_route decrypt_routes[];
extern const struct http_route stamp_routes[];
extern const struct http_route verify_routes[];
extern const struct http_route sign_routes[];
extern const struct http_route login_routes[];
extern const struct http_route job_routes[];
extern const struct http_route services_routes[];

#endif
