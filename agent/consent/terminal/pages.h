/* Text laid out for a terminal: paragraphs become lines that are never wider than the terminal, however it draws its characters.
 * Nothing here does input or output. */
#ifndef AGENT_CONSENT_TERMINAL_PAGES_H
#define AGENT_CONSENT_TERMINAL_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* What stands around text that is spelled out, in the bytes of a line: no other control character is ever in them. */
#define PAGES_MARK     '\x01'
#define PAGES_MARK_END '\x02'

/* Where a line begins. */
struct pages_line {
    size_t paragraph, from; /* bytes of the paragraph's text */
    size_t len;
    bool is_marked; /* it begins inside of what is spelled out */
};

struct pages_paragraph {
    char *text;
    unsigned first, rest; /* indents in cells: of the first line, of all others */
};

struct pages {
    struct pages_paragraph *paragraphs;
    size_t paragraph_count;
    struct pages_line *lines; /* as pages_lay_out() made them */
    size_t line_count;
    bool has_escapes;     /* something has been spelled out */
    bool has_backslashes; /* a backslash of somebody's stands doubled */
    bool is_broken;       /* memory was out: not everything is here */
};

/* Add one paragraph: `own` (our words, taken as they are; may be NULL), then `foreign` (may be NULL) with what cannot be seen spelled out as
 * visible_text() does, between marks; a backslash in it comes doubled, so that also without the marks nobody's letters look like
 * something spelled out. With `keep_lines`, '\n' in it ends a line. */
void pages_add(struct pages *pages, unsigned first, unsigned rest, const char *own,
               const char *foreign, bool keep_lines);

/* Make the lines for a terminal of so many columns (at least PAGES_COLUMNS_MIN). False when memory is out. */
bool pages_lay_out(struct pages *pages, unsigned columns);

#define PAGES_COLUMNS_MIN 20U

/* The line that holds what `place`, a line of an earlier layout, began with. */
size_t pages_find(const struct pages *pages, const struct pages_line *place);

/* At most how many cells a terminal takes for the character: two unless it is ASCII, because terminals of East Asia draw in two cells
 * what others draw in one, and one for what should be drawn over the character before it. */
unsigned pages_cells(unsigned character);

void pages_free(struct pages *pages);

#endif
