/* See engine.h. */
#include "tools/orderd/engine/engine.h"

#include <string.h>

int64_t engine_now_ms(const struct engine *engine) {
    return clock_now_ms(&engine->clock);
}

int64_t engine_now(const struct engine *engine) {
    return clock_now_ms(&engine->clock) / 1000;
}

bool engine_origin_is_allowed(const struct engine *engine, const char *origin) {
    for (size_t i = 0; engine->origins[i] != NULL; i++) {
        if (strcmp(engine->origins[i], origin) == 0) {
            return true;
        }
    }
    return false;
}
