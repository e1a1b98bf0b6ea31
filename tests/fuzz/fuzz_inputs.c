/* Fuzzes what the order service reads, reader by reader, in memory of exactly the input's length. First byte: which; for those that look
 * at a portal's tables the second: which portal. Certificates need not be of its CA here, so that what comes after is reached. */
#include "tests/fuzz/fake_house.h"

#include "agent/http/json.h"
#include "agent/http/route.h"
#include "tools/orderd/config.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/signed.h"
#include "tools/orderd/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
enum order_error __wrap_registry_check_chain(const struct engine *engine, const struct octets *der);

enum order_error __wrap_registry_check_chain(const struct engine *engine,
                                             const struct octets *der) {
    (void)engine, (void)der;
    return ORDER_OK;
}

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static struct engine *engine_of(void) {
    return &fake_house()->engine;
}

static struct db *store(void) {
    return db_pool_take(NULL);
}

/* A configuration can be read twice and says the same. */
static void configuration(const uint8_t *data, size_t size) {
    char path[64];
    char error[CONFIG_ERROR_SIZE] = "";
    struct config config;
    int fd = memfd_create("config", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool good = config_read(path, &config, error);
    check(good == (error[0] == '\0'));
    check(!good || (config.state != NULL && config.listen[0] != NULL && config.profile != NULL &&
                    config.origins[0] != NULL));
    config_free(&config);
    close(fd);
}

static void manifest(const uint8_t *data, size_t size) {
    char error[IMPORT_ERROR_SIZE] = "";
    struct import_count count = {0, 0};
    json_t *document = json_parse_strict((const char *)data, size, NULL, 0);
    if (document != NULL) {
        bool good = import_manifest(engine_of(), store(), document, &count, error);
        check(good == (error[0] == '\0'));
    }
    json_decref(document);
}

/* What is text and what bytes: base64, there and back. */
static void base64(const uint8_t *data, size_t size) {
    char *text = strndup((const char *)data, size);
    struct octets bytes = {NULL, 0};
    struct octets again = {NULL, 0};
    if (text != NULL && base64_read(text, 4096, &bytes)) {
        check(bytes.len <= 4096);
        json_t *back = base64_json(&bytes);
        check(back != NULL &&
              (bytes.len == 0 || base64_read(json_string_value(back), 4096, &again)));
        check(again.len == bytes.len &&
              (again.len == 0 || memcmp(again.data, bytes.data, bytes.len) == 0));
        json_decref(back);
    }
    octets_free(&bytes);
    octets_free(&again);
    free(text);
}

/* Every validator and mask on one text. */
static void entries(const uint8_t *data, size_t size) {
    static const char *const types[] = {"USCC", "ORG_CODE", "ID", "PASSPORT", "x", NULL};
    char masked[64];
    char *text = strndup((const char *)data, size);
    check(text != NULL);
    bool code = social_credit_code_is_valid(text);
    bool card = identity_number_is_valid(text);
    check((!code && !card) || strlen(text) == 18);
    check(!phone_is_valid(text) || strlen(text) == 11);
    for (int i = 0; types[i] != NULL; i++) {
        credential_is_valid(true, types[i], text);
        credential_is_valid(false, types[i], text);
    }
    json_t *value = json_string(text); /* NULL: not UTF-8, which the strict reader refuses */
    for (const char *const *name =
             (const char *const[]){"agreement", "years", "handlerEmail", "newName", "userName",
                                   "taxNumber", "postcode", "invoiceTitle", "bankCard", NULL};
         value != NULL && *name != NULL; name++) {
        const struct field *field = field_find(*name);
        check(field == NULL || field->type != FIELD_TICK || !field_is_valid(field, value));
        if (field != NULL) {
            field_is_valid(field, value);
        }
    }
    mask_phone(text, masked, sizeof masked);
    mask_name(text, masked, sizeof masked);
    mask_email(text, masked, sizeof masked);
    field_find(text);
    json_decref(value);
    free(text);
}

/* The provider's notice, with the right signature: whatever it says, money is never made of it. */
static void notice(const uint8_t *data, size_t size) {
    char signature[SIM_SIGNATURE_SIZE];
    check(payment_sim_sign(fake_house()->sim, (const char *)data, size, signature));
    check(payment_callback(engine_of(), store(), (const char *)data, size, signature) != ORDER_OK ||
          size > 0);
    signature[0] = signature[0] == '0' ? '1' : '0';
    check(payment_callback(engine_of(), store(), (const char *)data, size, signature) != ORDER_OK);
}

static void signed_object(const uint8_t *data, size_t size) {
    struct octets der = {(unsigned char *)(uintptr_t)data, size};
    struct signed_object object;
    signed_object_read(engine_of(), store(), &der, &object);
    signed_object_clear(&object);
}

static void certificate_request(const uint8_t *data, size_t size) {
    struct ca_plan plan;
    struct ca_request request = {.csr = data,
                                 .csr_len = size,
                                 .subject =
                                     (const unsigned char *)"\x30\x0d\x31\x0b\x30\x09\x06\x03"
                                                            "\x55\x04\x06\x13\x02"
                                                            "CN",
                                 .subject_len = 15,
                                 .not_before = 1772330400,
                                 .not_after = 1803866400,
                                 .encryption_pair = size % 2 == 0};
    ca_plan(engine_of()->ca, &request, &plan);
}

/* What the strict reader takes can be written, and is taken again. */
static void json(const uint8_t *data, size_t size) {
    char reason[160] = "";
    json_t *value = json_parse_strict((const char *)data, size, reason, sizeof reason);
    check(value != NULL || reason[0] != '\0');
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text != NULL) {
        json_t *again = json_parse_strict(text, strlen(text), NULL, 0);
        check(again != NULL && json_equal(value, again));
        json_decref(again);
    }
    free(text);
    json_decref(value);
}

static void route(const uint8_t *data, size_t size) {
    static const char *const patterns[] = {"/v1/orders/{no}:submit", "/v1/orders/{no}/{a}/{b}:c",
                                           "/{rest...}", "/{name}", "/"};
    struct route_match match;
    char *path = strndup((const char *)data, size);
    char *out = malloc(size + 1);
    check(path != NULL && out != NULL);
    bool clean = route_path_is_clean(path);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (!route_matches(patterns[i], path, clean, &match)) {
            continue;
        }
        for (size_t p = 0; p < match.count; p++) {
            const struct route_param *param = &match.params[p];
            check(param->value >= path && param->value + param->value_len <= path + strlen(path));
            long len = route_percent_decode(param->value, param->value_len, out);
            check(param->is_rest || (len >= 0 && strchr(out, '/') == NULL));
        }
    }
    free(out);
    free(path);
}

/* What somebody fills in, for each kind of business of a portal: refused by name, or taken over whole. */
static void form(const uint8_t *data, size_t size) {
    const struct profile *profile = engine_of()->profile;
    json_t *patch = size > 1 ? json_parse_strict((const char *)data + 1, size - 1, NULL, 0) : NULL;
    const struct flow *flow = &profile->flows[size > 0 ? data[0] % profile->flow_count : 0];
    struct order order = {.kind = flow->kind, .gate_count = flow->count, .years = 1};
    memcpy(order.gates, flow->gates, sizeof flow->gates);
    if (json_is_object(patch)) {
        json_t *values = json_object();
        json_t *errors = json_array();
        json_object_del(patch, "securityAnswer"); /* needs its subject's row */
        form_patch(engine_of(), store(), &order, flow->subjects, values, patch, LANGUAGE_EN,
                   errors);
        form_check(engine_of(), &order, flow->subjects, values, ~0U, LANGUAGE_ZH, errors);
        check(order.years >= 0 && order.amount_fen >= 0);
        json_decref(values);
        json_decref(errors);
    }
    json_decref(patch);
}

static void sealed(const uint8_t *data, size_t size) {
    char *text = strndup((const char *)data, size);
    char *opened = NULL;
    check(text != NULL);
    check(vault_unseal(engine_of()->vault, "order form", text, &opened) != ORDER_OK ||
          text[0] == '\0');
    vault_free(opened);
    free(text);
}

static void (*const readers[])(const uint8_t *data, size_t size) = {
    configuration,       manifest, base64, entries, notice, signed_object,
    certificate_request, json,     route,  form,    sealed,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    fake_house_enter(data[1]);
    uint8_t *copy = malloc(size > 2 ? size - 2 : 1);
    check(copy != NULL);
    memcpy(copy, data + 2, size - 2);
    readers[data[0] % (sizeof readers / sizeof readers[0])](copy, size - 2);
    db_rollback(store());
    free(copy);
    return 0;
}
