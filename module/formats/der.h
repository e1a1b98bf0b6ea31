/* How the rooms of module/formats read and write DER through OpenSSL's ASN.1 templates: strict,
 * bounded, owned. Not for others, but for the CA and the agent's token rooms. */
#ifndef OPENUKEY_FORMATS_DER_H
#define OPENUKEY_FORMATS_DER_H

#include "module/formats/octets.h"

#include <openssl/asn1t.h>
#include <openssl/x509.h>

/* Reads one item that fills the input: no trailing bytes, and DER, not merely BER (what is read
 * must encode to the same bytes). *out is the caller's (ASN1_item_free). */
enum formats_error der_read(const ASN1_ITEM *item, const unsigned char *der, size_t len, size_t max,
                            void *out);

/* *out = the item's encoding. */
enum formats_error der_write(const ASN1_ITEM *item, const void *value, struct octets *out);

/* Object identifiers by their dotted text. */
bool der_oid_is(const ASN1_OBJECT *object, const char *oid);
ASN1_OBJECT *der_oid(const char *oid);

/* An AlgorithmIdentifier with absent parameters; and whether one is `oid` with parameters absent or
 * NULL. */
enum formats_error der_algorithm_set(X509_ALGOR *algorithm, const char *oid);
bool der_algorithm_is(const X509_ALGOR *algorithm, const char *oid);

/* A BIT STRING of whole bytes: OpenSSL would drop trailing zero bits. False: out of memory. */
bool der_bits_set(ASN1_BIT_STRING *bits, const void *data, size_t len);
/* True when the BIT STRING has no unused bits. */
bool der_bits_are_bytes(const ASN1_BIT_STRING *bits);

/* An ASN1_TYPE (ANY) that holds the given DER SEQUENCE as it is. NULL: not one SEQUENCE, or out of
 * memory. */
ASN1_TYPE *der_any_sequence(const unsigned char *der, size_t len);
/* The DER of an ANY that is a SEQUENCE; a view. False: it is something else. */
bool der_any_is_sequence(const ASN1_TYPE *any, struct octets *view);

/* A DER certificate with its keys in `libctx`. NULL: not exactly one certificate. */
X509 *der_x509(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len);

/* Unix seconds of a UTCTime or GeneralizedTime. False: not a valid time. */
bool der_time(const ASN1_TIME *time, int64_t *out);

#endif
