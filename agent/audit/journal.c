/* Writing the journal: head first, then the line, both on disk before anybody goes on. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/internal.h"
#include "agent/log.h"
#include "module/formats/calendar.h"

#define STRING_MAX 400 /* bytes of one fact */
#define ASIDE_MAX  100 /* damaged journals of one second */

struct audit {
    pthread_mutex_t mutex; /* guards everything below */
    struct audit_options options;
    char folder[PATH_MAX];
    struct audit_head head; /* count 0: nothing has been written yet */
    int fd;                 /* the file that is appended to; -1: look at the folder first */
    size_t size;            /* its length */
};

static int failed(const struct audit *audit, const char *what) {
    log_error("audit", "%s, in %s: %s", what, audit->folder, strerror(errno));
    return -1;
}

/* ---- taking up what is there ---- */

static int open_file(struct audit *audit, const char *name) {
    char path[PATH_MAX];
    struct stat status;
    audit->fd = audit_path(audit->folder, name, path)
                    ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)
                    : -1;
    if (audit->fd < 0 || fstat(audit->fd, &status) != 0) {
        return failed(audit, "a journal file cannot be opened");
    }
    audit->size = (size_t)status.st_size;
    return 0;
}

static void close_file(struct audit *audit) {
    if (audit->fd >= 0) {
        close(audit->fd);
    }
    audit->fd = -1;
}

static int append_line(struct audit *audit, const char *line) {
    char text[AUDIT_LINE_MAX + 2];
    int printed = snprintf(text, sizeof(text), "%s\n", line);
    size_t len = (size_t)printed;
    if (printed < 0 || len >= sizeof(text) || write(audit->fd, text, len) != (ssize_t)len ||
        fdatasync(audit->fd) != 0) {
        return failed(audit, "a line cannot be written");
    }
    audit->size += len;
    return 0;
}

/* Does the last file end with the head's line? If it ends where that line would begin, put it there. */
static bool take_up_tail(struct audit *audit, const char *name) {
    char path[PATH_MAX], hash[AUDIT_HASH_SIZE], expected[AUDIT_HASH_SIZE];
    size_t len = 0;
    char *text = audit_path(audit->folder, name, path) ? audit_file_text(path, &len) : NULL;
    if (text == NULL || open_file(audit, name) != 0) {
        free(text);
        return false;
    }
    size_t whole = len;
    while (whole > 0 && text[whole - 1] != '\n') {
        whole--;
    }
    size_t start = whole > 0 ? whole - 1 : 0;
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    const struct audit_head *head = &audit->head;
    memcpy(hash, head->first_prev, sizeof(hash)); /* of an empty first file */
    if (whole > 0) {
        audit_hash(text + start, whole - 1 - start, hash);
    }
    bool at_head = whole > 0 && strcmp(hash, head->hash) == 0;
    json_t *pending = json_loads(head->line, 0, NULL);
    const char *prev = json_string_value(json_object_get(pending, "prev"));
    memcpy(expected, prev != NULL && strlen(prev) == 64 ? prev : AUDIT_NOTHING, sizeof(expected));
    json_decref(pending);
    bool good = at_head;
    if (at_head && whole < len) {
        good = false; /* something follows the last line */
    } else if (!at_head && strcmp(hash, expected) == 0 &&
               strncmp(text + whole, head->line, len - whole) == 0) {
        log_warn("audit", "the agent was ended while it wrote line %lld: finished now",
                 (long long)head->count);
        audit->size = whole;
        good = ftruncate(audit->fd, (off_t)whole) == 0 && append_line(audit, head->line) == 0;
    }
    free(text);
    return good;
}

static bool has_whole_line(const struct audit *audit, const char *name) {
    char path[PATH_MAX];
    size_t len = 0;
    char *text = audit_path(audit->folder, name, path) ? audit_file_text(path, &len) : NULL;
    bool has = text != NULL && memchr(text, '\n', len) != NULL;
    free(text);
    return has;
}

static int append_locked(struct audit *audit, const char *event, json_t *facts);

/* What is there cannot be gone on with: it is kept beside, and a new journal says so. */
static int set_aside(struct audit *audit) {
    char aside[PATH_MAX + 32];
    const char *name = strrchr(audit->folder, '/');
    close_file(audit);
    int renamed = -1;
    for (int i = 0; renamed != 0 && i < ASIDE_MAX; i++) {
        snprintf(aside, sizeof(aside), "%s.damaged-%lld-%d", audit->folder,
                 (long long)audit->options.now(), i);
        renamed = rename(audit->folder, aside);
    }
    if (renamed != 0 || mkdir(audit->folder, 0700) != 0) {
        return failed(audit, "the damaged journal cannot be set aside");
    }
    log_error("audit", "the journal is damaged and was set aside: %s", aside);
    audit->head = (struct audit_head){.first = 1, .first_prev = AUDIT_NOTHING};
    return append_locked(
        audit, "journal-set-aside",
        json_pack("{s:s}", "folder", aside + (name != NULL ? name + 1 - audit->folder : 0)));
}

static int take_up(struct audit *audit) {
    char names[AUDIT_NAMES_MAX][AUDIT_NAME_SIZE];
    size_t count = 0;
    bool missing = false;
    if (audit_list_files(audit->folder, names, &count) != 0) {
        return set_aside(audit);
    }
    int head = audit_head_read(audit->folder, &audit->head, &missing);
    if (head != 0 && missing && count == 0) {
        audit->head = (struct audit_head){.first = 1, .first_prev = AUDIT_NOTHING};
        return 0;
    }
    if (head != 0) {
        return set_aside(audit);
    }
    char next[AUDIT_NAME_SIZE];
    snprintf(next, sizeof(next), AUDIT_NAME_FORMAT, (long long)audit->head.count);
    /* killed after the head was written and before the line's own new file was made */
    if (count == 0 && audit->head.count == 1) {
        return open_file(audit, next) != 0 || append_line(audit, audit->head.line) != 0 ? -1 : 0;
    }
    /* killed before the first line of a new file was whole: the head has it */
    while (count > 1 && !has_whole_line(audit, names[count - 1])) {
        char path[PATH_MAX];
        if (!audit_path(audit->folder, names[--count], path) || unlink(path) != 0) {
            return failed(audit, "an empty journal file cannot be removed");
        }
    }
    return count > 0 && take_up_tail(audit, names[count - 1]) ? 0 : set_aside(audit);
}

/* ---- appending, with mutex and lock held ---- */

/* Delete the oldest file when there are too many; the head has been told before. */
static int drop_oldest(struct audit *audit) {
    char names[AUDIT_NAMES_MAX][AUDIT_NAME_SIZE], path[PATH_MAX];
    size_t count = 0, len = 0;
    if (audit_list_files(audit->folder, names, &count) != 0 || count <= audit->options.files_kept) {
        return 0;
    }
    char *text = audit_path(audit->folder, names[1], path) ? audit_file_text(path, &len) : NULL;
    const char *end = text != NULL ? memchr(text, '\n', len) : NULL;
    json_t *oldest = end != NULL ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
    json_int_t number = json_integer_value(json_object_get(oldest, "n"));
    const char *prev = json_string_value(json_object_get(oldest, "prev"));
    if (number > 0 && prev != NULL && strlen(prev) == 64) {
        audit->head.first = number;
        memcpy(audit->head.first_prev, prev, AUDIT_HASH_SIZE);
        if (audit_head_write(audit->folder, &audit->head) == 0 &&
            audit_path(audit->folder, names[0], path)) {
            unlink(path);
        }
    }
    json_decref(oldest);
    free(text);
    return 0;
}

static void cut_strings(json_t *facts) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(facts, next, key, value) {
        if (json_is_string(value) && json_string_length(value) > STRING_MAX) {
            size_t len = STRING_MAX;
            const char *text = json_string_value(value);
            while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
                len--;
            }
            json_object_set_new(facts, key, json_stringn(text, len));
        }
    }
}

/* The next line's text into `head`; false when it does not fit. */
static bool make_line(const struct audit *audit, const char *event, json_t *facts,
                      struct audit_head *head) {
    char time[21];
    const struct audit_head *last = &audit->head;
    calendar_rfc3339(audit->options.now(), time);
    json_t *entry = json_pack("{s:I, s:s, s:s}", "n", (json_int_t)last->count + 1, "time", time,
                              "event", event);
    cut_strings(facts);
    if (facts != NULL) {
        json_object_update_missing(entry, facts);
    }
    json_object_set_new(entry, "prev", json_string(last->count > 0 ? last->hash : AUDIT_NOTHING));
    char *text = entry != NULL ? json_dumps(entry, JSON_COMPACT) : NULL;
    json_decref(entry);
    *head = *last;
    head->count = last->count + 1;
    size_t len = text != NULL ? strlen(text) : 0;
    bool fits = len > 0 && len <= AUDIT_LINE_MAX;
    if (fits) {
        memcpy(head->line, text, len + 1);
        audit_hash(text, len, head->hash);
    }
    free(text);
    return fits;
}

static int append_locked(struct audit *audit, const char *event, json_t *facts) {
    struct audit_head head;
    bool made = make_line(audit, event, facts, &head);
    json_decref(facts);
    if (!made) {
        errno = EMSGSIZE;
        return failed(audit, "a line is too long");
    }
    bool new_file = audit->fd < 0 || audit->size >= audit->options.file_max;
    if (new_file) {
        char name[AUDIT_NAME_SIZE];
        close_file(audit);
        snprintf(name, sizeof(name), AUDIT_NAME_FORMAT, (long long)head.count);
        if (open_file(audit, name) != 0) {
            return -1;
        }
    }
    if (audit_head_write(audit->folder, &head) != 0) {
        return failed(audit, "the head cannot be written");
    }
    audit->head = head;
    return append_line(audit, head.line) != 0 ? -1 : new_file ? drop_oldest(audit) : 0;
}

int audit_append(struct audit *audit, const char *event, json_t *facts) {
    int result = -1;
    pthread_mutex_lock(&audit->mutex);
    int lock = audit_lock(audit->folder, true);
    if (lock < 0) {
        failed(audit, "the journal cannot be locked");
        json_decref(facts);
    } else if (audit->fd < 0 && audit->head.count > 0 && take_up(audit) != 0) {
        json_decref(facts); /* what failed before fails still */
    } else {
        result = append_locked(audit, event, facts);
    }
    if (result != 0) {
        close_file(audit); /* look again at what is there before the next line */
    }
    if (lock >= 0) {
        close(lock);
    }
    pthread_mutex_unlock(&audit->mutex);
    return result;
}

/* ---- open and close ---- */

struct audit *audit_open(const struct audit_options *options) {
    struct audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL) {
        return NULL;
    }
    audit->fd = -1;
    audit->options = *options;
    audit->options.file_max = options->file_max != 0 ? options->file_max : AUDIT_FILE_MAX;
    audit->options.files_kept = options->files_kept != 0 ? options->files_kept : AUDIT_FILES_KEPT;
    pthread_mutex_init(&audit->mutex, NULL);
    int len = snprintf(audit->folder, sizeof(audit->folder), "%s", options->folder);
    int lock = -1;
    if (len <= 0 || len >= (int)sizeof(audit->folder) ||
        (mkdir(audit->folder, 0700) != 0 && errno != EEXIST) ||
        (lock = audit_lock(audit->folder, true)) < 0) {
        failed(audit, "the journal's folder cannot be used");
        audit_close(audit);
        return NULL;
    }
    int taken = take_up(audit);
    close(lock);
    if (taken != 0) {
        audit_close(audit);
        return NULL;
    }
    return audit;
}

void audit_close(struct audit *audit) {
    if (audit == NULL) {
        return;
    }
    close_file(audit);
    pthread_mutex_destroy(&audit->mutex);
    free(audit);
}
