/* Making browsers of this user trust the agent's CA: NSS databases, through certutil. */
#ifndef AGENT_IDENTITY_TRUST_H
#define AGENT_IDENTITY_TRUST_H

#include <stdbool.h>

enum trust_state {
    TRUST_INSTALLED,   /* our CA is there, as a CA for servers */
    TRUST_MISSING,     /* it is not */
    TRUST_NO_DATABASE, /* there is no database in that folder */
    TRUST_LOCKED, /* the database has a main password, which only its owner can give: nothing was changed */
    TRUST_ERROR, /* certutil is missing (package libnss3-tools) or failed */
};

/* `ca` is the CA's PEM file, `nssdb` a folder with an NSS database (sql:). */
enum trust_state trust_status(const char *ca, const char *nssdb);
/* Install; the database is made (without password) if there is none. */
enum trust_state trust_install(const char *ca, const char *nssdb);
/* Remove this CA; TRUST_MISSING is success. */
enum trust_state trust_remove(const char *ca, const char *nssdb);

/* The name that the CA has in databases and policy files: "openukey-" and a piece of its fingerprint. False if the file is
 * no certificate. */
bool trust_file_name(const char *ca, char name[32]);

#endif
