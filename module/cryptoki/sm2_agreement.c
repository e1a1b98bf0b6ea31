/* C_DeriveKey with CKM_OPENUKEY_SM2_AGREEMENT: the card agrees on an SM4 key, which becomes one of the session. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/sessions.h"

#include <openssl/crypto.h>
#include <string.h>

enum { POINT_SIZE = 1 + 2 * SM2_COORD_SIZE };

static bool take_point(const uint8_t *from, struct sm2_point *to) {
    if (from == NULL || from[0] != 0x04) {
        return false;
    }
    memcpy(to->x, from + 1, sizeof(to->x));
    memcpy(to->y, from + 1 + sizeof(to->x), sizeof(to->y));
    return true;
}

static bool take_id(const CK_BYTE *id, CK_ULONG len, const uint8_t **out, size_t *out_len) {
    static const char standard[] = SM2_DEFAULT_ID;
    bool given = id != NULL;
    *out = given ? id : (const uint8_t *)standard;
    *out_len = given ? len : strlen(standard);
    return given ? len <= SM2_ID_MAX : len == 0;
}

static CK_RV read_parameters(const CK_OPENUKEY_SM2_AGREEMENT_PARAMS *params,
                             enum agreement_step *step, struct token_agreement *out) {
    static const enum agreement_step steps[] = {[CK_OPENUKEY_AGREEMENT_BEGIN] = AGREEMENT_BEGIN,
                                                [CK_OPENUKEY_AGREEMENT_RESPOND] = AGREEMENT_RESPOND,
                                                [CK_OPENUKEY_AGREEMENT_FINISH] = AGREEMENT_FINISH};
    *out = (struct token_agreement){.handle = (uint32_t)params->ulAgreement};
    if (params->ulStep < CK_OPENUKEY_AGREEMENT_BEGIN ||
        params->ulStep > CK_OPENUKEY_AGREEMENT_FINISH || params->ulAgreement > UINT32_MAX) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    *step = steps[params->ulStep];
    bool good = take_id(params->pOwnId, params->ulOwnIdLen, &out->own_id, &out->own_id_len) &&
                take_id(params->pPeerId, params->ulPeerIdLen, &out->peer_id, &out->peer_id_len) &&
                (*step == AGREEMENT_FINISH || params->pOwnEphemeral != NULL);
    if (good && *step != AGREEMENT_BEGIN) {
        good = take_point(params->pPeerPoint, &out->peer) &&
               take_point(params->pPeerEphemeral, &out->peer_ephemeral);
    }
    return good ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static void give_ephemeral(const struct sm2_point *point, CK_BYTE *out) {
    out[0] = 0x04;
    memcpy(out + 1, point->x, sizeof(point->x));
    memcpy(out + 1 + sizeof(point->x), point->y, sizeof(point->y));
}

CK_RV sm2_agree(struct session *session, const struct mechanism *mechanism,
                CK_OPENUKEY_SM2_AGREEMENT_PARAMS *params, const struct key *key, struct template t,
                CK_OBJECT_HANDLE_PTR out) {
    struct token_agreement agreement;
    enum agreement_step step = AGREEMENT_BEGIN;
    CK_RV rv = read_parameters(params, &step, &agreement);
    if (rv == CKR_OK && key->entry == NULL) {
        rv = CKR_KEY_FUNCTION_NOT_PERMITTED; /* only the card does it */
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_agree(session_token(session), &key->entry->key, step, &agreement));
        rv = rv == CKR_DATA_INVALID || rv == CKR_OBJECT_HANDLE_INVALID ? CKR_MECHANISM_PARAM_INVALID
                                                                       : rv;
    }
    if (rv == CKR_OK && step != AGREEMENT_FINISH) {
        give_ephemeral(&agreement.own_ephemeral, params->pOwnEphemeral);
        params->ulAgreement = agreement.handle;
    }
    if (rv == CKR_OK && step != AGREEMENT_BEGIN) {
        CK_ULONG type = CKK_SM4;
        rv = template_ulong(t, CKA_KEY_TYPE, CKK_SM4, &type);
        if (rv == CKR_OK) {
            rv = secret_key_make(session, t, BORN_DERIVED, mechanism->type, type, key,
                                 agreement.key, sizeof(agreement.key), out);
        }
    }
    OPENSSL_cleanse(&agreement, sizeof(agreement));
    return rv;
}
