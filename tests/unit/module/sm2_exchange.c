/* SM2 key exchange on OpenSSL's points. */
#include "sm2_exchange.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <string.h>

void sm2_exchange_own(struct sm2_exchange *x, const EVP_PKEY *key, const EVP_PKEY *ephemeral) {
    sm2_key_scalar(key, x->d);
    sm2_key_scalar(ephemeral, x->r);
    sm2_key_point(key, &x->own);
    sm2_key_point(ephemeral, &x->own_ephemeral);
}

/* Z of an identity and key: the digest of nothing after it is SM3(Z), so it is made from its parts. */
static void make_z(const struct sm2_point *key, const char *id, unsigned char z[SM3_SIZE]) {
    static const char *const constants[] = {
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC",
        "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93",
        "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7",
        "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"};
    size_t bits = 8 * strlen(id);
    unsigned char entl[2] = {(unsigned char)(bits >> 8), (unsigned char)bits};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestInit_ex(ctx, EVP_sm3(), NULL);
    EVP_DigestUpdate(ctx, entl, 2);
    EVP_DigestUpdate(ctx, id, strlen(id));
    for (size_t i = 0; i < 4; i++) {
        BIGNUM *number = NULL;
        unsigned char bytes[SM2_SCALAR];
        BN_hex2bn(&number, constants[i]);
        BN_bn2binpad(number, bytes, SM2_SCALAR);
        EVP_DigestUpdate(ctx, bytes, SM2_SCALAR);
        BN_free(number);
    }
    EVP_DigestUpdate(ctx, key->x, SM2_SCALAR);
    EVP_DigestUpdate(ctx, key->y, SM2_SCALAR);
    EVP_DigestFinal_ex(ctx, z, NULL);
    EVP_MD_CTX_free(ctx);
}

static EC_POINT *point_of(const EC_GROUP *group, const struct sm2_point *from) {
    unsigned char bytes[1 + 2 * SM2_SCALAR] = {0x04};
    EC_POINT *point = EC_POINT_new(group);
    memcpy(bytes + 1, from->x, SM2_SCALAR);
    memcpy(bytes + 1 + SM2_SCALAR, from->y, SM2_SCALAR);
    if (EC_POINT_oct2point(group, point, bytes, sizeof(bytes), NULL) != 1) {
        EC_POINT_free(point);
        return NULL;
    }
    return point;
}

/* 2^127 + the low 127 bits of x */
static BIGNUM *bar(const unsigned char x[SM2_SCALAR]) {
    BIGNUM *number = BN_bin2bn(x + 16, 16, NULL);
    BN_set_bit(number, 127);
    return number;
}

bool sm2_exchange_key(const struct sm2_exchange *x, unsigned char key[16]) {
    unsigned char input[4 * SM2_SCALAR + 4] = {0}, hash[SM3_SIZE], bytes[1 + 2 * SM2_SCALAR];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_sm2);
    BN_CTX *bn = BN_CTX_new();
    BIGNUM *t = BN_bin2bn(x->r, SM2_SCALAR, NULL), *d = BN_bin2bn(x->d, SM2_SCALAR, NULL);
    BIGNUM *own_bar = bar(x->own_ephemeral.x), *peer_bar = bar(x->peer_ephemeral.x);
    EC_POINT *peer = point_of(group, &x->peer), *r = point_of(group, &x->peer_ephemeral);
    bool good = peer != NULL && r != NULL;
    if (good) { /* t = d + bar(x of own R) r; V = t (P + bar(x of the peer's R) R) */
        BN_mod_mul(t, t, own_bar, EC_GROUP_get0_order(group), bn);
        BN_mod_add(t, t, d, EC_GROUP_get0_order(group), bn);
        EC_POINT_mul(group, r, NULL, r, peer_bar, bn);
        EC_POINT_add(group, peer, peer, r, bn);
        EC_POINT_mul(group, peer, NULL, peer, t, bn);
        EC_POINT_point2oct(group, peer, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof(bytes), bn);
        memcpy(input, bytes + 1, sizeof(bytes) - 1);
        make_z(x->is_initiator ? &x->own : &x->peer, x->is_initiator ? x->own_id : x->peer_id,
               input + 64);
        make_z(x->is_initiator ? &x->peer : &x->own, x->is_initiator ? x->peer_id : x->own_id,
               input + 96);
        input[131] = 1; /* the first block of the KDF is all that 16 bytes need */
        EVP_Digest(input, sizeof(input), hash, NULL, EVP_sm3(), NULL);
        memcpy(key, hash, 16);
    }
    EC_POINT_free(peer);
    EC_POINT_free(r);
    BN_free(own_bar);
    BN_free(peer_bar);
    BN_clear_free(t);
    BN_clear_free(d);
    BN_CTX_free(bn);
    EC_GROUP_free(group);
    return good;
}
