/* Fuzzes the parsers that take bytes alone: what a PIV card answers, the attribute file of a GM key, the file in which a
 * token's public objects are remembered. The first byte says which. */
#include "module/token/object_memory.h"
#include "module/token/piv_parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_records(const uint8_t *data, size_t size) {
    struct attribute_record record;
    size_t at = 0;
    while (attribute_records_next(data, size, &at, &record)) {
    }
}

/* The file is guarded by a hash, which no fuzzer finds: it is put right here, as is the head. */
static void parse_memory(const uint8_t *data, size_t size) {
    static uint8_t bytes[128 * 1024];
    struct token token = {.driver = &gm_driver,
                          .facts = {.serial = "1", .change_counter = 1, .change_tag = {1}}};
    token.facts.kinds[0] = (struct token_key_kind){ALGORITHM_RSA, 2048, true, 1};
    token.facts.kinds[1] = (struct token_key_kind){ALGORITHM_SM2, 256, true, 1};
    token.facts.kind_count = 2;
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    token.objects = token_objects_new();
    if (token.objects == NULL) {
        return;
    }
    object_memory_seal(&token, &w, data, size);
    if (!w.failed && object_memory_parse(&token, bytes, w.len)) {
        uint8_t again[sizeof(bytes)];
        struct wire_writer back = {
            .data = again, .size = sizeof(again), .order = BIG_ENDIAN_FIELDS};
        object_memory_write(&token, &back);
    }
    token_objects_free(token.objects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char name[PIV_NAME_MAX + 1];
    struct piv_metadata metadata;
    struct token_public_key key;
    struct token_pin pin;
    struct octets certificate;
    struct wire_reader value;
    uint8_t guid[PIV_GUID_SIZE], rs[2 * 48], algorithm;
    unsigned count;
    if (size < 2) {
        return 0;
    }
    uint8_t which = data[0];
    data++;
    size--;
    switch (which % 12) {
    case 0:
        piv_parse_select(data, size, name);
        break;
    case 1:
        piv_parse_metadata(data, size, &metadata);
        break;
    case 2:
        piv_parse_tries(data, size, &pin);
        break;
    case 3:
        piv_parse_management(data, size, &algorithm);
        break;
    case 4:
        piv_parse_generated(data + 1, size - 1, data[0], &key);
        break;
    case 5:
        if (piv_parse_certificate(data, size, &certificate) == TOKEN_OK) {
            piv_certified_key(NULL, certificate.data, certificate.len, &algorithm, &key);
            octets_free(&certificate);
        }
        break;
    case 6:
        piv_parse_chuid(data, size, guid);
        break;
    case 7:
        piv_parse_history(data, size, &count);
        break;
    case 8:
        if (piv_parse_authentication(data, size, PIV_TAG_RESPONSE, &value) == TOKEN_OK) {
            piv_parse_signature(value.data, value.len, 48, rs);
        }
        break;
    case 9:
        piv_parse_signature(data, size, 32, rs);
        break;
    case 10:
        parse_records(data, size);
        break;
    default:
        parse_memory(data, size);
        break;
    }
    return 0;
}
