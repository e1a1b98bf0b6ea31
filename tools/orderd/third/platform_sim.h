/* A registration platform that is played: it hands over whomever it is told to, in tokens like JWT (RFC 7519) with HMAC-SHA-256. */
#ifndef TOOLS_ORDERD_THIRD_PLATFORM_SIM_H
#define TOOLS_ORDERD_THIRD_PLATFORM_SIM_H

#include "tools/orderd/third/platform.h"

#include <stdbool.h>

struct platform_sim {
    unsigned char secret[32]; /* shared by platform and service */
};

/* Read the secret from the file, or make it (mode 0600). False when neither works. */
bool platform_sim_open(struct platform_sim *sim, const char *secret_file);

/* The platform that the engine sees; `sim` must outlive it. */
struct platform platform_sim_platform(struct platform_sim *sim);

/* A token that says this; free. NULL when memory is out. */
char *platform_sim_token(const struct platform_sim *sim, const json_t *claims);

#endif
