/* A UKey in software, for tests of the order service: its files are in a folder, its keys are PEM files, and it signs what a real agent
 * would have signed on a token. Knows nothing of HTTP: the test scripts speak that.
 *
 *   soft-key make DIR CA NAME USCC SERIAL NOT-BEFORE NOT-AFTER   sign.pem, sign.der, encrypt.der, manifest.json
 *   soft-key key FILE ALGORITHM   a new key: SM2, P-256, RSA-2048
 *   soft-key csr DIR NEW.pem      a PKCS#10 of NEW.pem (made if absent) with the subject of DIR/sign.der, if there is one
 *   soft-key sign KEY.pem         signature over standard input: SM2 with SM3, ECDSA or RSA with SHA-256
 *   soft-key signed-data DIR      GM SignedData over standard input by DIR/sign.pem
 *   soft-key open-envelope KEY.pem OUT.pem   the pair in an SM2EnvelopedKey (standard input) to KEY.pem, written to OUT.pem
 *   soft-key decrypt KEY.pem      what an SM2Cipher (DER, standard input) opens to
 *   soft-key spki KEY.pem         its public key
 * Everything is printed in base64. */
#include "module/formats/calendar.h"
#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/seal.h"
#include "module/formats/signed_data.h"
#include "module/formats/sm2.h"
#include "module/formats/sm2_envelope.h"
#include "tools/orderd/ca/ca.h"
#include "tools/orderd/seal_picture.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static void die(const char *what) {
    fprintf(stderr, "soft-key: %s\n", what);
    exit(1);
}

static void need(bool good, const char *what) {
    if (!good) {
        die(what);
    }
}

static char *path_in(const char *dir, const char *name) {
    char *path = NULL;
    need(asprintf(&path, "%s/%s", dir, name) > 0, "memory");
    return path;
}

static struct octets read_stream(FILE *file) {
    struct octets out = {NULL, 0};
    size_t got = 0;
    do {
        unsigned char *more = realloc(out.data, out.len + 65536);
        need(more != NULL, "memory");
        out.data = more;
        got = fread(out.data + out.len, 1, 65536, file);
        out.len += got;
    } while (got > 0);
    return out;
}

static struct octets read_file(const char *dir, const char *name) {
    char *path = path_in(dir, name);
    FILE *file = fopen(path, "re");
    need(file != NULL, path);
    struct octets out = read_stream(file);
    fclose(file);
    free(path);
    return out;
}

static void write_file(const char *dir, const char *name, const void *data, size_t len) {
    char *path = path_in(dir, name);
    FILE *file = fopen(path, "we");
    need(file != NULL, path);
    bool written = fwrite(data, 1, len, file) == len;
    need(fclose(file) == 0 && written, path);
    free(path);
}

static char *base64(const struct octets *bytes) {
    char *text = malloc((bytes->len + 2) / 3 * 4 + 1);
    need(text != NULL, "memory");
    EVP_EncodeBlock((unsigned char *)text, bytes->data, (int)bytes->len);
    return text;
}

static void print_base64(struct octets bytes) {
    char *text = base64(&bytes);
    puts(text);
    free(text);
    octets_free(&bytes);
}

/* ---- keys ---- */

static void key_write(const char *path, EVP_PKEY *key) {
    FILE *file = fopen(path, "we");
    need(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1, path);
    fclose(file);
}

static void make_key(char **arguments) {
    EVP_PKEY *key = NULL;
    switch (ca_algorithm_find(arguments[1])) {
    case CA_SM2:
        need(sm2_key_generate(NULL, &key) == FORMATS_OK, "key");
        break;
    case CA_P256:
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        break;
    case CA_RSA:
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        break;
    default:
        die("algorithm");
    }
    need(key != NULL, "key");
    key_write(arguments[0], key);
    EVP_PKEY_free(key);
}

static EVP_PKEY *key_at(const char *path) {
    EVP_PKEY *key = NULL;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        fclose(file);
    } else {
        need(sm2_key_generate(NULL, &key) == FORMATS_OK, "key");
        key_write(path, key);
    }
    need(key != NULL, path);
    return key;
}

static struct octets sign(EVP_PKEY *key, const struct octets *message) {
    struct octets signature = {NULL, 0};
    if (sm2_key_is_sm2(key)) {
        need(sm2_sign(NULL, key, message->data, message->len, &signature) == FORMATS_OK,
             "signature");
        return signature;
    }
    unsigned char bytes[512];
    size_t len = sizeof bytes;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    need(ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
             EVP_DigestSign(ctx, bytes, &len, message->data, message->len) == 1 &&
             octets_copy(&signature, bytes, len) == FORMATS_OK,
         "signature");
    EVP_MD_CTX_free(ctx);
    return signature;
}

static struct octets request_of(EVP_PKEY *key, const struct octets *subject) {
    unsigned char *public_key = NULL;
    int public_len = i2d_PUBKEY(key, &public_key);
    struct octets spki = {NULL, 0};
    struct octets info = {NULL, 0};
    struct octets out = {NULL, 0};
    need(public_len > 0 && octets_copy(&spki, public_key, (size_t)public_len) == FORMATS_OK &&
             certificate_request_build(subject->data, subject->len, spki.data, spki.len, &info) ==
                 FORMATS_OK,
         "request");
    struct octets signature = sign(key, &info);
    need(certificate_request_assemble(NULL, &info, signature.data, signature.len, &out) ==
             FORMATS_OK,
         "request");
    OPENSSL_free(public_key);
    octets_free(&spki);
    octets_free(&info);
    octets_free(&signature);
    return out;
}

/* ---- make ---- */

static struct octets subject_of(const char *name, const char *credential) {
    struct octets der = {NULL, 0};
    struct name_field fields[] = {
        {"C", "CN"}, {"O", name}, {"organizationIdentifier", credential}, {"CN", name}};
    need(name_from_fields(fields, sizeof fields / sizeof fields[0], &der) == FORMATS_OK, "name");
    return der;
}

static int64_t time_of(const char *text) {
    int64_t time = 0;
    need(calendar_parse_rfc3339(text, &time), text);
    return time;
}

static struct octets make_seal(struct ca *ca, const char *name, const struct octets *certificate,
                               int64_t start, int64_t end) {
    struct octets picture = {NULL, 0};
    struct octets out = {NULL, 0};
    char id[29];
    need(seal_picture_png(name, 48, 48, &picture), "picture");
    need(ca_seal_id(ca, id) == CA_OK, "seal");
    struct ca_seal_request request = {.id = id,
                                      .type = SEAL_ORGANIZATION,
                                      .name = name,
                                      .width_mm = 48,
                                      .height_mm = 48,
                                      .picture = picture.data,
                                      .picture_len = picture.len,
                                      .certificates = certificate,
                                      .certificate_count = 1,
                                      .created = start,
                                      .valid_start = start,
                                      .valid_end = end};
    need(ca_seal(ca, &request, &out) == CA_OK, "seal");
    octets_free(&picture);
    return out;
}

static void write_manifest(const char *dir, const char *serial, const struct ca_issued *issued,
                           const struct octets *seal) {
    char *sign_text = base64(&issued->sign_certificate);
    char *encrypt_text = base64(&issued->encrypt_certificate);
    char *seal_text = base64(seal);
    char *path = path_in(dir, "manifest.json");
    json_t *manifest =
        json_pack("{s:{s:s,s:s,s:s},s:[{s:s},{s:s}],s:[{s:s}]}", "token", "serial", serial,
                  "manufacturer", "OpenUKey", "label", "soft", "certificates", "der", sign_text,
                  "der", encrypt_text, "seals", "der", seal_text);
    need(manifest != NULL && json_dump_file(manifest, path, JSON_INDENT(2)) == 0, "manifest");
    json_decref(manifest);
    free(path);
    free(sign_text);
    free(encrypt_text);
    free(seal_text);
}

static void make(char **arguments) {
    const char *dir = arguments[0];
    struct ca *ca = NULL;
    struct ca_plan plan;
    struct ca_issued issued;
    struct ca_options options = {.create = true, .now = time_of(arguments[5])};
    char *key_path = path_in(dir, "sign.pem");
    mkdir(dir, 0700);
    need(ca_open(NULL, arguments[1], &options, &ca) == CA_OK, "CA");
    EVP_PKEY *key = key_at(key_path);
    struct octets subject = subject_of(arguments[2], arguments[3]);
    struct octets csr = request_of(key, &subject);
    struct ca_request request = {.csr = csr.data,
                                 .csr_len = csr.len,
                                 .subject = subject.data,
                                 .subject_len = subject.len,
                                 .not_before = time_of(arguments[5]),
                                 .not_after = time_of(arguments[6]),
                                 .encryption_pair = true};
    need(ca_plan(ca, &request, &plan) == CA_OK, "plan");
    need(ca_issue(ca, &request, &plan, &issued) == CA_OK, "issue");
    struct octets seal = make_seal(ca, arguments[2], &issued.sign_certificate, request.not_before,
                                   request.not_after);
    write_file(dir, "sign.der", issued.sign_certificate.data, issued.sign_certificate.len);
    write_file(dir, "encrypt.der", issued.encrypt_certificate.data, issued.encrypt_certificate.len);
    write_manifest(dir, arguments[4], &issued, &seal);
    octets_free(&seal);
    octets_free(&csr);
    octets_free(&subject);
    ca_issued_free(&issued);
    ca_close(ca);
    EVP_PKEY_free(key);
    free(key_path);
}

/* ---- csr, sign, signed-data ---- */

/* The name of the certificate in the folder; of a blank key any. */
static struct octets name_in(const char *dir) {
    struct octets name = {NULL, 0};
    char *path = path_in(dir, "sign.der");
    FILE *file = fopen(path, "re");
    free(path);
    if (file == NULL) {
        struct name_field fields[] = {{"CN", "blank"}};
        need(name_from_fields(fields, 1, &name) == FORMATS_OK, "name");
        return name;
    }
    struct octets der = read_stream(file);
    struct certificate *certificate = NULL;
    fclose(file);
    need(certificate_parse(NULL, der.data, der.len, &certificate) == FORMATS_OK &&
             octets_copy(&name, certificate->subject.der.data, certificate->subject.der.len) ==
                 FORMATS_OK,
         "certificate");
    certificate_free(certificate);
    octets_free(&der);
    return name;
}

static void csr(char **arguments) {
    struct octets name = name_in(arguments[0]);
    EVP_PKEY *key = key_at(arguments[1]);
    print_base64(request_of(key, &name));
    EVP_PKEY_free(key);
    octets_free(&name);
}

static void sign_input(char **arguments) {
    EVP_PKEY *key = key_at(arguments[0]);
    struct octets message = read_stream(stdin);
    print_base64(sign(key, &message));
    octets_free(&message);
    EVP_PKEY_free(key);
}

static void open_envelope(char **arguments) {
    EVP_PKEY *key = key_at(arguments[0]);
    EVP_PKEY *pair = NULL;
    struct octets der = read_stream(stdin);
    struct sm2_envelope envelope;
    need(sm2_envelope_parse(NULL, der.data, der.len, &envelope) == FORMATS_OK &&
             sm2_envelope_open(NULL, key, &envelope, &pair) == FORMATS_OK,
         "envelope");
    FILE *file = fopen(arguments[1], "we");
    need(file != NULL && PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL) == 1,
         arguments[1]);
    fclose(file);
    octets_free(&der);
    EVP_PKEY_free(pair);
    EVP_PKEY_free(key);
}

static void decrypt_input(char **arguments) {
    EVP_PKEY *key = key_at(arguments[0]);
    struct octets der = read_stream(stdin);
    struct octets plain = {NULL, 0};
    need(sm2_decrypt(NULL, key, der.data, der.len, &plain) == FORMATS_OK, "cipher");
    print_base64(plain);
    octets_free(&der);
    EVP_PKEY_free(key);
}

static void print_spki(char **arguments) {
    EVP_PKEY *key = key_at(arguments[0]);
    struct sm2_point point;
    struct octets spki = {NULL, 0};
    need(sm2_key_point(key, &point) == FORMATS_OK && sm2_point_to_spki(&point, &spki) == FORMATS_OK,
         "key");
    print_base64(spki);
    EVP_PKEY_free(key);
}

static void signed_data(char **arguments) {
    char *path = path_in(arguments[0], "sign.pem");
    EVP_PKEY *key = key_at(path);
    struct octets certificate = read_file(arguments[0], "sign.der");
    struct octets content = read_stream(stdin);
    struct octets attributes = {NULL, 0};
    struct octets out = {NULL, 0};
    unsigned char digest[SCHEME_DIGEST_MAX];
    const struct signed_facts facts = {.scheme = SCHEME_SM2, .signing_time = (int64_t)time(NULL)};
    need(signature_digest(NULL, SCHEME_SM2, content.data, content.len, digest) == FORMATS_OK &&
             signed_data_attributes(NULL, &facts, certificate.data, certificate.len, digest,
                                    &attributes) == FORMATS_OK,
         "attributes");
    struct octets signature = sign(key, &attributes);
    need(signed_data_assemble(NULL, SCHEME_SM2, certificate.data, certificate.len, &content,
                              &attributes, &signature, &out) == FORMATS_OK,
         "message");
    print_base64(out);
    octets_free(&signature);
    octets_free(&attributes);
    octets_free(&content);
    octets_free(&certificate);
    EVP_PKEY_free(key);
    free(path);
}

static const struct {
    const char *name;
    int arguments;
    void (*run)(char **arguments);
} commands[] = {
    {"make", 7, make},
    {"key", 2, make_key},
    {"csr", 2, csr},
    {"sign", 1, sign_input},
    {"signed-data", 1, signed_data},
    {"open-envelope", 2, open_envelope},
    {"decrypt", 1, decrypt_input},
    {"spki", 1, print_spki},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0 && argc == commands[i].arguments + 2) {
            commands[i].run(argv + 2);
            return 0;
        }
    }
    fputs(
        "usage: soft-key make DIR CA NAME USCC SERIAL NOT-BEFORE NOT-AFTER | key FILE ALGORITHM | "
        "csr DIR NEW.pem | "
        "sign KEY.pem | signed-data DIR\n",
        stderr);
    return 2;
}
