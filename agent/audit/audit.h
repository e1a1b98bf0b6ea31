/* The audit journal: who asked what, and what the person answered; never what was signed, never a PIN. STATE/audit/ holds files of JSON
 * lines and head.json. Each line carries the SHA-256 of the line before it; the head holds the number and hash of the last line and where
 * the kept lines begin, so that a changed, removed or inserted line and a cut tail are found. The head is written first, with the line that
 * is to follow: an agent that is killed between the two writes has lost nothing. */
#ifndef AGENT_AUDIT_AUDIT_H
#define AGENT_AUDIT_AUDIT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_FILE_MAX   ((size_t)1 << 20) /* bytes, then a new file begins */
#define AUDIT_FILES_KEPT 16 /* older ones are deleted; the head remembers where the rest begins */
#define AUDIT_LINE_MAX   8192

struct audit;

struct audit_options {
    const char *folder;   /* made when it is not there */
    int64_t (*now)(void); /* Unix seconds */
    size_t file_max;      /* 0: AUDIT_FILE_MAX */
    size_t files_kept;    /* 0: AUDIT_FILES_KEPT */
};

/* Open the journal and finish a line that was being written when the agent was killed. One whose end does not fit its head is set aside
 * (FOLDER.damaged-TIME) and a new one begun whose first line says so. NULL: the log says why. */
struct audit *audit_open(const struct audit_options *options);
void audit_close(struct audit *audit);

/* Append {n, time, event, members of `facts` ..., prev}; on disk when this returns 0. Takes over `facts`, whose strings are cut to fit.
 * -1: it is not written, and what it would have recorded must not happen. Thread-safe. */
int audit_append(struct audit *audit, const char *event, json_t *facts);

/* ---- reading, by other programs too ---- */

struct audit_reader {
    /* One line, in order. May be NULL. */
    void (*entry)(void *context, const json_t *entry);
    /* Something that should not be, in one English line. May be NULL. */
    void (*finding)(void *context, const char *text);
    void *context;
};

struct audit_summary {
    int64_t first, last; /* numbers of the first and last line there; 0: none */
    size_t findings;
};

/* Read the whole journal and hold it against itself. -1: there is none. */
int audit_read(const char *folder, const struct audit_reader *reader,
               struct audit_summary *summary);

#endif
