/* See field.h. */
#include "tools/orderd/engine/field.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- what text may look like ---- */

/* Characters of UTF-8 text, or -1 when it holds a control character or blanks only. */
static int characters(const char *text) {
    int count = 0;
    bool seen = false;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            return -1;
        }
        seen = seen || *at != ' ';
        count += (*at & 0xc0) != 0x80 ? 1 : 0;
    }
    return seen ? count : -1;
}

bool name_is_valid(const char *text) {
    int count = characters(text);
    return count >= 1 && count <= 64;
}

static bool line_is_valid(const char *text) {
    int count = characters(text);
    return count >= 1 && count <= 200;
}

static bool digits_are_valid(const char *text, size_t least, size_t most) {
    size_t len = strlen(text);
    return len >= least && len <= most && strspn(text, "0123456789") == len;
}

bool phone_is_valid(const char *text) {
    return digits_are_valid(text, 11, 11) && text[0] == '1';
}

static bool bank_card_is_valid(const char *text) {
    return digits_are_valid(text, 16, 19);
}

static bool bank_account_is_valid(const char *text) {
    return digits_are_valid(text, 8, 30);
}

static bool postcode_is_valid(const char *text) {
    return digits_are_valid(text, 6, 6);
}

bool email_is_valid(const char *text) {
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || characters(text) < 0 || strpbrk(text, " <>,;\"") != NULL ||
        strchr(at + 1, '@') != NULL) {
        return false;
    }
    const char *dot = strrchr(at, '.');
    return dot != NULL && dot > at + 1 && dot[1] != '\0';
}

bool identity_number_is_valid(const char *text) {
    static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    if (strlen(text) != 18) {
        return false;
    }
    for (int i = 0; i < 17; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
        sum += (text[i] - '0') * weights[i];
    }
    return text[17] == "10X98765432"[sum % 11];
}

bool social_credit_code_is_valid(const char *text) {
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    int weight = 1;
    int sum = 0;
    if (strlen(text) != 18) {
        return false;
    }
    for (int i = 0; i < 18; i++) {
        const char *at = strchr(alphabet, text[i]);
        if (at == NULL) {
            return false;
        }
        if (i < 17) {
            sum += (int)(at - alphabet) * weight;
            weight = weight * 3 % 31;
        } else {
            return (int)(at - alphabet) == (31 - sum % 31) % 31;
        }
    }
    return false;
}

/* R080: a resident's card is judged by its check digit, others by their length. */
static bool any_number_is_valid(const char *text) {
    size_t len = strlen(text);
    if (len == 18 && isdigit((unsigned char)text[0])) {
        return identity_number_is_valid(text);
    }
    return len >= 5 && len <= 32 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* The serial number of a certificate, as certificates are listed with. */
static bool serial_is_valid(const char *text) {
    size_t len = strlen(text);
    return len >= 1 && len <= 40 && strspn(text, "0123456789ABCDEF") == len;
}

static bool is_one_of(const char *text, const char *const *list) {
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

const char *const *credential_types(bool organisation) {
    static const char *const persons[] = {
        "ID", "PASSPORT", "HK_MACAU_PERMIT", "TAIWAN_PERMIT", "RESIDENCE_PERMIT", "OFFICER", NULL};
    static const char *const organisations[] = {"USCC", "ORG_CODE", NULL};
    return organisation ? organisations : persons;
}

static bool id_type_is_valid(const char *text) {
    return is_one_of(text, credential_types(false));
}

static bool delivery_is_valid(const char *text) {
    static const char *const list[] = {"COURIER", "PICKUP", NULL};
    return is_one_of(text, list);
}

static bool reason_is_valid(const char *text) {
    static const char *const list[] = {"LOST", "DAMAGED", NULL};
    return is_one_of(text, list);
}

static bool seal_type_is_valid(const char *text) {
    static const char *const list[] = {"ORGANIZATION", "PERSONAL", NULL};
    return is_one_of(text, list);
}

/* R030 */
static bool user_name_is_valid(const char *text) {
    size_t len = strlen(text);
    return len >= 1 && len <= 12 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == len;
}

/* R244 */
static bool title_is_valid(const char *text) {
    return line_is_valid(text) && strcmp(text, "个人") != 0;
}

static bool tax_number_is_valid(const char *text) {
    size_t len = strlen(text);
    return len >= 15 && len <= 20 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len;
}

bool credential_is_valid(bool organisation, const char *type, const char *number) {
    if (organisation) {
        return strcmp(type, "USCC") == 0
                   ? social_credit_code_is_valid(number)
                   : strcmp(type, "ORG_CODE") == 0 && any_number_is_valid(number);
    }
    return strcmp(type, "ID") == 0 ? identity_number_is_valid(number)
                                   : id_type_is_valid(type) && any_number_is_valid(number);
}

/* A residence permit of somebody from Hong Kong, Macau or Taiwan has a number like an identity card's, of region 81 to 83; the older permits
 * are H or M with ten digits, and eight digits. */
const char *credential_type_of(bool organisation, const char *number) {
    if (organisation) {
        return social_credit_code_is_valid(number) ? "USCC" : "ORG_CODE";
    }
    if (identity_number_is_valid(number)) {
        return number[0] == '8' && number[1] >= '1' && number[1] <= '3' ? "RESIDENCE_PERMIT" : "ID";
    }
    if ((number[0] == 'H' || number[0] == 'M') && digits_are_valid(number + 1, 8, 10)) {
        return "HK_MACAU_PERMIT";
    }
    return digits_are_valid(number, 8, 8) ? "TAIWAN_PERMIT" : "PASSPORT";
}

/* ---- the catalogue ---- */

static const struct field fields[] = {
    {"agreement", FIELD_TICK, TEXT_FIELD_AGREEMENT, 0, NULL},
    {"years", FIELD_YEARS, TEXT_FIELD_YEARS, 0, NULL},
    {"handlerName", FIELD_TEXT, TEXT_FIELD_HANDLER_NAME, 256, name_is_valid},
    {"handlerPhone", FIELD_TEXT, TEXT_FIELD_HANDLER_PHONE, 11, phone_is_valid},
    {"handlerEmail", FIELD_TEXT, TEXT_FIELD_HANDLER_EMAIL, 128, email_is_valid},
    {"handlerIdType", FIELD_TEXT, TEXT_FIELD_ID_TYPE, 32, id_type_is_valid},
    {"handlerIdNumber", FIELD_TEXT, TEXT_FIELD_ID_NUMBER, 32, any_number_is_valid},
    {"legalName", FIELD_TEXT, TEXT_FIELD_NAME, 256, name_is_valid},
    {"legalIdNumber", FIELD_TEXT, TEXT_FIELD_ID_NUMBER, 32, any_number_is_valid},
    {"legalPhone", FIELD_TEXT, TEXT_FIELD_HANDLER_PHONE, 11, phone_is_valid},
    {"phone", FIELD_TEXT, TEXT_FIELD_HANDLER_PHONE, 11, phone_is_valid},
    {"bankCard", FIELD_TEXT, TEXT_FIELD_BANK_CARD, 19, bank_card_is_valid},
    {"bankName", FIELD_TEXT, TEXT_FIELD_LINE, 400, line_is_valid},
    {"bankAccount", FIELD_TEXT, TEXT_FIELD_BANK_ACCOUNT, 30, bank_account_is_valid},
    {"newName", FIELD_TEXT, TEXT_FIELD_NAME, 256, name_is_valid},
    {"userName", FIELD_TEXT, TEXT_FIELD_USER_NAME, 12, user_name_is_valid},
    {"securityQuestion", FIELD_TEXT, TEXT_FIELD_LINE, 800, line_is_valid},
    {"securityAnswer", FIELD_TEXT, TEXT_FIELD_LINE, 800, line_is_valid},
    {"project", FIELD_TEXT, TEXT_FIELD_LINE, 800, line_is_valid},
    {"product", FIELD_TEXT, TEXT_FIELD_LINE, 800, line_is_valid},
    {"recoverSerial", FIELD_TEXT, TEXT_FIELD_ID_NUMBER, 40, serial_is_valid},
    {"reason", FIELD_TEXT, TEXT_FIELD_REASON, 16, reason_is_valid},
    {"sealType", FIELD_TEXT, TEXT_FIELD_SEAL_TYPE, 16, seal_type_is_valid},
    {"licenceNumber", FIELD_TEXT, TEXT_FIELD_ID_NUMBER, 32, any_number_is_valid},
    {"taxNumber", FIELD_TEXT, TEXT_FIELD_TAX_NUMBER, 20, tax_number_is_valid},
    {"fax", FIELD_TEXT, TEXT_FIELD_LINE, 64, line_is_valid},
    {"email", FIELD_TEXT, TEXT_FIELD_HANDLER_EMAIL, 128, email_is_valid},
    {"orgType", FIELD_TEXT, TEXT_FIELD_LINE, 128, line_is_valid},
    {"socialNo", FIELD_TEXT, TEXT_FIELD_ID_NUMBER, 32, any_number_is_valid},
    {"region", FIELD_TEXT, TEXT_FIELD_LINE, 256, line_is_valid},
    {"address", FIELD_TEXT, TEXT_FIELD_LINE, 800, line_is_valid},
    {"postcode", FIELD_TEXT, TEXT_FIELD_POSTCODE, 6, postcode_is_valid},
    {"delivery", FIELD_TEXT, TEXT_FIELD_DELIVERY, 16, delivery_is_valid},
    {"recipientName", FIELD_TEXT, TEXT_FIELD_RECIPIENT, 256, name_is_valid},
    {"recipientPhone", FIELD_TEXT, TEXT_FIELD_HANDLER_PHONE, 11, phone_is_valid},
    {"recipientRegion", FIELD_TEXT, TEXT_FIELD_RECIPIENT, 256, line_is_valid},
    {"recipientAddress", FIELD_TEXT, TEXT_FIELD_RECIPIENT, 800, line_is_valid},
    {"invoiceTitle", FIELD_TEXT, TEXT_FIELD_INVOICE_TITLE, 400, title_is_valid},
    {"invoiceTaxNumber", FIELD_TEXT, TEXT_FIELD_TAX_NUMBER, 20, tax_number_is_valid},
    {"invoiceEmail", FIELD_TEXT, TEXT_FIELD_HANDLER_EMAIL, 128, email_is_valid},
    {"invoicePhone", FIELD_TEXT, TEXT_FIELD_HANDLER_PHONE, 11, phone_is_valid},
    {"invoiceAddress", FIELD_TEXT, TEXT_FIELD_LINE, 800, line_is_valid},
    {"invoiceBank", FIELD_TEXT, TEXT_FIELD_LINE, 400, line_is_valid},
};

const struct field *field_find(const char *name) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

bool field_is_valid(const struct field *field, const json_t *value) {
    switch (field->type) {
    case FIELD_TICK:
        return json_is_true(value);
    case FIELD_YEARS:
        return json_is_integer(value);
    case FIELD_TEXT:
        break;
    }
    const char *text = json_string_value(value);
    return text != NULL && json_string_length(value) == strlen(text) &&
           strlen(text) <= field->max && field->is_valid(text);
}

void field_refuse(json_t *errors, const char *name, enum text wrong, enum language language) {
    json_array_append_new(
        errors, json_pack("{s:s,s:s}", "field", name, "detail", text_get(wrong, language)));
}

/* ---- masks ---- */

void mask_phone(const char *text, char *out, size_t size) {
    size_t len = strlen(text);
    snprintf(out, size, "%.*s****%s", len >= 7 ? 3 : 0, text, len >= 7 ? text + len - 4 : "");
}

void mask_name(const char *text, char *out, size_t size) {
    size_t first = text[0] != '\0' ? 1 : 0;
    while ((text[first] & 0xc0) == 0x80) {
        first++;
    }
    snprintf(out, size, "%.*s%s", (int)first, text, text[first] != '\0' ? "*" : "");
}

void mask_email(const char *text, char *out, size_t size) {
    const char *at = strchr(text, '@');
    snprintf(out, size, "%.1s***%s", text, at != NULL ? at : "");
}

void mask_number(const char *text, char *out, size_t size) {
    size_t len = strlen(text);
    size_t keep = len >= 12 ? 4 : 1;
    snprintf(out, size, "%s", text);
    for (size_t i = keep; i + keep < len && i + 1 < size; i++) {
        out[i] = '*';
    }
}
