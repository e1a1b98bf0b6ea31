/* The cards that the module knows. */
#include "module/token/driver.h"

#include <stddef.h>

#include <string.h>

const struct token_driver *const token_drivers[] = {&gm_driver, &piv_driver, NULL};

/* ATRs tell who should be asked first; whoever it is, all others are asked after it. */
static const struct {
    const char *text; /* in the historical bytes */
    const struct token_driver *driver;
} atrs[] = {
    {"UKEY1", &gm_driver},
    {"UPIV1", &piv_driver},
    {"YubiKey", &piv_driver},
    {"Yubikey", &piv_driver},
};

const struct token_driver *token_driver_by_atr(const uint8_t *atr, size_t len) {
    for (size_t i = 0; i < sizeof(atrs) / sizeof(atrs[0]); i++) {
        if (len > 0 && memmem(atr, len, atrs[i].text, strlen(atrs[i].text)) != NULL) {
            return atrs[i].driver;
        }
    }
    return NULL;
}
