/* A GM card in a few lines, behind the transport table: keys in software (OpenSSL), one container of each algorithm, and
 * handles to break whatever a test wants broken. Not the simulator: written from apdu.h alone, and linked in place of
 * the simulator transport. */
#ifndef OPENUKEY_TESTS_FAKE_CARD_H
#define OPENUKEY_TESTS_FAKE_CARD_H

#include "module/transport/transport.h"

#include <openssl/evp.h>

enum { FAKE_FILES = 4, FAKE_FILE_SIZE = 4096, FAKE_LOG = 4096 };

struct fake_file {
    char name[33];
    uint32_t size, read_rights, write_rights;
    uint8_t data[FAKE_FILE_SIZE];
};

struct fake_card {
    /* the world */
    bool present;
    uint32_t events; /* rises with every insertion and removal */
    bool was_reset;  /* what the next begin() tells; reset also clears the state below */
    bool maybe_used;
    uint32_t change_counter;
    uint8_t change_tag[8]; /* zeros: nothing is remembered of this card */
    bool has_application;
    bool has_vendor_ins;

    /* the card */
    char user_pin[17], so_pin[17];
    uint8_t user_left, so_left;
    bool user_verified, so_verified, application_open;
    uint8_t challenge[8];
    bool has_challenge;
    bool must_change; /* the user's PIN */
    uint8_t unlock_key[16], unlock_left;
    bool has_unlock_key, has_unlock_challenge, device_verified;
    uint8_t unlock_case[32 + 16 + 1 + 32]; /* serial, challenge, order length, order */
    size_t unlock_case_len;
    EVP_PKEY *rsa, *sm2_sign, *sm2_enc; /* containers "rsa", "sm2" */
    uint8_t certificate[2000];          /* of sm2_sign; none if certificate_len is 0 */
    size_t certificate_len;
    struct fake_file files[FAKE_FILES];

    /* what breaks */
    unsigned lose_power_at; /* the n-th command from now on: the card is gone (0: never) */
    uint16_t fail_ins,
        fail_sw; /* this instruction answers this status word (0: none), fail_count times */
    unsigned fail_count;
    void (*mangle)(struct fake_card *card, uint8_t *response, size_t *len, size_t size);
    void *mangle_state;

    /* what happened */
    unsigned commands;
    uint8_t log[FAKE_LOG]; /* instructions */
    unsigned transactions;
    bool in_transaction;
};

/* The card that sim_transport_open() finds; made anew by fake_card_reset(). */
extern struct fake_card fake_card;

/* A fresh, present, initialised card: user PIN 123456, SO PIN 12345678, ten tries each. Keys are made once. */
void fake_card_reset(void);
void fake_card_free(void);

/* Pulls it out, puts it in, resets it as another program would. */
void fake_card_remove(void);
void fake_card_insert(void);
void fake_card_foreign_reset(void);

/* What the service that keeps this unlock key (16 bytes) answers to the card's last challenge. */
void fake_card_unlock_response(const uint8_t *unlock_key, uint8_t response[32]);

/* How often an instruction was sent since fake_card_reset(). */
unsigned fake_card_count(uint8_t ins);

#endif
