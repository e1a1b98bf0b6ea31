/* See page.h. A cursor is CREATED_ID. */
#include "tools/orderd/engine/page.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool page_read(const char *cursor, struct page *out) {
    char *end = NULL;
    *out = (struct page){.created_ms = INT64_MAX};
    if (cursor == NULL) {
        return true;
    }
    if (!isdigit((unsigned char)cursor[0])) {
        return false;
    }
    errno = 0;
    out->created_ms = strtoll(cursor, &end, 10);
    if (errno != 0 || *end != '_' || end[1] == '\0' || strlen(end + 1) >= sizeof out->id) {
        return false;
    }
    snprintf(out->id, sizeof out->id, "%s", end + 1);
    return true;
}

void page_next(json_t *body, int64_t created_ms, const char *id) {
    char cursor[PAGE_ID_SIZE + 24];
    snprintf(cursor, sizeof cursor, "%" PRId64 "_%s", created_ms, id);
    json_object_set_new(body, "next", json_string(cursor));
}
