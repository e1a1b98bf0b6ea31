/* A new TLS identity before the old one ends, without a day on which browsers trust neither. */
#ifndef AGENT_ROLLOVER_H
#define AGENT_ROLLOVER_H

#include "agent/api/api.h"

#define ROLLOVER_REST_DAYS                                                                         \
    7 /* browsers notice a new CA at their next start: so long both are trusted */

/* To be called about once a second; works once an hour (of the agent's clock). From IDENTITY_RENEW_DAYS before the identity's end: makes the
 * next one and has it trusted wherever the old one is. Once it is trusted in all these places, and ROLLOVER_REST_DAYS have gone by,
 * or when the old one has ended anyway, the agent goes over to it; then the old one's trust is removed. What an administrator has to do
 * (`trust install --system`) is logged, and waited for. */
void rollover_look(struct agent *agent);

#endif
