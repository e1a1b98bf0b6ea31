/* Where a list goes on: lists are given newest first in pages, and the cursor of the next page names the last row of this one. */
#ifndef TOOLS_ORDERD_ENGINE_PAGE_H
#define TOOLS_ORDERD_ENGINE_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum page_limit { PAGE_ROWS = 50, PAGE_ID_SIZE = 40 };

/* Rows after this one: created before `created_ms`, or at that time and with a smaller id. */
struct page {
    int64_t created_ms;
    char id[PAGE_ID_SIZE];
};

/* The page that a cursor (may be NULL: the first) begins. False when it is not a cursor. */
bool page_read(const char *cursor, struct page *out);

/* Name the next page in `body`, whose last row is this one. */
void page_next(json_t *body, int64_t created_ms, const char *id);

#endif
