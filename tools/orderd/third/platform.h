/* A registration platform upstream, as the engine sees it (R008, R012): people log in there and are handed over with a signed token. */
#ifndef TOOLS_ORDERD_THIRD_PLATFORM_H
#define TOOLS_ORDERD_THIRD_PLATFORM_H

#include <jansson.h>

enum platform_size { PLATFORM_TOKEN_MAX = 8192 };

struct platform {
    const char *name; /* in the database: links of different platforms do not meet */
    void *context;
    /* What the token says, if the platform has signed it, else NULL: {user, id, audience, issued, expires, phone, phoneVerified?, subject?:
     * {type, name, credentialType, credentialNo}, fields?: {...}}. Nothing else is judged. New reference. */
    json_t *(*read)(void *context, const char *token);
};

#endif
