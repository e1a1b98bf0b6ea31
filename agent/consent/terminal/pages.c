/* Breaking text into lines. What is too wide is broken anywhere; nothing is left out. */
#include "agent/consent/terminal/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "module/pinentry/visible.h"

/* Room for one more in an array that grows by doubling. False: memory is out, nothing has changed. */
static bool make_room(void **array, size_t count, size_t size) {
    if (count > 0 && (count & (count - 1)) != 0)
        return true;
    void *larger = reallocarray(*array, count > 0 ? 2 * count : 1, size);
    if (larger)
        *array = larger;
    return larger != NULL;
}

/* ---- paragraphs ---- */

/* Foreign text with marks and doubled backslashes appended to `to`; how many bytes that takes. `to` may be NULL: just count. */
static size_t mark(struct pages *pages, const char *shown, const char *text, char *to) {
    size_t used = 0;
    bool is_escape;
    for (size_t run; (run = visible_run(&text, shown, SIZE_MAX, &is_escape)) > 0; shown += run) {
        pages->has_escapes |= is_escape;
        if (is_escape) {
            if (to) {
                to[used] = PAGES_MARK;
                memcpy(to + used + 1, shown, run);
                to[used + 1 + run] = PAGES_MARK_END;
            }
            used += run + 2;
            continue;
        }
        for (size_t i = 0; i < run; i++) {
            bool is_backslash = shown[i] == '\\';
            pages->has_backslashes |= is_backslash;
            for (int copies = is_backslash ? 2 : 1; copies > 0; copies--, used++) {
                if (to)
                    to[used] = shown[i];
            }
        }
    }
    return used;
}

void pages_add(struct pages *pages, unsigned first, unsigned rest, const char *own,
               const char *foreign, bool keep_lines) {
    size_t own_len = own ? strlen(own) : 0;
    const char *text = foreign ? foreign : "";
    char *shown = visible_text(text, strlen(text), keep_lines, NULL);
    char *whole = shown ? malloc(own_len + mark(pages, shown, text, NULL) + 1) : NULL;
    if (!whole || !make_room((void **)&pages->paragraphs, pages->paragraph_count,
                             sizeof *pages->paragraphs)) {
        pages->is_broken = true;
        free(whole);
        free(shown);
        return;
    }
    if (own)
        memcpy(whole, own, own_len);
    whole[own_len + mark(pages, shown, text, whole + own_len)] = '\0';
    free(shown);
    pages->paragraphs[pages->paragraph_count++] =
        (struct pages_paragraph){.text = whole, .first = first, .rest = rest};
}

/* ---- lines ---- */

unsigned pages_cells(unsigned character) {
    if (character < 0x20)
        return 0; /* a mark */
    if (character < 0x7F)
        return 1;
    return wcwidth((wchar_t)character) == 0 ? 1 : 2;
}

/* A character that may begin a line, whatever stands before it. */
static bool may_begin_a_line(unsigned character) {
    return character >= 0x80 && wcwidth((wchar_t)character) == 2;
}

static bool add_line(struct pages *pages, const struct pages_line *line) {
    if (!make_room((void **)&pages->lines, pages->line_count, sizeof *pages->lines))
        return false;
    pages->lines[pages->line_count++] = *line;
    return true;
}

/* The next line of the paragraph from line->from on: sets line->len. Returns where the line after it begins; past the text's end when there is
 * none. *marked: as the line begins, and then as the one after it does. */
static size_t take_line(const char *text, struct pages_line *line, unsigned room, bool *marked) {
    size_t at = line->from, len = strlen(text), best = 0;
    unsigned cells = 0, character = 0;
    bool is_marked = *marked, best_marked = false, after_break = false;
    while (at < len && text[at] != '\n') {
        size_t size = visible_decode_utf8(text + at, len - at, &character);
        size = size > 0 ? size : 1;
        unsigned wide = pages_cells(character);
        if (wide > 0 && at > line->from && (after_break || may_begin_a_line(character))) {
            best = at;
            best_marked = is_marked;
        }
        if (cells + wide > room && at > line->from) {
            at = best > 0 ? best : at;
            is_marked = best > 0 ? best_marked : is_marked;
            line->len = at - line->from;
            *marked = is_marked;
            return at;
        }
        if (wide > 0)
            after_break = character == ' ' || may_begin_a_line(character);
        else
            is_marked = text[at] == PAGES_MARK;
        cells += wide;
        at += size;
    }
    line->len = at - line->from;
    *marked = is_marked;
    return at + 1;
}

bool pages_lay_out(struct pages *pages, unsigned columns) {
    free(pages->lines);
    pages->lines = NULL;
    pages->line_count = 0;
    /* the last column stays free: some terminals go to the next line when it is filled */
    unsigned width = (columns < PAGES_COLUMNS_MIN ? PAGES_COLUMNS_MIN : columns) - 1;
    for (size_t i = 0; i < pages->paragraph_count; i++) {
        const struct pages_paragraph *paragraph = &pages->paragraphs[i];
        size_t len = strlen(paragraph->text);
        bool marked = false;
        for (size_t at = 0; at <= len;) {
            struct pages_line line = {.paragraph = i, .from = at, .is_marked = marked};
            unsigned indent = at == 0 ? paragraph->first : paragraph->rest;
            at = take_line(paragraph->text, &line, width - indent, &marked);
            if (!add_line(pages, &line))
                return false;
        }
    }
    return true;
}

size_t pages_find(const struct pages *pages, const struct pages_line *place) {
    size_t found = 0;
    for (size_t i = 0; i < pages->line_count; i++) {
        const struct pages_line *line = &pages->lines[i];
        if (line->paragraph < place->paragraph ||
            (line->paragraph == place->paragraph && line->from <= place->from))
            found = i;
    }
    return found;
}

void pages_free(struct pages *pages) {
    for (size_t i = 0; i < pages->paragraph_count; i++)
        free(pages->paragraphs[i].text);
    free(pages->paragraphs);
    free(pages->lines);
    *pages = (struct pages){0};
}
