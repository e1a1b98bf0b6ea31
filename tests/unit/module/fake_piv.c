/* The PIV card, written from SP 800-73-4 alone; in place of the simulator transport. */
#include "fake_piv.h"

#include "fake_card.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fake_piv fake_piv;
static struct transport fake_transport;

static size_t answer(uint8_t *response, const void *data, size_t len, uint16_t sw) {
    if (len > 0) {
        memcpy(response, data, len);
    }
    response[len] = (uint8_t)(sw >> 8);
    response[len + 1] = (uint8_t)sw;
    return len + 2;
}

static size_t metadata(uint8_t reference, uint8_t *response) {
    static const uint8_t tries[] = {0x06, 0x02, 3, 3};
    uint8_t key[10 + 67] = {0x01, 0x01, 0x11, 0x02, 0x02, 0x02, 0x01, 0x04, 67, 0x86};
    if (reference == 0x80 || reference == 0x81) {
        return answer(response, tries, sizeof(tries), 0x9000);
    }
    if (reference != 0x9A) {
        return answer(response, NULL, 0, 0x6A88);
    }
    size_t len = 0;
    key[10] = 65;
    EVP_PKEY_get_octet_string_param(fake_piv.key, OSSL_PKEY_PARAM_PUB_KEY, key + 11, 65, &len);
    return answer(response, key, 11 + len, 0x9000);
}

static struct fake_piv_object *object_of(const uint8_t *tag, bool is_new) {
    struct fake_piv_object *empty = NULL;
    for (size_t i = 0; i < FAKE_PIV_OBJECTS; i++) {
        struct fake_piv_object *object = &fake_piv.objects[i];
        if (object->len > 0 && memcmp(object->tag, tag, 3) == 0) {
            return object;
        }
        empty = object->len == 0 && empty == NULL ? object : empty;
    }
    if (is_new && empty != NULL) {
        memcpy(empty->tag, tag, 3);
        return empty;
    }
    return NULL;
}

static size_t put(const uint8_t *data, size_t len, uint8_t *response) {
    if (!fake_piv.officer_verified) {
        return answer(response, NULL, 0, 0x6982);
    }
    if (fake_piv.put_sw != 0) {
        return answer(response, NULL, 0, fake_piv.put_sw);
    }
    struct fake_piv_object *object = object_of(data + 2, true);
    object->len = len - 5 == 2 ? 0 : len - 5; /* 53 00 */
    memcpy(object->data, data + 5, object->len);
    return answer(response, NULL, 0, 0x9000);
}

static size_t get(const uint8_t *data, size_t len, uint8_t *response) {
    const struct fake_piv_object *object = len == 5 ? object_of(data + 2, false) : NULL;
    return object == NULL ? answer(response, NULL, 0, 0x6A82)
                          : answer(response, object->data, object->len, 0x9000);
}

static size_t execute(const uint8_t *c, size_t len, uint8_t *response) {
    static const uint8_t application[] = {0x61, 0x02, 0x4F, 0x00}, serial[] = {0, 0, 0, 7};
    bool is_extended = len > 5 && c[4] == 0;
    size_t data_len = len == 5 || len == 7      ? 0
                      : is_extended && len >= 7 ? (size_t)c[5] << 8 | c[6]
                                                : c[4];
    const uint8_t *data = c + (is_extended ? 7 : 5);
    switch (c[1]) {
    case 0xA4:
        return answer(response, application, sizeof(application), 0x9000);
    case 0x20:
        fake_piv.user_verified = c[2] == 0;
        return answer(response, NULL, 0, 0x9000);
    case 0x24: /* of the PUK; lets this card be written, as the management key does others */
        fake_piv.officer_verified = true;
        return answer(response, NULL, 0, 0x9000);
    case 0xF7:
        return metadata(c[3], response);
    case 0xF8:
        return answer(response, serial, sizeof(serial), 0x9000);
    case 0xDB:
        return put(data, data_len, response);
    case 0xCB:
        return get(data, data_len, response);
    default:
        return answer(response, NULL, 0, 0x6D00);
    }
}

/* ---- the transport ---- */

static enum transport_error fake_transmit(struct connection *connection, const uint8_t *command,
                                          size_t len, uint8_t *response, size_t size,
                                          size_t *response_len, uint32_t timeout_ms) {
    (void)connection, (void)size, (void)timeout_ms;
    *response_len = execute(command, len, response);
    return TRANSPORT_OK;
}

static enum transport_error fake_begin(struct connection *connection, uint32_t timeout_ms,
                                       struct transaction_start *start) {
    (void)connection, (void)timeout_ms;
    *start = (struct transaction_start){.maybe_used = false};
    return TRANSPORT_OK;
}

static enum transport_error fake_end(struct connection *connection) {
    (void)connection;
    return TRANSPORT_OK;
}

static enum transport_error fake_reset_card(struct connection *connection, uint32_t timeout_ms) {
    (void)connection, (void)timeout_ms;
    fake_piv.user_verified = fake_piv.officer_verified = false;
    return TRANSPORT_OK;
}

static enum transport_error fake_connect(struct transport *transport, const char *reader,
                                         uint32_t timeout_ms, struct connection **out) {
    (void)reader, (void)timeout_ms;
    *out = calloc(1, sizeof(**out));
    (*out)->ops = transport->ops;
    return TRANSPORT_OK;
}

static void fake_disconnect(struct connection *connection) {
    free(connection);
}

static enum transport_error fake_list(struct transport *transport, struct reader_list *list) {
    (void)transport;
    return reader_list_add(list, "Fake PIV reader", true, fake_piv.events);
}

struct fake_watch {
    struct transport_watch base;
    int fd;
};

static enum transport_error fake_watch_open(struct transport *transport, bool may_use_threads,
                                            struct transport_watch **out, int *fd) {
    (void)may_use_threads;
    struct fake_watch *watch = calloc(1, sizeof(*watch));
    watch->base.ops = transport->ops;
    watch->fd = *fd = eventfd(0, EFD_CLOEXEC);
    *out = &watch->base;
    return TRANSPORT_OK;
}

static void fake_watch_read(struct transport_watch *watch) {
    (void)watch;
}

static void fake_watch_close(struct transport_watch *watch) {
    close(((struct fake_watch *)watch)->fd);
    free(watch);
}

static void fake_close(struct transport *transport) {
    (void)transport;
}

enum transport_error sim_transport_open(const char *directory, struct transport **out) {
    static const struct transport_ops ops = {.name = "fake",
                                             .close = fake_close,
                                             .list = fake_list,
                                             .watch_open = fake_watch_open,
                                             .watch_read = fake_watch_read,
                                             .watch_close = fake_watch_close,
                                             .connect = fake_connect,
                                             .disconnect = fake_disconnect,
                                             .begin = fake_begin,
                                             .end = fake_end,
                                             .transmit = fake_transmit,
                                             .reset = fake_reset_card};
    (void)directory;
    fake_transport.ops = &ops;
    *out = &fake_transport;
    return TRANSPORT_OK;
}

void fake_card_reset(void) {
    EVP_PKEY *key = fake_piv.key != NULL ? fake_piv.key : EVP_EC_gen("P-256");
    fake_piv = (struct fake_piv){.key = key, .events = fake_piv.events + 1};
}

void fake_card_free(void) {
    EVP_PKEY_free(fake_piv.key);
}
