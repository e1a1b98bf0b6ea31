/* A run of bytes that its holder owns, and the one error enum of module/formats. */
#ifndef OPENUKEY_FORMATS_OCTETS_H
#define OPENUKEY_FORMATS_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Errors of every function in module/formats, as values. */
enum formats_error {
    FORMATS_OK = 0,
    FORMATS_ARGUMENT,      /* the caller's input breaks the function's contract */
    FORMATS_MEMORY,        /* out of memory */
    FORMATS_CRYPTO,        /* the crypto library refused (no such algorithm, no random) */
    FORMATS_MALFORMED,     /* not this format, trailing bytes, a field out of its range */
    FORMATS_TOO_LARGE,     /* longer than the bound that the header states */
    FORMATS_UNSUPPORTED,   /* well-formed, but a version or algorithm we do not handle */
    FORMATS_KEY,           /* not a point of the curve, or the key is not the one of this object */
    FORMATS_MISMATCH,      /* digest, certificate or content is not the expected one */
    FORMATS_SIGNATURE,     /* the signature does not verify */
    FORMATS_UNTRUSTED,     /* the chain does not end at the given root */
    FORMATS_NOT_YET_VALID, /* a validity has not begun */
    FORMATS_EXPIRED        /* a validity has ended */
};

/* Short English text for logs; never NULL. */
const char *formats_error_text(enum formats_error error);

/* Bytes on the heap. {NULL, 0} is the empty run; outputs of this type are set to it on error. */
struct octets {
    unsigned char *data;
    size_t len;
};

/* Copies `len` bytes into a new run. FORMATS_MEMORY when the heap is empty. `len` 0 gives the empty
 * run. */
enum formats_error octets_copy(struct octets *out, const void *data, size_t len);

/* Cleanses and frees the bytes; the run is empty afterwards. Harmless on the empty run and NULL. */
void octets_free(struct octets *octets);

/* True when both hold the same bytes. */
bool octets_equal(const struct octets *a, const struct octets *b);

/* Writes 2*len lower-case hex digits and a NUL to `out` (2*len+1 bytes). */
void octets_to_hex(const unsigned char *data, size_t len, char *out);

#endif
