/* Power, reset, and the way from bytes to an applet and back. */
#include "firmware-sim/core/card.h"

#include <mbedtls/platform_util.h>
#include <openukey/apdu.h>
#include <string.h>

bool card_add_applet(struct card *card, struct applet *applet) {
    if (card->applet_count == CARD_APPLETS_MAX)
        return false;
    card->applets[card->applet_count++] = applet;
    return true;
}

static const struct known_answer *self_test(struct card *card, enum known_algorithm algorithm) {
    const struct known_answer *failed =
        known_answers_check(card->answers, card->answer_count, algorithm, &card->rng);
    card->broken |= failed != NULL;
    return failed;
}

static struct applet *find_applet(const struct card *card, enum factory_application application) {
    for (unsigned i = 0; i < card->applet_count; i++) {
        struct applet *applet = card->applets[i];
        if (applet && applet->application == application)
            return applet;
    }
    return NULL;
}

enum card_error card_power_up(struct card *card, const struct flash *flash, entropy_fn *entropy,
                              void *entropy_ctx, uint32_t *page) {
    *page = 0;
    card->flash = *flash;
    switch (factory_read(&card->flash, &card->factory)) {
    case FACTORY_OK:
        break;
    case FACTORY_DAMAGED:
        return CARD_DAMAGED;
    case FACTORY_FLASH:
        return CARD_FLASH;
    case FACTORY_NOT_OURS:
    default:
        return CARD_NOT_OURS;
    }
    card->applet = find_applet(card, card->factory.application);
    if (!card->applet)
        return CARD_NOT_OURS;
    switch (store_mount(&card->store, &card->flash, card->factory.mac_key, page)) {
    case STORE_OK:
        break;
    case STORE_FLASH:
        return CARD_FLASH;
    default:
        return CARD_DAMAGED;
    }
    if (!drbg_start(&card->rng, entropy, entropy_ctx)) {
        drbg_stop(&card->rng);
        return CARD_RANDOM;
    }
    if (!card->answers) {
        card->answers = known_answers;
        card->answer_count = known_answer_count;
    }
    card->broken = false;
    card->tested = 0;
    self_test(card, KNOWN_AT_POWER_UP);
    card_reset(card);
    return CARD_OK;
}

const struct known_answer *card_self_test(struct card *card) {
    return self_test(card, KNOWN_ALL);
}

bool card_algorithm_works(struct card *card, enum known_algorithm algorithm) {
    uint32_t bit = UINT32_C(1) << algorithm;
    if (!(card->tested & bit) && !self_test(card, algorithm))
        card->tested |= bit;
    return (card->tested & bit) != 0;
}

void card_reset(struct card *card) {
    link_reset(&card->link);
    if (card->applet)
        card->applet->reset(card->applet);
}

void card_power_down(struct card *card) {
    card_reset(card);
    drbg_stop(&card->rng);
    mbedtls_platform_zeroize(&card->store, sizeof card->store);
    mbedtls_platform_zeroize(&card->factory, sizeof card->factory);
}

static uint16_t run(struct card *card, const uint8_t *command, size_t len,
                    struct wire_writer *out) {
    struct apdu apdu;
    bool whole;
    card->broken |= card->rng.health.failed;
    if (card->broken)
        return SW_INTERNAL;
    if (!apdu_parse(command, len, &apdu)) {
        link_reset(&card->link);
        return SW_WRONG_LENGTH;
    }
    if (link_is_get_response(&apdu))
        return link_get_response(&card->link, &apdu, out);
    uint16_t sw = link_collect(&card->link, card->applet, &apdu, &whole);
    if (sw != SW_OK || !whole)
        return sw;
    sw = command_dispatch(card->applet, &apdu, out);
    return link_answer(&card->link, &apdu, sw, out);
}

size_t card_transmit(struct card *card, const uint8_t *command, size_t len, uint8_t *response) {
    struct wire_writer out = wire_writer(response, APDU_MAX_BODY);
    uint16_t sw = run(card, command, len, &out);
    if (sw != SW_OK && (sw & 0xFF00) != SW_MORE_DATA) {
        mbedtls_platform_zeroize(response, APDU_MAX_BODY); /* what a failed handler had written */
        out.len = 0;
    }
    response[out.len] = (uint8_t)(sw >> 8);
    response[out.len + 1] = (uint8_t)sw;
    return out.len + 2;
}
