/* What writing and reading the journal share; nobody else includes it. */
#ifndef AGENT_AUDIT_INTERNAL_H
#define AGENT_AUDIT_INTERNAL_H

#include <limits.h>
#include <stdbool.h>

#include "agent/audit/audit.h"

#define AUDIT_HASH_SIZE   65 /* SHA-256 in hexadecimal, and NUL */
#define AUDIT_NOTHING     "0000000000000000000000000000000000000000000000000000000000000000"
#define AUDIT_NAMES_MAX   64
#define AUDIT_NAME_SIZE   32 /* "NNNNNNNNNNNN.jsonl": the number of its first line */
#define AUDIT_NAME_FORMAT "%012lld.jsonl"
#define AUDIT_NUMBER_MAX                                                                           \
    999999999999LL /* of a line: what a name has room for. No agent gets there */

/* head.json */
struct audit_head {
    int64_t first;                    /* number of the oldest line kept */
    char first_prev[AUDIT_HASH_SIZE]; /* what it must name as the line before it */
    int64_t count;                    /* number of the last line */
    char hash[AUDIT_HASH_SIZE];       /* its hash */
    char line[AUDIT_LINE_MAX + 1];    /* its text */
};

/* The hash of a line without its '\n'. */
void audit_hash(const char *line, size_t len, char hash[AUDIT_HASH_SIZE]);

/* 0, or -1 when the file is missing (*missing) or no head. */
int audit_head_read(const char *folder, struct audit_head *head, bool *missing);
int audit_head_write(const char *folder, const struct audit_head *head);

/* The journal's files in order of their first lines; at most AUDIT_NAMES_MAX. -1: the folder cannot be read, or holds more. */
int audit_list_files(const char *folder, char names[AUDIT_NAMES_MAX][AUDIT_NAME_SIZE],
                     size_t *count);

/* FOLDER/NAME; false when that is too long. */
bool audit_path(const char *folder, const char *name, char path[PATH_MAX]);

/* Wait for the journal's lock: writers alone, readers together. Its descriptor, or -1. */
int audit_lock(const char *folder, bool to_write);

/* A whole file, NUL-terminated, or NULL. To be freed. */
char *audit_file_text(const char *path, size_t *len);

#endif
