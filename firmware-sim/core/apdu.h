/* Command APDUs (ISO/IEC 7816-4 clause 5.1), short and extended. */
#ifndef FIRMWARE_CORE_APDU_H
#define FIRMWARE_CORE_APDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct apdu {
    uint8_t cla, ins, p1, p2;
    bool has_data, has_le;
    bool extended;       /* its lengths are */
    const uint8_t *data; /* into the caller's buffer */
    size_t data_len;
    size_t le; /* bytes wanted, the coded 0 read as 256 or 65536; 0 without Le */
};

/* False if the bytes are not one whole command of any case, or the data is longer than APDU_MAX_BODY. */
bool apdu_parse(const uint8_t *bytes, size_t len, struct apdu *apdu);

#endif
