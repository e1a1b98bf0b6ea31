/* The module over the fake card: initialised, a session open; short names for what the tests do often. */
#ifndef OPENUKEY_TESTS_SESSION_FIXTURE_H
#define OPENUKEY_TESTS_SESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_card.h"
#include "openukey/apdu.h"
#include "pkcs11.h"

#define assert_rv(call, expected) assert_int_equal((call), (expected))

extern CK_SESSION_HANDLE session;

/* cmocka setup and teardown: module initialised with SM2 objects shown, read-write session, nobody logged in. */
int fixture_open(void **state);
int fixture_close(void **state);

void fixture_login(void);

/* The first object of a class whose CKA_LABEL is `label`, or CK_INVALID_HANDLE. */
CK_OBJECT_HANDLE fixture_find(CK_OBJECT_CLASS class, const char *label);
/* The private key of container "sm2" that signs or that decrypts. */
CK_OBJECT_HANDLE fixture_find_usage(CK_OBJECT_CLASS class, const char *label,
                                    CK_ATTRIBUTE_TYPE usage);
CK_ULONG fixture_count(CK_OBJECT_CLASS class);

/* A secret key of the session that is good for everything. */
CK_OBJECT_HANDLE fixture_secret_key(CK_KEY_TYPE type, const void *value, CK_ULONG len);

/* Bytes from hex text; returns how many. */
size_t fixture_hex(const char *text, uint8_t *out);

#endif
