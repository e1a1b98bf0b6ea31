/* The seal maker: signs electronic seals (GB/T 38540) with its own key. */
#include "module/formats/seal.h"
#include "openukey/formats.h"
#include "tools/orderd/ca/ca_internal.h"

#include <openssl/rand.h>

enum { SEAL_ID_BYTES = SEAL_ID_MAX / 2 };

enum ca_error ca_seal_id(struct ca *ca, char out[SEAL_ID_MAX + 1]) {
    unsigned char id[SEAL_ID_BYTES];
    out[0] = '\0';
    if (RAND_bytes_ex(ca->libctx, id, sizeof id, 0) != 1)
        return CA_CRYPTO;
    octets_to_hex(id, sizeof id, out);
    for (char *p = out; *p != '\0'; p++)
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    return CA_OK;
}

enum ca_error ca_seal(struct ca *ca, const struct ca_seal_request *request, struct octets *out) {
    *out = (struct octets){NULL, 0};
    struct octets info = {NULL, 0};
    struct octets signature = {NULL, 0};
    const struct seal_description description = {
        .id = request->id,
        .vendor = "OpenUKey",
        .type = request->type,
        .name = request->name,
        .created = request->created,
        .valid_start = request->valid_start,
        .valid_end = request->valid_end,
        .picture_type = "PNG",
        .picture = request->picture,
        .picture_len = request->picture_len,
        .width_mm = request->width_mm,
        .height_mm = request->height_mm,
        .certificates = request->certificates,
        .certificate_count = request->certificate_count,
    };
    enum formats_error error = seal_info_build(&description, &info);
    enum ca_error signed_error = CA_OK;
    if (error == FORMATS_OK)
        signed_error = ca_sign(ca, ca->maker.key, &info, &signature);
    if (error == FORMATS_OK && signed_error == CA_OK)
        error = seal_assemble(ca->libctx, &info, ca->maker.der.data, ca->maker.der.len,
                              signature.data, signature.len, out);
    octets_free(&info);
    octets_free(&signature);
    if (signed_error != CA_OK)
        return signed_error;
    return error == FORMATS_TOO_LARGE ? CA_ARGUMENT : ca_error_of(error);
}
