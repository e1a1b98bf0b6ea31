/* Fuzzes the parsers of bytes that come from a card or from a dialog: first byte: which. Attribute file, certificate, answers of
 * pinentry. The bytes lie in memory of exactly their length. */
#include "module/formats/certificate.h"
#include "module/pinentry/assuan.h"
#include "module/token/attribute_records.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* What could be read can be written, and reads the same. */
static void attribute_file(const uint8_t *data, size_t size) {
    struct attribute_record records[64], again;
    uint8_t bytes[ATTRIBUTE_FILE_SIZE];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    size_t at = 0, count = 0;
    while (count < 64 && attribute_records_next(data, size, &at, &records[count])) {
        check(at <= size && records[count].id_len <= ATTRIBUTE_ID_MAX);
        count++;
    }
    attribute_records_start(&w);
    for (size_t i = 0; i < count; i++) {
        attribute_records_add(&w, &records[i]);
    }
    attribute_records_end(&w);
    if (w.failed) {
        return;
    }
    at = 0;
    for (size_t i = 0; i < count; i++) {
        check(attribute_records_next(bytes, w.len, &at, &again));
        check(strcmp(again.container, records[i].container) == 0 &&
              again.usage == records[i].usage && again.has_id == records[i].has_id &&
              again.has_label == records[i].has_label && again.id_len == records[i].id_len);
    }
}

static void certificate(const uint8_t *data, size_t size) {
    struct certificate *parsed = NULL;
    if (certificate_parse(NULL, data, size, &parsed) == FORMATS_OK) {
        check(parsed->subject.common_name != NULL && parsed->subject.text != NULL &&
              strlen(parsed->id) == 64);
        certificate_days_left(parsed, 1700000000);
        certificate_free(parsed);
    }
}

static void assuan(const uint8_t *data, size_t size) {
    char pin[64];
    size_t used = 0, value_len = 0;
    const char *value = NULL, *line = (const char *)data;
    switch (assuan_parse(line, size, &value, &value_len)) {
    case ASSUAN_DATA:
        check(value >= line && value + value_len <= line + size);
        assuan_decode(value, value_len, pin, sizeof(pin), &used);
        check(used <= sizeof(pin));
        break;
    case ASSUAN_ERR:
        check(value >= line && value + value_len <= line + size);
        assuan_error_code(value, value_len);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    uint8_t *copy = malloc(size > 1 ? size - 1 : 1);
    check(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    (data[0] % 3 == 0 ? attribute_file : data[0] % 3 == 1 ? certificate : assuan)(copy, size - 1);
    free(copy);
    return 0;
}
