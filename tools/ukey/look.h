/* The keys that are plugged in, as JSON, seen through the PKCS#11 module without a PIN. */
#ifndef TOOLS_UKEY_LOOK_H
#define TOOLS_UKEY_LOOK_H

#include <jansson.h>
#include <pkcs11.h>
#include <stdbool.h>
#include <stdint.h>

struct look {
    void *library;
    CK_FUNCTION_LIST *p11;
    const CK_OPENUKEY_FUNCTIONS *vendor; /* NULL: another maker's module */
    const char *error; /* why it could not be opened; from dlerror(), or a fixed text */
    CK_RV rv;          /* of C_Initialize */
};

/* Loads and initialises. False: look->error or look->rv says why. look_close in any case. */
bool look_open(struct look *look, const char *module);
void look_close(struct look *look);

/* [{slot, reader, present: false} or {slot, reader, present: true, serial, label, manufacturer, model, initialized, simulated, pin: {tries,
 * max, default, mustChange}, soPin: {tries, max}, certificates: [{label, id, usage, algorithm, bits, subject, name, issuer, serial, notBefore,
 * notAfter, daysLeft}], files: [name]}]. tries and max are absent where the card does not tell; `error` where a key cannot be read.
 * The caller's (json_decref). */
json_t *look_at_keys(struct look *look, int64_t now);

#endif
