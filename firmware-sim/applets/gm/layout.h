/* Layout profiles: where makers of keys with this command set differ, one row of switches each. Chosen when the key is
 * formatted and kept in its factory record; include/openukey/apdu.h says what each switch does to which command. */
#ifndef FIRMWARE_APPLETS_GM_LAYOUT_H
#define FIRMWARE_APPLETS_GM_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct gm_layout {
    char name;       /* 'A', 'B' */
    bool big_endian; /* integers in data fields */
    bool pin_bare;   /* PIN key from the PIN without its padding */
    bool
        challenge_framed; /* VERIFY_PIN and DEV_AUTH encipher 80 00 || challenge8 || 00 80 || 0*4 */
    bool mac_without_itself; /* Lc inside a MAC does not count the MAC */
    bool
        envelope_key_first; /* IMPORT_ECC_KEY_PAIR: the enciphered key before the ciphertext of the SM4 key */
    bool iv_length_first;  /* *_INIT: ivLen2, iv, pad4, feed4; else iv32, ivLen4, pad4, feed4 */
    bool session_id_first; /* ECC_EXPORT_SESSION_KEY: keyId2 before the ciphertext */
    bool
        cipher_in_fields; /* EXT_ECC_ENCRYPT: bits4, X, Y, hash32, len4, cipher; else 04 || X || Y || hash || cipher */
    bool ext_sign_bits;   /* EXT_ECC_SIGN: bits4 before r, s */
    bool ins_5c_private;  /* 5C is the raw private operation; else it exports a session key */
    uint8_t dev_auth_sm4; /* P2 of DEV_AUTH and CHANGE_DEV_AUTH_KEY for SM4 */
    uint8_t app_name_field,
        file_name_field; /* bytes of the names in CREATE_APPLICATION, CREATE_FILE */
};

enum { GM_LAYOUTS = 2 };

extern const struct gm_layout gm_layouts[GM_LAYOUTS];

/* Number of the layout of that name ("A", "B"), as the factory record keeps it; -1 if there is none. */
int gm_layout_find(const char *name);

#endif
