/* The GM driver: recognising the card, its application, open names. Command set: include/openukey/apdu.h. */
#include "module/token/gm_internal.h"

#include "module/log.h"

#include <stdlib.h>
#include <string.h>

const struct gm_layout gm_layouts[] = {
    {.name = "A",
     .order = LITTLE_ENDIAN_FIELDS,
     .application_name = 32,
     .file_name = 32,
     .pin_is_padded = true,
     .mac_counts_itself = true,
     .dev_auth_sm4 = 2},
    {.name = "B",
     .order = BIG_ENDIAN_FIELDS,
     .application_name = 48,
     .file_name = 40,
     .challenge_is_framed = true,
     .has_raw_rsa = true,
     .dev_auth_sm4 = 0,
     .envelope_ends_with_cipher = true},
};
enum { GM_LAYOUTS = sizeof(gm_layouts) / sizeof(gm_layouts[0]) };

const struct gm_layout *gm_layout_find(const char *name) {
    for (size_t i = 0; i < GM_LAYOUTS; i++) {
        if (strcmp(gm_layouts[i].name, name) == 0) {
            return &gm_layouts[i];
        }
    }
    return NULL;
}

/* Algorithm ids have two bytes of four; a card takes between 256 bytes and 32 KiB of data. */
const struct gm_layout *gm_layout_of(const uint8_t devinfo[GM_DEVINFO_SIZE]) {
    enum { ALGORITHM_ID_MAX = 0xFFFF, LEAST_DATA = 256, MOST_DATA = 32768 };
    static const size_t algorithms[] = {DEVINFO_ALG_SYM, DEVINFO_ALG_ASYM, DEVINFO_ALG_HASH,
                                        DEVINFO_DEV_AUTH_ALG};
    size_t best = 0;
    int best_score = -1;
    for (size_t i = 0; i < GM_LAYOUTS; i++) {
        struct wire_reader r = {
            .data = devinfo, .len = GM_DEVINFO_SIZE, .order = gm_layouts[i].order};
        int score = 0;
        for (size_t k = 0; k < sizeof(algorithms) / sizeof(algorithms[0]); k++) {
            r.at = algorithms[k];
            score += wire_u32(&r) <= ALGORITHM_ID_MAX;
        }
        r.at = DEVINFO_MAX_APDU_DATA;
        uint16_t data = wire_u16(&r);
        score += data >= LEAST_DATA && data <= MOST_DATA ? 2 : 0;
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return &gm_layouts[best];
}

void gm_data_start(struct gm_data *data, struct token *token) {
    data->w = (struct wire_writer){
        .data = data->bytes, .size = sizeof(data->bytes), .order = gm_of(token)->layout->order};
}

enum token_error gm_send(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                         const struct gm_data *data, size_t le) {
    if (data != NULL && data->w.failed) {
        return TOKEN_ARGUMENT;
    }
    return card_send(&token->card,
                     &(struct card_command){
                         .cla = CLA_GM,
                         .ins = ins,
                         .p1 = p1,
                         .p2 = p2,
                         .data = data != NULL ? data->bytes : NULL,
                         .data_len = data != NULL ? data->w.len : 0,
                         .le = le,
                         .timeout_ms = ins == INS_GEN_RSA_KEY_PAIR || ins == INS_GEN_ECC_KEY_PAIR
                                           ? CARD_KEYGEN_TIMEOUT_MS
                                           : CARD_TIMEOUT_MS,
                     });
}

struct wire_reader gm_response(struct token *token) {
    return (struct wire_reader){.data = token->card.response,
                                .len = token->card.response_len,
                                .order = gm_of(token)->layout->order};
}

const char *gm_next_name(struct wire_reader *response, char *out, size_t max, bool *bad) {
    size_t len = 0;
    const uint8_t *start = response->data + response->at;
    size_t left = wire_left(response);
    while (len < left && start[len] != 0) {
        len++;
    }
    if (len == 0) {
        return NULL;
    }
    if (len > max) {
        *bad = true;
        return NULL;
    }
    memcpy(out, start, len);
    out[len] = '\0';
    response->at += len < left ? len + 1 : len;
    return out;
}

void gm_forget(struct token *token) {
    struct gm_state *gm = gm_of(token);
    gm->application_known = false;
    gm->application_open = false;
    gm->described[0] = '\0';
    memset(gm->containers, 0, sizeof(gm->containers));
}

enum token_error gm_find_application(struct token *token) {
    struct gm_state *gm = gm_of(token);
    if (gm->application_known) {
        return TOKEN_OK;
    }
    if (token->is_remembered && token->facts.application[0] != '\0') {
        gm->application_known = true; /* as it was when the card last counted a change */
        return TOKEN_OK;
    }
    enum token_error err = gm_send(token, INS_ENUM_APPLICATION, 0, 0, NULL, APDU_MAX_DATA);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    bool bad = false;
    char name[GM_APP_NAME_MAX + 1];
    token->facts.initialized = gm_next_name(&r, name, GM_APP_NAME_MAX, &bad) != NULL;
    if (bad) {
        return TOKEN_DEVICE;
    }
    memset(token->facts.application, 0, sizeof(token->facts.application));
    if (token->facts.initialized) {
        memcpy(token->facts.application, name, strlen(name));
    }
    gm->application_known = true;
    return TOKEN_OK;
}

enum token_error gm_application(struct token *token) {
    struct gm_state *gm = gm_of(token);
    if (gm->application_open) {
        return TOKEN_OK;
    }
    enum token_error err = gm_find_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    if (!token->facts.initialized) {
        return TOKEN_BLANK;
    }
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, token->facts.application, strlen(token->facts.application));
    err = gm_send(token, INS_OPEN_APPLICATION, 0, 0, &data, 10);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    wire_u32(&r); /* rights to create files */
    wire_u8(&r);  /* containers */
    wire_u8(&r);  /* certificates */
    wire_u16(&r); /* files */
    wire_bytes(&r, gm->application, GM_ID_SIZE);
    if (!wire_ended(&r)) {
        return TOKEN_DEVICE;
    }
    gm->application_open = true;
    return TOKEN_OK;
}

static struct gm_open_container *find_container(struct gm_state *gm, const char *name) {
    for (size_t i = 0; i < GM_OPEN_CONTAINERS; i++) {
        if (strcmp(gm->containers[i].name, name) == 0) {
            return &gm->containers[i];
        }
    }
    return NULL;
}

void gm_remember_container(struct token *token, const char *name, const uint8_t id[GM_ID_SIZE]) {
    struct gm_state *gm = gm_of(token);
    struct gm_open_container *place = find_container(gm, name);
    if (place == NULL) {
        place = find_container(gm, "");
    }
    if (place == NULL) {
        place = &gm->containers[gm->next_container++ % GM_OPEN_CONTAINERS];
    }
    memset(place, 0, sizeof(*place));
    memcpy(place->name, name, strlen(name));
    memcpy(place->id, id, GM_ID_SIZE);
}

void gm_forget_container(struct token *token, const char *name) {
    struct gm_open_container *open = find_container(gm_of(token), name);
    if (open != NULL && name[0] != '\0') {
        memset(open, 0, sizeof(*open));
    }
}

enum token_error gm_container(struct token *token, const char *name, struct gm_data *data) {
    struct gm_state *gm = gm_of(token);
    size_t len = strlen(name);
    if (len == 0 || len > GM_CONTAINER_NAME_MAX) {
        return TOKEN_ARGUMENT;
    }
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    const struct gm_open_container *open = find_container(gm, name);
    if (open == NULL) {
        gm_data_start(data, token);
        wire_put_bytes(&data->w, gm->application, GM_ID_SIZE);
        wire_put_bytes(&data->w, name, len);
        err = gm_send(token, INS_OPEN_CONTAINER, 0, 0, data, GM_ID_SIZE);
        if (err != TOKEN_OK) {
            return err;
        }
        if (token->card.response_len != GM_ID_SIZE) {
            return TOKEN_DEVICE;
        }
        gm_remember_container(token, name, token->card.response);
        open = find_container(gm, name);
    }
    gm_data_start(data, token);
    wire_put_bytes(&data->w, gm->application, GM_ID_SIZE);
    wire_put_bytes(&data->w, open->id, GM_ID_SIZE);
    return TOKEN_OK;
}

static void read_text(struct wire_reader r, size_t offset, char *out, size_t width) {
    r.at = offset;
    wire_text(&r, out, width);
}

static uint32_t read_number(struct wire_reader r, size_t offset, unsigned width) {
    r.at = offset;
    return width == 4 ? wire_u32(&r) : width == 2 ? wire_u16(&r) : wire_u8(&r);
}

/* SKF's two kinds of keys; what needs a vendor instruction is there if the card has it. */
static void set_kinds(struct token_facts *facts, const struct gm_layout *layout) {
    unsigned rsa = 1U << PRIVATE_RSA_PKCS1_SIGN, sm2 = 1U << PRIVATE_SM2_SIGN;
    if (facts->has_vendor_ins) {
        sm2 |= 1U << PRIVATE_SM2_DECRYPT;
    }
    if (facts->has_vendor_ins || layout->has_raw_rsa) {
        rsa |= 1U << PRIVATE_RSA_RAW;
    }
    facts->kinds[0] = (struct token_key_kind){ALGORITHM_RSA, 8 * RSA2048_SIZE, true, rsa};
    facts->kinds[1] = (struct token_key_kind){ALGORITHM_SM2, 8 * SM2_COORD_SIZE, true, sm2};
    facts->kind_count = 2;
}

static enum token_error gm_device_info(struct token *token) {
    struct gm_state *gm = gm_of(token);
    enum token_error err = gm_send(token, INS_GET_DEV_INFO, 0, 0, NULL, GM_DEVINFO_SIZE);
    if (err != TOKEN_OK) {
        return err;
    }
    if (token->card.response_len != GM_DEVINFO_SIZE) {
        return TOKEN_DEVICE;
    }
    if (!gm->layout_known) {
        const char *named = token->settings.gm_layout;
        gm->layout = named != NULL ? gm_layout_find(named) : NULL;
        gm->layout = gm->layout != NULL ? gm->layout : gm_layout_of(token->card.response);
        gm->layout_known = true;
        log_debug("layout %s", gm->layout->name);
    }
    struct wire_reader r = gm_response(token);
    struct token_facts *facts = &token->facts;
    read_text(r, DEVINFO_MANUFACTURER, facts->manufacturer, 64);
    read_text(r, DEVINFO_ISSUER, facts->issuer, 64);
    read_text(r, DEVINFO_LABEL, facts->label, GM_LABEL_MAX);
    read_text(r, DEVINFO_SERIAL, facts->serial, GM_SERIAL_MAX);
    strcpy(facts->model, "GM/T 0016 UKey");
    memcpy(facts->hardware, r.data + DEVINFO_HW_VERSION, 2);
    memcpy(facts->firmware, r.data + DEVINFO_FW_VERSION, 2);
    facts->total_space = read_number(r, DEVINFO_TOTAL_SPACE, 4);
    facts->free_space = read_number(r, DEVINFO_FREE_SPACE, 4);
    facts->has_vendor_ins = memcmp(r.data + DEVINFO_VENDOR_MAGIC, "OUK1", 4) == 0;
    facts->change_counter = facts->has_vendor_ins ? read_number(r, DEVINFO_CHANGE_COUNTER, 4) : 0;
    if (facts->has_vendor_ins) {
        memcpy(facts->change_tag, r.data + DEVINFO_CHANGE_TAG, sizeof(facts->change_tag));
    }
    facts->has_lasting_names = facts->has_vendor_ins; /* docs/card-commands.md: container ids */
    facts->pin_min = GM_PIN_MIN;
    facts->pin_max = GM_PIN_MAX;
    facts->writer = NORMAL_USER;
    set_kinds(facts, gm->layout);
    gm->max_containers = (uint8_t)read_number(r, DEVINFO_MAX_CONTAINERS, 1);
    gm->max_files = (uint16_t)read_number(r, DEVINFO_MAX_FILES, 2);
    return TOKEN_OK;
}

static enum token_error gm_read_facts(struct token *token) {
    /* what was read since anybody last used the card is still so */
    bool are_fresh = gm_of(token)->layout_known && !token->unsure && !token->has_written;
    enum token_error err = are_fresh ? TOKEN_OK : gm_device_info(token);
    return err != TOKEN_OK ? err : gm_find_application(token);
}

static enum token_error gm_look_again(struct token *token, bool *objects_changed) {
    char serial[sizeof(token->facts.serial)];
    memcpy(serial, token->facts.serial, sizeof(serial));
    uint32_t counter = token->facts.change_counter;
    uint8_t tag[sizeof(token->facts.change_tag)];
    memcpy(tag, token->facts.change_tag, sizeof(tag));
    enum token_error err = gm_device_info(token);
    if (err == TOKEN_OK && strcmp(serial, token->facts.serial) != 0) {
        err = TOKEN_REMOVED;
    }
    if (err == TOKEN_OK) {
        err = gm_find_application(token);
    }
    *objects_changed = counter == 0 || counter != token->facts.change_counter ||
                       memcmp(tag, token->facts.change_tag, sizeof(tag)) != 0;
    return err;
}

static void gm_close(struct token *token) {
    free(token->driver_state);
    token->driver_state = NULL;
}

static enum token_error gm_open(struct token *token) {
    struct gm_state *gm = calloc(1, sizeof(*gm));
    if (gm == NULL) {
        return TOKEN_MEMORY;
    }
    gm->layout = &gm_layouts[0];
    token->driver_state = gm;
    enum token_error err = gm_device_info(token);
    if (err != TOKEN_OK && err != TOKEN_REMOVED && err != TOKEN_TIMEOUT && token->card.sw != 0) {
        err = TOKEN_NOT_RECOGNIZED; /* it answered, but not as such a card does */
    }
    if (err != TOKEN_OK) {
        gm_close(token);
    }
    return err;
}

const struct token_driver gm_driver = {
    .name = "GM",
    .open = gm_open,
    .close = gm_close,
    .forget = gm_forget,
    .read_facts = gm_read_facts,
    .look_again = gm_look_again,
    .read_pins = gm_read_pins,
    .verify_pin = gm_verify_pin,
    .change_pin = gm_change_pin,
    .reset_user_pin = gm_reset_user_pin,
    .logout = gm_logout,
    .unlock_begin = gm_unlock_begin,
    .unlock_finish = gm_unlock_finish,
    .set_unlock_key = gm_set_unlock_key,
    .initialize = gm_initialize,
    .list_keys = gm_list_keys,
    .describe_key = gm_describe_key,
    .read_public_key = gm_read_public_key,
    .read_certificate = gm_read_certificate,
    .write_certificate = gm_write_certificate,
    .generate_key = gm_generate_key,
    .import_envelope = gm_import_envelope,
    .import_rsa = gm_import_rsa,
    .agree = gm_agree,
    .delete_container = gm_delete_container,
    .retire_signing_key = gm_retire_signing_key,
    .private_operation = gm_private_operation,
    .list_files = gm_list_files,
    .file_info = gm_file_info,
    .read_file = gm_read_file,
    .create_file = gm_create_file,
    .write_file = gm_write_file,
    .delete_file = gm_delete_file,
    .random = gm_random,
};
