/* What there is to read in a request, as pairs of label and value in the order in which they are shown. */
#ifndef AGENT_CONSENT_DIALOG_CONTENT_H
#define AGENT_CONSENT_DIALOG_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/consent/dialog/request.h"

/* One pair; both texts are of the caller's request or live until the call returns. `number` counts the request's own fields from 1; it
 * is 0 for what we say of certificate and key. */
typedef void dialog_content_pair(void *context, size_t number, const char *label,
                                 const char *value);

/* Call `pair` for each: fields, certificate, key. An empty value comes as a dash. False when memory is out. */
bool dialog_content_each(const struct dialog_request *request, dialog_content_pair *pair,
                         void *context);

/* Whether there is any. */
bool dialog_content_is_there(const struct dialog_request *request);

#endif
