/* Data objects: GET DATA, PUT DATA, and what the factory puts on the card. */
#include "firmware-sim/applets/piv/piv_internal.h"
#include "firmware-sim/crypto/sm3.h"

#include <string.h>

enum { P1_DATA = 0x3F, P2_DATA = 0xFF };

static bool is_object(uint32_t tag) {
    return (tag >= PIV_OBJECT_FIRST && tag <= PIV_OBJECT_LAST) ||
           (tag >= PIV_OBJECT_VENDOR_FIRST && tag <= PIV_OBJECT_VENDOR_LAST);
}

/* Read after VERIFY alone (SP 800-73-4 part 1, table 2). */
bool piv_object_is_protected(uint32_t tag) {
    return tag == PIV_OBJECT_FINGERPRINTS || tag == PIV_OBJECT_FACE || tag == PIV_OBJECT_PRINTED ||
           tag == PIV_OBJECT_IRIS;
}

/* The tag in the tag list 5C at the front of in; 0 if that is malformed. */
static uint32_t take_tag(struct wire_reader *in) {
    struct wire_reader list = tlv_take(in, PIV_TAG_LIST);
    uint32_t tag = 0;
    if (in->bad || list.left == 0 || list.left > 3)
        return 0;
    while (list.left)
        tag = tag << 8 | wire_u8(&list);
    return tag;
}

/* The discovery object (SP 800-73-4 part 1, 3.3.2): the AID, and that the PIN of the application is the one that counts. */
static void put_discovery(struct wire_writer *out) {
    enum { AID = 0x4F, POLICY = 0x5F2F };
    static const uint8_t policy[] = {0x40, 0x00};
    tlv_put_head(out, PIV_OBJECT_DISCOVERY,
                 tlv_size(AID, PIV_AID_SIZE) + tlv_size(POLICY, sizeof policy));
    tlv_put(out, AID, PIV_AID, PIV_AID_SIZE);
    tlv_put(out, POLICY, policy, sizeof policy);
}

/* SP 800-73-4 part 2, 3.1.2 */
uint16_t piv_get_data(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    uint32_t len, tag = take_tag(&call->in);
    if (call->apdu->p1 != P1_DATA || call->apdu->p2 != P2_DATA)
        return SW_WRONG_P1P2;
    if (tag == 0 || !wire_done(&call->in))
        return SW_WRONG_DATA;
    if (tag == PIV_OBJECT_DISCOVERY) {
        put_discovery(&call->out);
        return SW_OK;
    }
    if (!is_object(tag))
        return SW_OBJECT_NOT_FOUND;
    if (piv_object_is_protected(tag) && !piv->pin_verified)
        return SW_SECURITY_STATUS;
    if (store_length(piv_store(piv), ID_OBJECT + tag, &len) != STORE_OK)
        return SW_OBJECT_NOT_FOUND;
    tlv_put_head(&call->out, PIV_TAG_DATA, len);
    uint8_t *content = wire_room(&call->out, len);
    if (!content || store_read(piv_store(piv), ID_OBJECT + tag, 0, content, len) != STORE_OK)
        return SW_INTERNAL;
    return SW_OK;
}

/* SP 800-73-4 part 2, 3.3.1. An object without content is no object. */
uint16_t piv_put_data(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    if (call->apdu->p1 != P1_DATA || call->apdu->p2 != P2_DATA)
        return SW_WRONG_P1P2;
    if (call->apdu->data[0] == PIV_OBJECT_DISCOVERY || call->apdu->data[0] == 0x7F)
        return SW_NOT_SUPPORTED; /* the discovery object is fixed, there are no biometrics */
    uint32_t tag = take_tag(&call->in);
    struct wire_reader content = tlv_take(&call->in, PIV_TAG_DATA);
    if (tag == 0 || !wire_done(&call->in) || !is_object(tag))
        return SW_WRONG_DATA;
    if (content.left > PIV_OBJECT_SIZE_MAX)
        return SW_NO_SPACE;
    uint32_t id = ID_OBJECT + tag, len = (uint32_t)content.left;
    store_begin(piv_store(piv));
    if (len)
        store_put(piv_store(piv), id, wire_take(&content, len), len);
    else
        store_delete(piv_store(piv), id, id);
    return piv_commit(piv, piv_object_is_protected(tag) ? STORE_SECRET_GONE : STORE_PLAIN);
}

enum { NUMBER = 16 }; /* of a card: its GUID */

static void card_number(const struct factory *factory, uint8_t number[NUMBER]) {
    uint8_t digest[SM3_SIZE];
    sm3(factory->serial, sizeof factory->serial, digest);
    memcpy(number, digest, NUMBER);
    number[6] =
        (uint8_t)(0x40 | (number[6] & 0x0F)); /* version 4, variant 1: RFC 4122 clause 4.4 */
    number[8] = (uint8_t)(0x80 | (number[8] & 0x3F));
}

/* Card holder unique identifier (SP 800-73-4 part 1, table 9); the FASC-N is the one of cards outside the federal agencies:
 * 9999-9999-999999-0-1-0000000000300001. */
static void put_chuid(struct store *store, const uint8_t number[NUMBER]) {
    enum { FASC_N = 0x30, GUID = 0x34, EXPIRES = 0x35, SIGNATURE = 0x3E, CHECK = 0xFE };
    static const uint8_t fasc_n[25] = {0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE,
                                       0x73, 0x9D, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42, 0x10,
                                       0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB};
    uint8_t content[64];
    struct wire_writer w = wire_writer(content, sizeof content);
    tlv_put(&w, FASC_N, fasc_n, sizeof fasc_n);
    tlv_put(&w, GUID, number, NUMBER);
    tlv_put(&w, EXPIRES, "20501231", 8);
    tlv_put(&w, SIGNATURE, NULL, 0);
    tlv_put(&w, CHECK, NULL, 0);
    store_put(store, ID_OBJECT + PIV_OBJECT_CHUID, content, (uint32_t)w.len);
}

/* Card capability container (SP 800-73-4 part 1, table 8): the mandatory elements, saying nothing but the card's number. */
static void put_ccc(struct store *store, const uint8_t number[NUMBER]) {
    enum { IDENTIFIER = 0xF0, VERSION = 0x21, MODEL_PIV = 0x10 };
    static const uint8_t maker[7] = {0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02};
    static const uint8_t empty[] = {0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE};
    static const uint8_t version = VERSION, model = MODEL_PIV, zero = 0;
    uint8_t content[64];
    struct wire_writer w = wire_writer(content, sizeof content);
    tlv_put_head(&w, IDENTIFIER, sizeof maker + NUMBER - 2);
    wire_put(&w, maker, sizeof maker);
    wire_put(&w, number, NUMBER - 2);
    tlv_put(&w, 0xF1, &version, 1);
    tlv_put(&w, 0xF2, &version, 1);
    tlv_put(&w, 0xF3, NULL, 0);
    tlv_put(&w, 0xF4, &zero, 1);
    tlv_put(&w, 0xF5, &model, 1);
    for (unsigned i = 0; i < sizeof empty; i++)
        tlv_put(&w, empty[i], NULL, 0);
    store_put(store, ID_OBJECT + PIV_OBJECT_CCC, content, (uint32_t)w.len);
}

void piv_objects_put_default(struct store *store, const struct factory *factory) {
    uint8_t number[NUMBER];
    card_number(factory, number);
    put_chuid(store, number);
    put_ccc(store, number);
}
