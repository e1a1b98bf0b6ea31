/* A key on a socket, for tests that play the agent in a script: does with our module, over Cryptoki and its vendor interface, what one line
 * of JSON on standard input asks, and answers with one line. Binary members are base64.
 *
 *   real-key MODULE SOCKET-FOLDER
 *
 *   {"do": "facts"}                                   {serial, tries, mustChange}
 *   {"do": "login", "pin"} {"do": "logout"}           {rv}
 *   {"do": "set-pin", "old", "new"}                   {rv}
 *   {"do": "unlock-begin", "case"}                    {rv, challenge, left}
 *   {"do": "unlock-finish", "response", "pin", "mustChange"}  {rv}
 *   {"do": "sign", "certificate", "message"}          {rv, signature}: by the certificate's key
 *   {"do": "signed-data", "certificate", "content"}   {rv, message}: GM SignedData by the certificate's key
 *   {"do": "generate", "name"}                        {rv, spki}: a new container
 *   {"do": "csr"}                                     {rv, csr}: PKCS#10 by the key generated last, with a name of no meaning
 *   {"do": "unwrap", "envelope"}                      {rv}: opened by the key generated last
 *   {"do": "write-certificate", "label", "certificate"}  {rv}
 *   {"do": "certificates"}                            {rv, certificates}: all that are on the key
 *   {"do": "retire", "certificate"}                   {rv}: destroys its key, as C_DestroyObject does
 *   {"do": "write-file", "name", "content"} {"do": "read-file", "name"}  {rv}, {rv, content}
 *   {"do": "first-pin", "admin", "pin"}               {rv}: the administrator sets a PIN that must be changed; nobody is logged in then
 *   {"do": "decrypt", "certificate", "cipher"}        {rv, plain}: by the certificate's key
 * rv is the number of CKR_*; calls that are made of several say 5 (CKR_GENERAL_ERROR) when one fails. */
#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/signed_data.h"
#include "tools/ukey/key.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct desk {
    struct key key;
    CK_OPENUKEY_UNLOCK_CHALLENGE challenge;
    CK_OBJECT_HANDLE generated;
    struct octets spki; /* of the key generated last */
};

static json_t *result(CK_RV rv) {
    return json_pack("{s:I}", "rv", (json_int_t)rv);
}

static json_t *done(bool good) {
    return result(good ? CKR_OK : CKR_GENERAL_ERROR);
}

static const char *text_of(const json_t *line, const char *name) {
    const char *text = json_string_value(json_object_get(line, name));
    return text != NULL ? text : "";
}

static struct octets bytes_of(const json_t *line, const char *name) {
    const char *text = text_of(line, name);
    size_t len = strlen(text);
    struct octets out = {malloc(len + 1), 0};
    int made = out.data != NULL && len > 0
                   ? EVP_DecodeBlock(out.data, (const unsigned char *)text, (int)len)
                   : 0;
    for (size_t i = len; made > 0 && i > 0 && text[i - 1] == '='; i--) {
        made--;
    }
    out.len = made > 0 ? (size_t)made : 0;
    return out;
}

static void put_bytes(json_t *answer, const char *name, const void *data, size_t len) {
    unsigned char *text = malloc((len + 2) / 3 * 4 + 1);
    if (text != NULL) {
        EVP_EncodeBlock(text, data, (int)len);
        json_object_set_new(answer, name, json_string((const char *)text));
    }
    free(text);
}

static CK_ULONG pin_of(const json_t *line, const char *name, CK_UTF8CHAR out[64]) {
    size_t len = strnlen(text_of(line, name), 64);
    memcpy(out, text_of(line, name), len);
    return len;
}

static json_t *facts(struct desk *desk, const json_t *line) {
    CK_OPENUKEY_DEVICE_INFO info;
    (void)line;
    CK_RV rv = desk->key.vendor->GetDeviceInfo(desk->key.slot, &info);
    return rv != CKR_OK ? result(rv)
                        : json_pack("{s:i,s:s,s:I,s:b}", "rv", 0, "serial", info.serial, "tries",
                                    (json_int_t)info.userTries, "mustChange",
                                    (info.flags & CKF_OPENUKEY_USER_PIN_MUST_CHANGE) != 0);
}

static json_t *login(struct desk *desk, const json_t *line) {
    CK_UTF8CHAR pin[64];
    CK_ULONG len = pin_of(line, "pin", pin);
    return result(desk->key.functions->C_Login(desk->key.session, CKU_USER, pin, len));
}

static json_t *logout(struct desk *desk, const json_t *line) {
    (void)line;
    return result(desk->key.functions->C_Logout(desk->key.session));
}

static json_t *set_pin(struct desk *desk, const json_t *line) {
    CK_UTF8CHAR old[64];
    CK_UTF8CHAR new[64];
    CK_ULONG old_len = pin_of(line, "old", old);
    CK_ULONG new_len = pin_of(line, "new", new);
    return result(desk->key.functions->C_SetPIN(desk->key.session, old, old_len, new, new_len));
}

static json_t *unlock_begin(struct desk *desk, const json_t *line) {
    const char *number = text_of(line, "case");
    CK_RV rv = desk->key.vendor->UnlockBegin(desk->key.slot, (const CK_BYTE *)number,
                                             strlen(number), &desk->challenge);
    json_t *answer = result(rv);
    if (rv == CKR_OK) {
        put_bytes(answer, "challenge", desk->challenge.challenge, sizeof desk->challenge.challenge);
        json_object_set_new(answer, "left", json_integer((json_int_t)desk->challenge.ulTriesLeft));
    }
    return answer;
}

static json_t *unlock_finish(struct desk *desk, const json_t *line) {
    CK_UTF8CHAR pin[64];
    CK_ULONG len = pin_of(line, "pin", pin);
    struct octets response = bytes_of(line, "response");
    CK_BBOOL must_change = json_is_true(json_object_get(line, "mustChange")) ? CK_TRUE : CK_FALSE;
    CK_RV rv = desk->key.vendor->UnlockFinish(desk->key.slot, &desk->challenge, response.data,
                                              response.len, pin, len, must_change);
    octets_free(&response);
    return result(rv);
}

/* The private key of a certificate, and which algorithm it has. */
static bool find(struct desk *desk, const struct octets *der, CK_OBJECT_HANDLE *private_key,
                 enum key_algorithm *algorithm) {
    struct certificate *certificate = NULL;
    bool good = certificate_parse(NULL, der->data, der->len, &certificate) == FORMATS_OK &&
                key_find_private(&desk->key, der, private_key);
    *algorithm = good && certificate->algorithm == CERTIFICATE_SM2 ? KEY_SM2 : KEY_RSA;
    certificate_free(certificate);
    return good;
}

static json_t *sign(struct desk *desk, const json_t *line) {
    CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
    enum key_algorithm algorithm = KEY_SM2;
    struct octets der = bytes_of(line, "certificate");
    struct octets message = bytes_of(line, "message");
    struct octets signature = {NULL, 0};
    bool good = find(desk, &der, &private_key, &algorithm) &&
                key_sign(&desk->key, private_key, algorithm, message.data, message.len, &signature);
    json_t *answer = done(good);
    if (good) {
        put_bytes(answer, "signature", signature.data, signature.len);
    }
    octets_free(&der);
    octets_free(&message);
    octets_free(&signature);
    return answer;
}

static json_t *signed_data(struct desk *desk, const json_t *line) {
    CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
    enum key_algorithm algorithm = KEY_SM2;
    struct octets der = bytes_of(line, "certificate");
    struct octets content = bytes_of(line, "content");
    struct octets attributes = {NULL, 0};
    struct octets signature = {NULL, 0};
    struct octets message = {NULL, 0};
    unsigned char digest[SCHEME_DIGEST_MAX];
    const struct signed_facts facts = {.scheme = SCHEME_SM2, .signing_time = (int64_t)time(NULL)};
    bool good =
        find(desk, &der, &private_key, &algorithm) &&
        signature_digest(NULL, SCHEME_SM2, content.data, content.len, digest) == FORMATS_OK &&
        signed_data_attributes(NULL, &facts, der.data, der.len, digest, &attributes) ==
            FORMATS_OK &&
        key_sign(&desk->key, private_key, algorithm, attributes.data, attributes.len, &signature) &&
        signed_data_assemble(NULL, SCHEME_SM2, der.data, der.len, &content, &attributes, &signature,
                             &message) == FORMATS_OK;
    json_t *answer = done(good);
    if (good) {
        put_bytes(answer, "message", message.data, message.len);
    }
    octets_free(&der);
    octets_free(&content);
    octets_free(&attributes);
    octets_free(&signature);
    octets_free(&message);
    return answer;
}

static json_t *generate(struct desk *desk, const json_t *line) {
    octets_free(&desk->spki);
    bool good =
        key_generate(&desk->key, text_of(line, "name"), KEY_SM2, &desk->generated, &desk->spki);
    json_t *answer = done(good);
    if (good) {
        put_bytes(answer, "spki", desk->spki.data, desk->spki.len);
    }
    return answer;
}

static json_t *csr(struct desk *desk, const json_t *line) {
    const struct name_field nobody[] = {{"CN", "OpenUKey"}};
    struct octets subject = {NULL, 0};
    struct octets info = {NULL, 0};
    struct octets signature = {NULL, 0};
    struct octets request = {NULL, 0};
    (void)line;
    bool good = name_from_fields(nobody, 1, &subject) == FORMATS_OK &&
                certificate_request_build(subject.data, subject.len, desk->spki.data,
                                          desk->spki.len, &info) == FORMATS_OK &&
                key_sign(&desk->key, desk->generated, KEY_SM2, info.data, info.len, &signature) &&
                certificate_request_assemble(NULL, &info, signature.data, signature.len,
                                             &request) == FORMATS_OK;
    json_t *answer = done(good);
    if (good) {
        put_bytes(answer, "csr", request.data, request.len);
    }
    octets_free(&subject);
    octets_free(&info);
    octets_free(&signature);
    octets_free(&request);
    return answer;
}

static json_t *unwrap(struct desk *desk, const json_t *line) {
    struct octets envelope = bytes_of(line, "envelope");
    json_t *answer = done(key_unwrap(&desk->key, desk->generated, &envelope));
    octets_free(&envelope);
    return answer;
}

static json_t *write_certificate(struct desk *desk, const json_t *line) {
    struct octets der = bytes_of(line, "certificate");
    struct certificate *certificate = NULL;
    bool good = certificate_parse(NULL, der.data, der.len, &certificate) == FORMATS_OK;
    if (good) {
        struct octets subject = {certificate->subject.der.data, certificate->subject.der.len};
        good = key_write_certificate(&desk->key, text_of(line, "label"), &der, &subject);
    }
    certificate_free(certificate);
    octets_free(&der);
    return done(good);
}

static CK_RV add_certificate(struct desk *desk, CK_OBJECT_HANDLE object, json_t *list) {
    unsigned char der[8192];
    CK_ATTRIBUTE value = {CKA_VALUE, der, sizeof der};
    CK_RV rv = desk->key.functions->C_GetAttributeValue(desk->key.session, object, &value, 1);
    json_t *one = rv == CKR_OK ? json_object() : NULL;
    if (one != NULL) {
        put_bytes(one, "der", der, value.ulValueLen);
        json_array_append(list, json_object_get(one, "der"));
    }
    json_decref(one);
    return rv;
}

static json_t *certificates(struct desk *desk, const json_t *line) {
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;
    CK_FUNCTION_LIST *f = desk->key.functions;
    json_t *list = json_array();
    (void)line;
    CK_RV rv = f->C_FindObjectsInit(desk->key.session, wanted, 1);
    if (rv == CKR_OK) {
        rv = f->C_FindObjects(desk->key.session, found, sizeof found / sizeof found[0], &count);
        f->C_FindObjectsFinal(desk->key.session);
    }
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++) {
        rv = add_certificate(desk, found[i], list);
    }
    json_t *answer = result(rv);
    json_object_set_new(answer, "certificates", list);
    return answer;
}

static json_t *retire(struct desk *desk, const json_t *line) {
    CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
    struct octets der = bytes_of(line, "certificate");
    bool found = key_find_private(&desk->key, &der, &private_key);
    octets_free(&der);
    return found ? result(desk->key.functions->C_DestroyObject(desk->key.session, private_key))
                 : done(false);
}

static json_t *write_file(struct desk *desk, const json_t *line) {
    struct octets content = bytes_of(line, "content");
    json_t *answer = done(key_write_file(&desk->key, text_of(line, "name"), &content));
    octets_free(&content);
    return answer;
}

static json_t *read_file(struct desk *desk, const json_t *line) {
    struct octets content = {NULL, 0};
    bool good = key_read_file(&desk->key, text_of(line, "name"), &content);
    json_t *answer = done(good);
    if (good) {
        put_bytes(answer, "content", content.data, content.len);
    }
    octets_free(&content);
    return answer;
}

static json_t *first_pin(struct desk *desk, const json_t *line) {
    return done(key_demand_change(&desk->key, text_of(line, "admin"), text_of(line, "pin")));
}

static json_t *decrypt(struct desk *desk, const json_t *line) {
    CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
    enum key_algorithm algorithm = KEY_SM2;
    struct octets der = bytes_of(line, "certificate");
    struct octets cipher = bytes_of(line, "cipher");
    struct octets plain = {NULL, 0};
    bool good = find(desk, &der, &private_key, &algorithm) &&
                key_decrypt(&desk->key, private_key, algorithm, &cipher, &plain);
    json_t *answer = done(good);
    if (good) {
        put_bytes(answer, "plain", plain.data, plain.len);
    }
    octets_free(&der);
    octets_free(&cipher);
    octets_free(&plain);
    return answer;
}

static const struct {
    const char *name;
    json_t *(*run)(struct desk *desk, const json_t *line);
} verbs[] = {
    {"facts", facts},
    {"login", login},
    {"logout", logout},
    {"set-pin", set_pin},
    {"sign", sign},
    {"unlock-begin", unlock_begin},
    {"generate", generate},
    {"csr", csr},
    {"certificates", certificates},
    {"retire", retire},
    {"write-file", write_file},
    {"read-file", read_file},
    {"first-pin", first_pin},
    {"unwrap", unwrap},
    {"unlock-finish", unlock_finish},
    {"decrypt", decrypt},
    {"write-certificate", write_certificate},
    {"signed-data", signed_data},
};

static json_t *obey(struct desk *desk, const json_t *line) {
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, text_of(line, "do")) == 0) {
            return verbs[i].run(desk, line);
        }
    }
    return result(CKR_FUNCTION_NOT_SUPPORTED);
}

int main(int argc, char **argv) {
    struct desk desk = {.generated = CK_INVALID_HANDLE};
    char *text = NULL;
    size_t size = 0;
    if (argc != 3 || !key_open(&desk.key, argv[1], argv[2]) ||
        desk.key.functions->C_OpenSession(desk.key.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                          NULL, &desk.key.session) != CKR_OK) {
        fputs("real-key: MODULE SOCKET-FOLDER with one key\n", stderr);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (getline(&text, &size, stdin) > 0) {
        json_t *line = json_loads(text, 0, NULL);
        json_t *answer = obey(&desk, line);
        char *said = json_dumps(answer, JSON_COMPACT);
        puts(said != NULL ? said : "{}");
        fflush(stdout);
        free(said);
        json_decref(answer);
        json_decref(line);
    }
    free(text);
    octets_free(&desk.spki);
    key_close(&desk.key);
    return 0;
}
