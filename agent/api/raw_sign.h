/* Signing a bare digest, for pages of the time before: off unless the policy says `raw-sign = ask` for the site. */
#ifndef AGENT_API_RAW_SIGN_H
#define AGENT_API_RAW_SIGN_H

#include "agent/http/http.h"

/* Answers a sign request whose body is {certificate, digest}: `digest` is base64 of what the key's scheme signs (SM2: e, with Z). The
 * person confirms each, and keys that a configured service knows people by never do it. */
void raw_sign(struct http_request *request, const json_t *body);

#endif
