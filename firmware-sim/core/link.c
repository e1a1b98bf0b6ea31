/* Chains and answers in parts. */
#include "firmware-sim/core/link.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { CLA_CHAINING = 0x10, CLA_INTERINDUSTRY = 0x00, INS_GET_RESPONSE = 0xC0, SHORT_MAX = 256 };

void link_reset(struct link *link) {
    mbedtls_platform_zeroize(link->buffer, link->len);
    link->chaining = false;
    link->len = link->sent = 0;
}

bool link_is_get_response(const struct apdu *apdu) {
    return apdu->cla == CLA_INTERINDUSTRY && apdu->ins == INS_GET_RESPONSE;
}

static uint16_t more(size_t left) {
    return (uint16_t)(SW_MORE_DATA | (left < SHORT_MAX ? left : 0));
}

static size_t host_takes(const struct apdu *apdu) {
    if (apdu->has_le)
        return apdu->le;
    return apdu->extended ? APDU_MAX_BODY : SHORT_MAX;
}

uint16_t link_get_response(struct link *link, const struct apdu *apdu, struct wire_writer *out) {
    if (link->chaining) {
        link_reset(link);
        return SW_CHAIN_BROKEN;
    }
    if (apdu->p1 || apdu->p2)
        return SW_WRONG_P1P2;
    if (apdu->has_data)
        return SW_WRONG_LENGTH;
    size_t left = link->len - link->sent, n = host_takes(apdu);
    if (left == 0)
        return SW_CONDITIONS;
    if (n > left)
        n = left;
    wire_put(out, link->buffer + link->sent, n);
    link->sent += n;
    if (n < left)
        return more(left - n);
    link_reset(link);
    return SW_OK;
}

static bool continues(const struct link *link, const struct apdu *apdu) {
    return (apdu->cla & ~CLA_CHAINING) == link->cla && apdu->ins == link->ins &&
           apdu->p1 == link->p1 && apdu->p2 == link->p2;
}

static uint16_t begin(struct link *link, const struct applet *applet, const struct apdu *part) {
    struct apdu apdu = *part;
    apdu.cla = (uint8_t)(part->cla & ~CLA_CHAINING);
    link->cla = apdu.cla;
    link->ins = apdu.ins;
    link->p1 = apdu.p1;
    link->p2 = apdu.p2;
    link->chaining = true;
    return command_known(applet, &apdu);
}

uint16_t link_collect(struct link *link, const struct applet *applet, struct apdu *apdu,
                      bool *whole) {
    bool last = !(apdu->cla & CLA_CHAINING);
    *whole = false;
    if (!link->chaining) {
        link_reset(link);
        if (last) {
            *whole = true;
            return SW_OK;
        }
        uint16_t sw = begin(link, applet, apdu);
        if (sw != SW_OK) {
            link_reset(link);
            return sw;
        }
    }
    uint16_t sw = SW_OK;
    if (!continues(link, apdu))
        sw = SW_CHAIN_BROKEN;
    else if (!apdu->has_data || apdu->data_len > sizeof link->buffer - link->len)
        sw = SW_WRONG_LENGTH;
    if (sw != SW_OK) {
        link_reset(link);
        return sw;
    }
    memcpy(link->buffer + link->len, apdu->data, apdu->data_len);
    link->len += apdu->data_len;
    if (!last)
        return SW_OK;
    link->chaining = false;
    link->sent = link->len; /* nothing to fetch */
    apdu->data = link->buffer;
    apdu->data_len = link->len;
    *whole = true;
    return SW_OK;
}

uint16_t link_answer(struct link *link, const struct apdu *apdu, uint16_t sw,
                     struct wire_writer *out) {
    size_t n = host_takes(apdu);
    link_reset(link); /* the chain's data: the command has run */
    if (sw != SW_OK || out->len <= n)
        return sw;
    link->len = out->len - n;
    memcpy(link->buffer, out->buf + n, link->len);
    mbedtls_platform_zeroize(out->buf + n, link->len);
    out->len = n;
    return more(link->len);
}
