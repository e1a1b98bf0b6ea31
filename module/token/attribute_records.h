/* The records of the attribute file (include/openukey/attribute_file.h), read and written. */
#ifndef OPENUKEY_TOKEN_ATTRIBUTE_RECORDS_H
#define OPENUKEY_TOKEN_ATTRIBUTE_RECORDS_H

#include "module/token/driver.h"
#include "openukey/attribute_file.h"

/* What the file says of one key; what it does not say has its default. */
struct attribute_record {
    char container[TOKEN_CONTAINER_MAX + 1];
    enum token_usage usage;
    bool has_id, has_label;
    uint8_t id[ATTRIBUTE_ID_MAX];
    size_t id_len;
    char label[ATTRIBUTE_LABEL_MAX + 1];
};

/* Reads the next record from *at on; *at starts as 0. False at the end, or where the file makes no sense: the records
 * before stay good. */
bool attribute_records_next(const uint8_t *file, size_t len, size_t *at,
                            struct attribute_record *out);

/* Starts a file in `w` (big-endian), adds records, completes the header. attribute_records_end fails w when they do not
 * fit ATTRIBUTE_FILE_SIZE. */
void attribute_records_start(struct wire_writer *w);
void attribute_records_add(struct wire_writer *w, const struct attribute_record *record);
void attribute_records_end(struct wire_writer *w);

/* The defaults: SHA-1(container || 0x00 || usage byte), 20 bytes. TOKEN_MEMORY: no SHA-1 in this context. */
enum token_error attribute_default_id(OSSL_LIB_CTX *libctx, const char *container,
                                      enum token_usage usage, uint8_t id[20]);

#endif
