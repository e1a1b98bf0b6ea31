/* An order service in memory for the fuzzers: for each portal an order of every business at every gate, somebody logged in to each, and a
 * way back to that state. Random numbers are the same in every run, slow things (passwords, fsync) are quick. */
#ifndef TESTS_FUZZ_FAKE_HOUSE_H
#define TESTS_FUZZ_FAKE_HOUSE_H

#include "tools/orderd/api/service.h"

/* The temporary folder, made with the first call and removed at the end. */
const char *fake_house_folder(void);

/* The service; its engine has the profile of the last fake_house_enter. */
struct service *fake_house(void);

/* Begin anew with the portal `which` (modulo their number): its orders as they were. */
void fake_house_enter(unsigned which);

/* Where tests stand: sessions are "user", "reviewer", "reviewer2", "finance", "operator", and for each order NAME (its number, like
 * RENEW-ORG-2) "key-NAME", of the key's holder, and "look-NAME", of a query; each filled up with '.' to 43 characters. */

#endif
