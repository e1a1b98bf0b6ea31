/* One parser for the seven encodings: no data and no Le, and {short, extended} x {Le, data, data and Le}. */
#include "firmware-sim/core/apdu.h"

#include <openukey/apdu.h>
#include <string.h>

static size_t be16(const uint8_t *p) {
    return (size_t)p[0] << 8 | p[1];
}

static size_t le_or(size_t coded, size_t zero_means) {
    return coded ? coded : zero_means;
}

bool apdu_parse(const uint8_t *bytes, size_t len, struct apdu *apdu) {
    memset(apdu, 0, sizeof *apdu);
    if (len < 4)
        return false;
    apdu->cla = bytes[0];
    apdu->ins = bytes[1];
    apdu->p1 = bytes[2];
    apdu->p2 = bytes[3];
    if (len == 4)
        return true;

    bool extended = bytes[4] == 0 && len >= 7;
    apdu->extended = extended;
    size_t length_size = extended ? 3 : 1, le_size = extended ? 2 : 1;
    size_t coded = extended ? be16(bytes + 5) : bytes[4];
    size_t body = len - 4 - length_size;
    if (body == 0) {
        apdu->has_le = true;
        apdu->le = le_or(coded, extended ? 65536 : 256);
        return true;
    }
    if (coded == 0 || coded > APDU_MAX_BODY || (body != coded && body != coded + le_size))
        return false;
    apdu->has_data = true;
    apdu->data = bytes + 4 + length_size;
    apdu->data_len = coded;
    if (body == coded)
        return true;
    const uint8_t *le = apdu->data + coded;
    apdu->has_le = true;
    apdu->le = extended ? le_or(be16(le), 65536) : le_or(le[0], 256);
    return true;
}
