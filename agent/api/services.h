/* Which order service a key belongs to: by the issuer of its certificates. */
#ifndef AGENT_API_SERVICES_H
#define AGENT_API_SERVICES_H

#include <stdbool.h>

#include "agent/config.h"

struct certificate;

/* Is the certificate of an issuer that the service names (its whole name, or its common name)? One that names none serves any. */
bool service_serves(const struct agent_service *service, const struct certificate *certificate);

#endif
