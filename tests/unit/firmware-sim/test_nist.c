/* Published vectors of NIST's CAVP, computed by the card's code and through its commands. */
#include "firmware-sim/crypto/block_cipher.h"
#include "firmware-sim/crypto/ec.h"
#include "firmware-sim/crypto/known_answers_internal.h"
#include "firmware-sim/crypto/rsa.h"
#include "tests/unit/firmware-sim/piv_bench.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

/* SigGen.txt of 186-3ecdsatestvectors (CAVS 11.2), the first four of [P-256,SHA-256] and [P-384,SHA-384]; digest is of Msg. */
struct ecdsa_vector {
    enum ec_curve curve;
    const char *digest, *d, *x, *y, *k, *r, *s;
};

static const struct ecdsa_vector ecdsa_vectors[] = {
    {EC_P256, "44acf6b7e36c1342c2c5897204fe09504e1e2efb1a900377dbc4e7a6a133ec56",
     "519b423d715f8b581f4fa8ee59f4771a5b44c8130b4e3eacca54a56dda72b464",
     "1ccbe91c075fc7f4f033bfa248db8fccd3565de94bbfb12f3c59ff46c271bf83",
     "ce4014c68811f9a21a1fdb2c0e6113e06db7ca93b7404e78dc7ccd5ca89a4ca9",
     "94a1bbb14b906a61a280f245f9e93c7f3b4a6247824f5d33b9670787642a68de",
     "f3ac8061b514795b8843e3d6629527ed2afd6b1f6a555a7acabb5e6f79c8c2ac",
     "8bf77819ca05a6b2786c76262bf7371cef97b218e96f175a3ccdda2acc058903"},
    {EC_P256, "9b2db89cb0e8fa3cc7608b4d6cc1dec0114e0b9ff4080bea12b134f489ab2bbc",
     "0f56db78ca460b055c500064824bed999a25aaf48ebb519ac201537b85479813",
     "e266ddfdc12668db30d4ca3e8f7749432c416044f2d2b8c10bf3d4012aeffa8a",
     "bfa86404a2e9ffe67d47c587ef7a97a7f456b863b4d02cfc6928973ab5b1cb39",
     "6d3e71882c3b83b156bb14e0ab184aa9fb728068d3ae9fac421187ae0b2f34c6",
     "976d3a4e9d23326dc0baa9fa560b7c4e53f42864f508483a6473b6a11079b2db",
     "1b766e9ceb71ba6c01dcd46e0af462cd4cfa652ae5017d4555b8eeefe36e1932"},
    {EC_P256, "b804cf88af0c2eff8bbbfb3660ebb3294138e9d3ebd458884e19818061dacff0",
     "e283871239837e13b95f789e6e1af63bf61c918c992e62bca040d64cad1fc2ef",
     "74ccd8a62fba0e667c50929a53f78c21b8ff0c3c737b0b40b1750b2302b0bde8",
     "29074e21f3a0ef88b9efdf10d06aa4c295cc1671f758ca0e4cd108803d0f2614",
     "ad5e887eb2b380b8d8280ad6e5ff8a60f4d26243e0124c2f31a297b5d0835de2",
     "35fb60f5ca0f3ca08542fb3cc641c8263a2cab7a90ee6a5e1583fac2bb6f6bd1",
     "ee59d81bc9db1055cc0ed97b159d8784af04e98511d0a9a407b99bb292572e96"},
    {EC_P256, "85b957d92766235e7c880ac5447cfbe97f3cb499f486d1e43bcb5c2ff9608a1a",
     "a3d2d3b7596f6592ce98b4bfe10d41837f10027a90d7bb75349490018cf72d07",
     "322f80371bf6e044bc49391d97c1714ab87f990b949bc178cb7c43b7c22d89e1",
     "3c15d54a5cc6b9f09de8457e873eb3deb1fceb54b0b295da6050294fae7fd999",
     "24fc90e1da13f17ef9fe84cc96b9471ed1aaac17e3a4bae33a115df4e5834f18",
     "d7c562370af617b581c84a2468cc8bd50bb1cbf322de41b7887ce07c0e5884ca",
     "b46d9f2d8c4bf83546ff178f1d78937c008d64e8ecc5cbb825cb21d94d670d89"},
    {EC_P384,
     "31a452d6164d904bb5724c878280231eae705c29ce9d4bc7d58e020e1085f17eebcc1a38f0ed0bf2"
     "b344d81fbd896825",
     "201b432d8df14324182d6261db3e4b3f46a8284482d52e370da41e6cbdf45ec2952f5db7ccbce3bc"
     "29449f4fb080ac97",
     "c2b47944fb5de342d03285880177ca5f7d0f2fcad7678cce4229d6e1932fcac11bfc3c3e97d942a3"
     "c56bf34123013dbf",
     "37257906a8223866eda0743c519616a76a758ae58aee81c5fd35fbf3a855b7754a36d4a0672df95d"
     "6c44a81cf7620c2d",
     "dcedabf85978e090f733c6e16646fa34df9ded6e5ce28c6676a00f58a25283db8885e16ce5bf97f9"
     "17c81e1f25c9c771",
     "50835a9251bad008106177ef004b091a1e4235cd0da84fff54542b0ed755c1d6f251609d14ecf18f"
     "9e1ddfe69b946e32",
     "0475f3d30c6463b646e8d3bf2455830314611cbde404be518b14464fdb195fdcc92eb222e61f426a"
     "4a592c00a6a89721"},
    {EC_P384,
     "a92784916a40feaebfeab16ea28c0c65e45c5e81eb634052944865708072e20110bd669a9838d7e7"
     "22e94ac75245cdd3",
     "23d9f4ea6d87b7d6163d64256e3449255db14786401a51daa7847161bf56d494325ad2ac8ba92839"
     "4e01061d882c3528",
     "5d42d6301c54a438f65970bae2a098cbc567e98840006e356221966c86d82e8eca515bca850eaa3c"
     "d41f175f03a0cbfd",
     "4aef5a0ceece95d382bd70ab5ce1cb77408bae42b51a08816d5e5e1d3da8c18fcc95564a752730b0"
     "aabea983ccea4e2e",
     "67ba379366049008593eac124f59ab017358892ee0c063d38f3758bb849fd25d867c3561563cac15"
     "32a323b228dc0890",
     "fb318f4cb1276282bb43f733a7fb7c567ce94f4d02924fc758635ab2d1107108bf159b85db080cdc"
     "3b30fbb5400016f3",
     "588e3d7af5da03eae255ecb1813100d95edc243476b724b22db8e85377660d7645ddc1c2c2ee4eae"
     "a8b683dbe22f86ca"},
    {EC_P384,
     "b2acf6b4ae1ba9985c1e657313d59157939c21868302f6f5c5dbf037867035ae7c2009bad9fce472"
     "579923f7b4b87795",
     "b5f670e98d8befc46f6f51fb2997069550c2a52ebfb4e5e25dd905352d9ef89eed5c2ecd16521853"
     "aadb1b52b8c42ae6",
     "44ffb2a3a95e12d87c72b5ea0a8a7cb89f56b3bd46342b2303608d7216301c21b5d2921d80b6628d"
     "c512ccb84e2fc278",
     "e4c1002f1828abaec768cadcb7cf42fbf93b1709ccae6df5b134c41fae2b9a188bfbe1eccff0bd34"
     "8517d7227f2071a6",
     "229e67638f712f57bea4c2b02279d5ccad1e7c9e201c77f6f01aeb81ea90e62b44b2d2107fd66d35"
     "e56608fff65e28e4",
     "b11db592e4ebc75b6472b879b1d8ce57452c615aef20f67a280f8bca9b11a30ad4ac9d69541258c7"
     "dd5d0b4ab8dd7d49",
     "4eb51db8004e46d438359abf060a9444616cb46b4f99c9a05b53ba6df02e914c9c0b6cc3a9791d80"
     "4d2e4c0984dab1cc"},
    {EC_P384,
     "ec21c9d03a7270ea9ce7e9ff83211bac2fb104d078217c370248a3aba81f6c586852f19ced56dc71"
     "f83f5251d7381c8a",
     "de5975d8932533f092e76295ed6b23f10fc5fba48bfb82c6cc714826baf0126813247f8bd51d5738"
     "503654ab22459976",
     "f1fabafc01fec7e96d982528d9ef3a2a18b7fe8ae0fa0673977341c7ae4ae8d8d3d67420343d013a"
     "984f5f61da29ae38",
     "1a31cf902c46343d01b2ebb614bc789c313b5f91f9302ad9418e9c797563e2fa3d44500f47b4e26a"
     "d8fdec1a816d1dcf",
     "fc5940e661542436f9265c34bce407eff6364bd471aa79b90c906d923e15c9ed96eea4e86f3238ea"
     "86161d13b7d9359d",
     "c2fbdd6a56789024082173725d797ef9fd6accb6ae664b7260f9e83cb8ab2490428c8b9c52e15361"
     "2295432fec4d59cd",
     "8056c5bb57f41f73082888b234fcda320a33250b5da012ba1fdb4924355ae679012d81d2c08fc0f8"
     "634c708a4833232f"},
};

/* TECBMMT3.rsp (CAVS 10.1), [ENCRYPT] counts 0 to 5: key, plaintext, ciphertext. */
static const struct {
    const char *key, *plain, *cipher;
} tdea_vectors[] = {
    {"a2b5bc67da13dc92cd9d344aa238544a0e1fa79ef76810cd", "329d86bdf1bc5af4", "d946c2756d78633f"},
    {"49e692290d2a5e46bace79b9648a4c5d491004c262dc9d49", "6b1540781b01ce1997adae102dbf3c5b",
     "4d0dc182d6e481ac4a3dc6ab6976ccae"},
    {"c16189f43451196bfb4c438580c20408571f0d5e4a586491",
     "dd9a97741093334bd0c9761105cfb79cc3bac34a7c85bd8a",
     "d2f3f1d32a9ea09b5acb589c41a07320fb8d33a2fc2b0ed2"},
    {"b0265876ae4cce98e697cef4048a45e30815a83276efec31",
     "b59cc5e13bd10f801e2464e029c383cacfe812646c0bf805ce560848f459df5f",
     "26d325d7f6b90510521344875d157166580748b2a3feeecb959e574e451cae80"},
    {"7694a26d9e1091c237d32cbfa1e351a13df8208cc8081c54",
     "212399b6144969c0c9f35191f5d1d4f641b607faa19b8c07e1e7c44d81ee4167c2b77a3c0102c324",
     "47ff992001e04464e55fd48a48e040a4ef3e0839c49a2794c5c0c9f2a80d345fcaea8e398416ab8e"},
    {"312cc2cee9d39823fe6d91d6234c52a454e92970a84073dc",
     "e8fb12cbd680cff095ff6244b09fe8c054b1fddf19362f4820a1b3ad5ede57f33792b8934fa5b540"
     "9dfe23cac18dc242",
     "98ec2853be1efb64342583f9e97c19c4f22ca6dc49f9fa0f4c145e7503f95044830a44b7cd9456c0"
     "e5c91162263e2fe9"},
};

static struct piv_bench bench;

static int setup(void **state) {
    (void)state;
    piv_bench_init(&bench, FACTORY_PAGES + 2 * 24);
    piv_bench_manage(&bench);
    assert_int_equal(piv_bench_verify(&bench, PIV_TEST_PIN), SW_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    piv_bench_free(&bench);
    return 0;
}

static int nonce(void *ctx, unsigned char *out, size_t len) {
    const struct ecdsa_vector *v = ctx;
    uint8_t k[EC_NUMBER_MAX];
    size_t size = ec_number_size(v->curve);
    known_unhex(v->k, k, size);
    for (size_t i = 0; i < len; i++)
        out[i] = k[i % size];
    return 0;
}

static void assert_number(const BIGNUM *number, size_t size, const char *hex) {
    uint8_t bytes[EC_NUMBER_MAX];
    assert_int_equal(BN_bn2binpad(number, bytes, (int)size), size);
    assert_true(known_is(bytes, size, hex));
}

static EVP_PKEY *openssl_key(enum ec_curve curve, uint8_t *point) {
    char p256[] = "P-256", p384[] = "P-384";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve == EC_P256 ? p256 : p384,
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, ec_point_size(curve)),
        OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void ecdsa_gives_the_signatures_of_cavp(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ecdsa_vectors / sizeof ecdsa_vectors[0]; i++) {
        struct ecdsa_vector v = ecdsa_vectors[i];
        uint8_t d[EC_NUMBER_MAX], digest[EC_NUMBER_MAX], point[EC_POINT_MAX], der[EC_DER_MAX];
        size_t size = ec_number_size(v.curve), len;
        known_unhex(v.d, d, size);
        known_unhex(v.digest, digest, size);
        assert_int_equal(ec_public(&bench.card.rng, v.curve, d, point), EC_OK);
        assert_true(known_is(point + 1, size, v.x) && known_is(point + 1 + size, size, v.y));
        assert_int_equal(ec_sign_with(nonce, &v, v.curve, d, digest, size, der, &len), EC_OK);
        const uint8_t *p = der;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
        assert_non_null(sig);
        assert_ptr_equal(p, der + len);
        assert_number(ECDSA_SIG_get0_r(sig), size, v.r);
        assert_number(ECDSA_SIG_get0_s(sig), size, v.s);
        ECDSA_SIG_free(sig);
    }
}

/* The same keys imported, the same digests: other nonces, so another signature, which OpenSSL takes with CAVP's public key. */
static void a_key_of_cavp_signs_through_piv(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ecdsa_vectors / sizeof ecdsa_vectors[0]; i++) {
        const struct ecdsa_vector *v = &ecdsa_vectors[i];
        uint8_t algorithm = v->curve == EC_P256 ? PIV_P256 : PIV_P384;
        uint8_t data[2 + EC_NUMBER_MAX], digest[EC_NUMBER_MAX], point[EC_POINT_MAX] = {4};
        size_t size = ec_number_size(v->curve);
        data[0] = 6;
        data[1] = (uint8_t)size;
        known_unhex(v->d, data + 2, size);
        known_unhex(v->digest, digest, size);
        known_unhex(v->x, point + 1, size);
        known_unhex(v->y, point + 1 + size, size);
        assert_int_equal(
            piv_bench_apdu(&bench, PIV_IMPORT_KEY, algorithm, PIV_AUTHENTICATION, data, 2 + size),
            SW_OK);
        assert_int_equal(
            piv_bench_use(&bench, PIV_AUTHENTICATION, algorithm, PIV_TAG_CHALLENGE, digest, size),
            SW_OK);
        EVP_PKEY *key = openssl_key(v->curve, point);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
        assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
        assert_int_equal(EVP_PKEY_verify(ctx, bench.out, bench.out_len, digest, size), 1);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

static void tdea_gives_the_blocks_of_cavp(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof tdea_vectors / sizeof tdea_vectors[0]; i++) {
        uint8_t key[24], block[8];
        known_unhex(tdea_vectors[i].key, key, sizeof key);
        for (size_t at = 0; tdea_vectors[i].plain[2 * at]; at += sizeof block) {
            known_unhex(tdea_vectors[i].plain + 2 * at, block, sizeof block);
            assert_true(block_encrypt(BLOCK_3DES, key, block, block));
            assert_true(known_is(block, sizeof block, tdea_vectors[i].cipher + 2 * at));
        }
    }
}

/* CAVP's plaintext as the host's challenge in a mutual authentication: the response is its ciphertext. */
static void the_management_key_answers_with_the_blocks_of_cavp(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof tdea_vectors / sizeof tdea_vectors[0]; i++) {
        uint8_t set[3 + 24] = {PIV_3DES, PIV_MANAGEMENT, 24}, witness[8], answer[8];
        known_unhex(tdea_vectors[i].key, set + 3, 24);
        assert_int_equal(
            piv_bench_apdu(&bench, PIV_SET_MANAGEMENT_KEY, 0xFF, 0xFF, set, sizeof set), SW_OK);
        for (size_t at = 0; tdea_vectors[i].plain[2 * at]; at += sizeof answer) {
            uint8_t data[2 + 10 + 10 + 2] = {0x7C, 22, 0x80, 8};
            assert_int_equal(piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, PIV_3DES,
                                            PIV_MANAGEMENT, "\x7C\x02\x80\x00", 4),
                             SW_OK);
            assert_int_equal(bench.out_len, 12);
            piv_bench_block(PIV_3DES, false, set + 3, bench.out + 4, witness);
            memcpy(data + 4, witness, 8);
            data[12] = 0x81;
            data[13] = 8;
            known_unhex(tdea_vectors[i].plain + 2 * at, data + 14, 8);
            data[22] = 0x82;
            data[1] = 22;
            assert_int_equal(piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, PIV_3DES,
                                            PIV_MANAGEMENT, data, sizeof data),
                             SW_OK);
            assert_int_equal(bench.out_len, 12);
            assert_true(known_is(bench.out + 4, 8, tdea_vectors[i].cipher + 2 * at));
        }
    }
}

static size_t put_part(uint8_t *out, uint8_t tag, const char *hex, size_t len) {
    out[0] = tag;
    out[1] = 0x82;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    known_unhex(hex, out + 4, len);
    return 4 + len;
}

static void rsa_of_every_size_gives_the_signatures_of_cavp_through_piv(void **state) {
    static const uint8_t algorithms[3] = {PIV_RSA2048, PIV_RSA3072, PIV_RSA4096};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct known_rsa *v = &known_rsa_vectors[i];
        const char *parts[5] = {v->p, v->q, v->dp, v->dq, v->qinv};
        uint8_t data[5 * (4 + RSA_MODULUS_MAX / 2)], block[RSA_MODULUS_MAX], digest[32];
        size_t len = 0;
        for (unsigned part = 0; part < 5; part++)
            len += put_part(data + len, (uint8_t)(part + 1), parts[part], v->modulus / 2);
        assert_int_equal(
            piv_bench_apdu(&bench, PIV_IMPORT_KEY, algorithms[i], PIV_AUTHENTICATION, data, len),
            SW_OK);
        known_unhex(v->digest, digest, sizeof digest);
        assert_int_equal(rsa_pkcs1_block(RSA_HASH_SHA256, digest, sizeof digest, block, v->modulus),
                         RSA_OK);
        assert_int_equal(piv_bench_use(&bench, PIV_AUTHENTICATION, algorithms[i], PIV_TAG_CHALLENGE,
                                       block, v->modulus),
                         SW_OK);
        assert_int_equal(bench.out_len, v->modulus);
        assert_true(known_is(bench.out, v->modulus, v->signature));
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(ecdsa_gives_the_signatures_of_cavp),
        T(a_key_of_cavp_signs_through_piv),
        T(tdea_gives_the_blocks_of_cavp),
        T(the_management_key_answers_with_the_blocks_of_cavp),
        T(rsa_of_every_size_gives_the_signatures_of_cavp_through_piv),
    };
    return cmocka_run_group_tests_name("NIST vectors", tests, NULL, NULL);
}
