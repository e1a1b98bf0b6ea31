/* Reading the journal from its first line to its head, and telling what does not fit. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/audit/internal.h"
#include "agent/http/json.h"

struct walk {
    const struct audit_reader *reader;
    struct audit_summary *summary;
    struct audit_head head;
    bool has_head;
    char last_hash[AUDIT_HASH_SIZE]; /* of the line before */
};

__attribute__((format(printf, 2, 3))) static void find(struct walk *walk, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    walk->summary->findings++;
    if (walk->reader->finding != NULL) {
        walk->reader->finding(walk->reader->context, text);
    }
}

static void check_order(struct walk *walk, const char *where, json_int_t number, const char *prev) {
    struct audit_summary *summary = walk->summary;
    bool is_first = summary->first == 0;
    bool fits = strcmp(prev, walk->last_hash) == 0;
    if (is_first && walk->has_head && number > walk->head.first) {
        find(walk, "%s: lines %lld to %lld are missing", where, (long long)walk->head.first,
             (long long)number - 1);
    } else if (!is_first && number > summary->last + 1) {
        find(walk, "%s: lines %lld to %lld are missing", where, (long long)summary->last + 1,
             (long long)number - 1);
    } else if (!is_first && number <= summary->last) {
        find(walk, "%s: line %lld stands where line %lld should: inserted, or out of order", where,
             (long long)number, (long long)summary->last + 1);
    } else if (!fits && is_first) {
        find(walk, "%s: line %lld does not follow what the head remembers: changed, or inserted",
             where, (long long)number);
    } else if (!fits) {
        find(walk, "%s: line %lld is not the one that line %lld follows: changed", where,
             (long long)summary->last, (long long)number);
    }
}

static void take_line(struct walk *walk, const char *where, const char *line, size_t len) {
    char reason[160] = "";
    json_t *entry =
        len <= AUDIT_LINE_MAX ? json_parse_strict(line, len, reason, sizeof(reason)) : NULL;
    const json_int_t number = json_integer_value(json_object_get(entry, "n"));
    const char *prev = json_member_string(entry, "prev", AUDIT_HASH_SIZE - 1);
    if (entry == NULL || number < 1 || number > AUDIT_NUMBER_MAX || prev == NULL) {
        find(walk, "%s: is no line of a journal: changed, or inserted %s", where, reason);
    } else {
        check_order(walk, where, number, prev);
        walk->summary->first = walk->summary->first != 0 ? walk->summary->first : number;
        walk->summary->last = number;
        if (walk->reader->entry != NULL) {
            walk->reader->entry(walk->reader->context, entry);
        }
    }
    audit_hash(line, len, walk->last_hash);
    json_decref(entry);
}

static void take_file(struct walk *walk, const char *folder, const char *name) {
    char path[PATH_MAX], where[AUDIT_NAME_SIZE + 24];
    size_t len = 0;
    char *text = audit_path(folder, name, path) ? audit_file_text(path, &len) : NULL;
    if (text == NULL) {
        find(walk, "%s: cannot be read", name);
        return;
    }
    size_t line_number = 0;
    for (const char *line = text; line < text + len;) {
        const char *end = memchr(line, '\n', len - (size_t)(line - text));
        snprintf(where, sizeof(where), "%s:%zu", name, ++line_number);
        if (end == NULL) {
            find(walk, "%s: unfinished line: cut, or the agent was ended while it wrote", where);
            break;
        }
        take_line(walk, where, line, (size_t)(end - line));
        line = end + 1;
    }
    free(text);
}

static void check_end(struct walk *walk) {
    const struct audit_summary *summary = walk->summary;
    if (walk->has_head && summary->last < walk->head.count) {
        find(walk, "the end is missing: lines %lld to %lld were written",
             (long long)summary->last + 1, (long long)walk->head.count);
    } else if (walk->has_head && summary->last > walk->head.count) {
        find(walk, "lines %lld to %lld were added by somebody else",
             (long long)walk->head.count + 1, (long long)summary->last);
    } else if (walk->has_head && strcmp(walk->last_hash, walk->head.hash) != 0) {
        find(walk, "the last line is not the one that was written: changed");
    }
}

int audit_read(const char *folder, const struct audit_reader *reader,
               struct audit_summary *summary) {
    char names[AUDIT_NAMES_MAX][AUDIT_NAME_SIZE];
    struct walk walk = {.reader = reader, .summary = summary};
    size_t count = 0;
    bool missing = false;
    *summary = (struct audit_summary){0};
    if (access(folder, F_OK) != 0) {
        return -1;
    }
    int lock = audit_lock(folder, false);
    int listed = audit_list_files(folder, names, &count);
    walk.has_head = audit_head_read(folder, &walk.head, &missing) == 0;
    if (!walk.has_head && missing && count == 0 && listed == 0) {
        if (lock >= 0) {
            close(lock);
        }
        return -1;
    }
    if (listed != 0) {
        find(&walk, "the folder holds more files than the agent makes");
    }
    if (!walk.has_head) {
        find(&walk, missing ? "head.json is missing" : "head.json is damaged");
    }
    memcpy(walk.last_hash, walk.has_head ? walk.head.first_prev : AUDIT_NOTHING, AUDIT_HASH_SIZE);
    for (size_t i = 0; i < count; i++) {
        take_file(&walk, folder, names[i]);
    }
    check_end(&walk);
    if (lock >= 0) {
        close(lock);
    }
    return 0;
}
