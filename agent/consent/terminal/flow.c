/* Text flows down the terminal once, in order, without moving the cursor back: so it is read aloud and in Braille as it is seen. Below each
 * page stands what can be typed. Agreeing is a word with Enter, understood only when the last page has been shown. */
#include "agent/consent/terminal/flow.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/consent/dialog/content.h"
#include "agent/consent/terminal/pages.h"

enum {
    FLOW_SETTLE_MS = 700, /* keys meant for another program must not answer */
    FLOW_LOOK_MS = 250, /* how often the terminal's size is looked at: its signal goes to others */
    FLOW_ESCAPE_MS = 100, /* within this a key's sequence follows its ESC */
    FLOW_ROWS_MIN = 6,
    FLOW_INDENT = 4,
    FLOW_WORD_MAX = 8,
};

enum key { KEY_NONE, KEY_NEXT, KEY_BACK, KEY_ENTER, KEY_ERASE, KEY_REFUSE, KEY_LETTER };

struct flow {
    const struct dialog_request *request;
    struct device *device;
    struct pages pages, prompt;
    unsigned rows, columns;
    size_t top, shown; /* the page's first line, the line behind its last */
    bool end_seen, is_over;
    struct dialog_decision decision;
    char word[FLOW_WORD_MAX + 1];
    size_t word_len;
};

static const char *text(const struct flow *flow, enum dialog_text word) {
    return dialog_text(word, flow->request->chinese);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what is to be read ---- */

static void add_pair(void *context, size_t number, const char *label, const char *value) {
    struct flow *flow = context;
    char own[64] = "";
    if (number > 0)
        snprintf(own, sizeof own, "%zu/%zu ", number, json_array_size(flow->request->fields));
    pages_add(&flow->pages, 0, 2, own, label, false);
    pages_add(&flow->pages, FLOW_INDENT, FLOW_INDENT, NULL, value, false);
}

static void add_answer(struct flow *flow, const char *word, const char *button,
                       enum dialog_text otherwise, enum dialog_text more) {
    char own[32];
    snprintf(own, sizeof own, "%s = ", word);
    const char *meaning = button ? button : text(flow, otherwise);
    char *whole = NULL;
    if (asprintf(&whole, "%s%s", meaning, more == TEXT_COUNT ? "" : text(flow, more)) < 0) {
        flow->pages.is_broken = true;
        return;
    }
    pages_add(&flow->pages, FLOW_INDENT, FLOW_INDENT, own, whole, false);
    free(whole);
}

static void add_head(struct flow *flow, bool escapes, bool backslashes) {
    const struct dialog_request *request = flow->request;
    pages_add(&flow->pages, 0, 0, text(flow, TEXT_WINDOW), NULL, false);
    add_pair(flow, 0, text(flow, TEXT_ORIGIN), request->origin);
    add_pair(flow, 0, text(flow, TEXT_ABOUT), request->title);
    if (request->message)
        pages_add(&flow->pages, 2, 2, NULL, request->message, true);
    if (escapes)
        pages_add(&flow->pages, 0, 0, text(flow, TEXT_ESCAPED_PLAIN), NULL, false);
    if (escapes || backslashes)
        pages_add(&flow->pages, 0, 0, text(flow, TEXT_BACKSLASH), NULL, false);
}

static void fill(struct flow *flow, bool escapes, bool backslashes) {
    const struct dialog_request *request = flow->request;
    pages_free(&flow->pages);
    add_head(flow, escapes, backslashes);
    if (!dialog_content_each(request, add_pair, flow))
        flow->pages.is_broken = true;
    pages_add(&flow->pages, 0, 0, text(flow, TEXT_ANSWERS), NULL, false);
    const bool remembers = request->may_remember;
    add_answer(flow, "yes", request->agree, TEXT_AGREE, remembers ? TEXT_ONCE : TEXT_COUNT);
    if (remembers)
        add_answer(flow, "always", request->agree, TEXT_AGREE, TEXT_FOR_GOOD);
    add_answer(flow, "no", request->refuse, TEXT_REFUSE, remembers ? TEXT_ONCE : TEXT_COUNT);
    if (remembers)
        add_answer(flow, "never", request->refuse, TEXT_REFUSE, TEXT_FOR_GOOD);
}

/* ---- showing it ---- */

/* Write, and note when that is no longer possible. */
static void put(struct flow *flow, const char *bytes, size_t len) {
    enum device_event event = device_write(flow->device, bytes, len);
    flow->is_over |= event != DEVICE_INPUT;
}

static void put_text(struct flow *flow, const char *bytes) {
    put(flow, bytes, strlen(bytes));
}

static void put_mark(struct flow *flow, bool begins) {
    if (flow->device->draws_marks)
        put_text(flow, begins ? "\033[7m" : "\033[27m");
}

static void put_line(struct flow *flow, const struct pages *pages, const struct pages_line *line) {
    const struct pages_paragraph *paragraph = &pages->paragraphs[line->paragraph];
    const char *bytes = paragraph->text + line->from;
    char indent[16];
    snprintf(indent, sizeof indent, "%*s",
             (int)(line->from == 0 ? paragraph->first : paragraph->rest), "");
    put_text(flow, indent);
    bool is_marked = line->is_marked;
    if (is_marked)
        put_mark(flow, true);
    for (size_t i = 0; i < line->len;) {
        if (bytes[i] == PAGES_MARK || bytes[i] == PAGES_MARK_END) {
            is_marked = bytes[i++] == PAGES_MARK;
            put_mark(flow, is_marked);
            continue;
        }
        size_t run = i;
        while (run < line->len && bytes[run] != PAGES_MARK && bytes[run] != PAGES_MARK_END)
            run++;
        put(flow, bytes + i, run - i);
        i = run;
    }
    if (is_marked)
        put_mark(flow, false);
    put_text(flow, "\n");
}

/* What stands below a page: how many lines have been shown of how many, and what can be typed now. */
static void make_prompt(struct flow *flow, bool at_end, enum dialog_text note) {
    char where[64];
    snprintf(where, sizeof where, "(%zu/%zu) ", flow->shown, flow->pages.line_count);
    pages_free(&flow->prompt);
    if (note != TEXT_COUNT)
        pages_add(&flow->prompt, 0, 0, text(flow, note), NULL, false);
    pages_add(&flow->prompt, 0, 0, where, text(flow, at_end ? TEXT_DECIDE : TEXT_READ_ON), false);
    if (flow->prompt.is_broken || !pages_lay_out(&flow->prompt, flow->columns))
        flow->is_over = true;
}

static void show_prompt(struct flow *flow, enum dialog_text note) {
    make_prompt(flow, flow->end_seen, note);
    for (size_t i = 0; i < flow->prompt.line_count; i++)
        put_line(flow, &flow->prompt, &flow->prompt.lines[i]);
    flow->word_len = 0;
    put_text(flow, "> ");
}

static bool is_too_small(const struct flow *flow) {
    return flow->rows < FLOW_ROWS_MIN || flow->columns < PAGES_COLUMNS_MIN;
}

/* How many lines of a page stay to be seen above the larger prompt and the line that is typed into. */
static size_t page_height(struct flow *flow) {
    size_t below = 0;
    for (int at_end = 0; at_end < 2; at_end++) {
        make_prompt(flow, at_end, TEXT_COUNT);
        below = flow->prompt.line_count + 1 > below ? flow->prompt.line_count + 1 : below;
    }
    return flow->rows > below ? flow->rows - below : 1;
}

/* The page that begins with this line. */
static void show_page(struct flow *flow, size_t top) {
    size_t last = top + page_height(flow);
    flow->top = top;
    flow->shown = last < flow->pages.line_count ? last : flow->pages.line_count;
    put_text(flow, "\n");
    for (size_t i = top; i < flow->shown; i++)
        put_line(flow, &flow->pages, &flow->pages.lines[i]);
    flow->end_seen |= !flow->is_over && flow->shown == flow->pages.line_count;
    show_prompt(flow, TEXT_COUNT);
}

static void show_next(struct flow *flow) {
    if (flow->shown < flow->pages.line_count)
        show_page(flow, flow->shown);
    else
        show_prompt(flow, TEXT_COUNT);
}

static void show_back(struct flow *flow) {
    size_t height = page_height(flow);
    show_page(flow, flow->top > height ? flow->top - height : 0);
}

/* Lay out for the terminal as it is now, and show the page again from where it began. */
static void fit(struct flow *flow) {
    const struct pages_line begin = {0};
    struct pages_line place = flow->pages.line_count > 0 ? flow->pages.lines[flow->top] : begin;
    device_size(flow->device, &flow->rows, &flow->columns);
    if (is_too_small(flow)) {
        put_text(flow, "\n");
        put_text(flow, text(flow, TEXT_TOO_SMALL));
        put_text(flow, "\n> ");
    } else if (!pages_lay_out(&flow->pages, flow->columns)) {
        flow->is_over = true;
    } else {
        show_page(flow, pages_find(&flow->pages, &place));
    }
}

/* ---- what is typed ---- */

/* The next byte, or -1 when none has come in time. */
static int next_byte(struct flow *flow, int timeout_ms) {
    unsigned char byte;
    enum device_event event = device_wait(flow->device, timeout_ms);
    int got = event == DEVICE_INPUT ? device_read(flow->device, &byte, 1) : 0;
    if (got < 0 || event == DEVICE_GONE || event == DEVICE_ENDED)
        flow->is_over = true;
    return got > 0 ? byte : -1;
}

/* What follows an ESC: nothing (the key itself, which refuses), or the sequence of another key. */
static enum key escape_key(struct flow *flow) {
    int byte = next_byte(flow, FLOW_ESCAPE_MS), first = 0;
    if (byte < 0)
        return KEY_REFUSE;
    if (byte != '[' && byte != 'O')
        return KEY_NONE;
    byte = next_byte(flow, FLOW_ESCAPE_MS);
    if (byte == '[') { /* the Linux console's function keys */
        (void)next_byte(flow, FLOW_ESCAPE_MS);
        return KEY_NONE;
    }
    for (first = byte; byte >= 0x20 && byte < 0x40;)
        byte = next_byte(flow, FLOW_ESCAPE_MS);
    if (byte == 'B' || (byte == '~' && first == '6'))
        return KEY_NEXT;
    return byte == 'A' || (byte == '~' && first == '5') ? KEY_BACK : KEY_NONE;
}

static enum key next_key(struct flow *flow, char *letter) {
    int byte = next_byte(flow, FLOW_LOOK_MS);
    switch (byte) {
    case -1:
        return KEY_NONE;
    case 0x1B:
        return escape_key(flow);
    case 'C' & 0x1F: /* with Control */
    case 'D' & 0x1F:
        return KEY_REFUSE;
    case '\n':
        return KEY_ENTER;
    case '\b':
    case 0x7F:
        return KEY_ERASE;
    default:
        break;
    }
    if (flow->word_len == 0 && (byte == ' ' || byte == 'b' || byte == 'B'))
        return byte == ' ' ? KEY_NEXT : KEY_BACK;
    *letter = (char)(byte | 0x20);
    return *letter >= 'a' && *letter <= 'z' && byte < 0x80 ? KEY_LETTER : KEY_NONE;
}

/* The word before Enter. True when it decides. */
static bool take_word(struct flow *flow) {
    static const struct {
        const char *word;
        bool agrees, remembers;
    } words[] = {
        {"yes", true, false}, {"always", true, true}, {"no", false, false}, {"never", false, true}};
    flow->word[flow->word_len] = '\0';
    put_text(flow, "\n");
    if (flow->word_len == 0) {
        show_next(flow);
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(flow->word, words[i].word) != 0 ||
            (words[i].remembers && !flow->request->may_remember))
            continue;
        if (words[i].agrees && !flow->end_seen) {
            show_prompt(flow, TEXT_SCROLL);
            return false;
        }
        flow->decision = (struct dialog_decision){words[i].agrees, words[i].remembers};
        return true;
    }
    show_prompt(flow, TEXT_UNKNOWN);
    return false;
}

/* True when the key decides. On a terminal that is too small only refusing is possible. */
static bool take_key(struct flow *flow, enum key key, char letter) {
    if (key == KEY_REFUSE)
        return true;
    if (key == KEY_NONE || is_too_small(flow))
        return false;
    if (key == KEY_ENTER)
        return take_word(flow);
    if (key == KEY_LETTER && flow->word_len < FLOW_WORD_MAX) {
        flow->word[flow->word_len++] = letter;
        put(flow, &letter, 1);
    } else if (key == KEY_ERASE && flow->word_len > 0) {
        flow->word_len--;
        put_text(flow, "\b \b");
    } else if (key == KEY_NEXT || key == KEY_BACK) {
        put_text(flow, "\n");
        (key == KEY_NEXT ? show_next : show_back)(flow);
    }
    return false;
}

/* ---- all of it ---- */

static void converse(struct flow *flow) {
    const int64_t settled = now_ms() + FLOW_SETTLE_MS;
    bool is_decided = false;
    put_text(flow, "\a");
    fit(flow);
    while (!flow->is_over && !is_decided) {
        char letter = 0;
        unsigned rows, columns;
        enum key key = next_key(flow, &letter);
        device_size(flow->device, &rows, &columns);
        if (rows != flow->rows || columns != flow->columns)
            fit(flow);
        else if (now_ms() >= settled)
            is_decided = take_key(flow, key, letter);
    }
    if (!is_decided)
        flow->decision = (struct dialog_decision){false, false};
    put_text(flow, "\n");
    put_text(flow, text(flow, !is_decided             ? TEXT_WITHDRAWN
                              : flow->decision.agreed ? TEXT_AGREED
                                                      : TEXT_REFUSED));
    put_text(flow, "\n");
}

struct dialog_decision flow_run(const struct dialog_request *request, struct device *device) {
    struct flow flow = {.request = request, .device = device};
    fill(&flow, false, false);
    if (flow.pages.has_escapes || flow.pages.has_backslashes)
        fill(&flow, flow.pages.has_escapes, flow.pages.has_backslashes);
    if (!flow.pages.is_broken)
        converse(&flow);
    pages_free(&flow.pages);
    pages_free(&flow.prompt);
    return flow.decision;
}
