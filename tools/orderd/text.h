/* Every text of the order service that a person reads, in zh-CN and en: one catalogue. */
#ifndef TOOLS_ORDERD_TEXT_H
#define TOOLS_ORDERD_TEXT_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/engine/flow.h"

#include <stddef.h>

enum language { LANGUAGE_ZH, LANGUAGE_EN, LANGUAGE_COUNT };

enum text {
    /* the statement that the applicant signs (R121, R122) */
    TEXT_STATEMENT_TITLE_ANY, /* {kind} */
    TEXT_STATEMENT_NEW_NAME,
    TEXT_STATEMENT_CONSENT_ANY,
    TEXT_STATEMENT_ORDER,
    TEXT_STATEMENT_SUBJECT,
    TEXT_STATEMENT_CREDENTIAL,
    TEXT_STATEMENT_CERTIFICATE,
    TEXT_STATEMENT_TOKEN,
    TEXT_STATEMENT_OLD_END,
    TEXT_STATEMENT_YEARS,
    TEXT_STATEMENT_NEW_END,
    TEXT_STATEMENT_NEW_END_EXPIRED, /* {years} */
    TEXT_STATEMENT_AMOUNT,
    TEXT_STATEMENT_AMOUNT_VALUE, /* {yuan} */
    TEXT_STATEMENT_HANDLER,
    TEXT_STATEMENT_PHONE,
    TEXT_STATEMENT_EMAIL,
    TEXT_STATEMENT_CONSENT,
    TEXT_STATEMENT_CONSENT_VALUE,
    TEXT_YEARS_VALUE, /* {years} */
    /* eligibility */
    TEXT_ELIGIBLE,
    TEXT_TOO_EARLY, /* {date} */
    TEXT_TOO_LATE,  /* {date} */
    TEXT_HELD,
    TEXT_REVOKED,
    TEXT_SUPERSEDED,
    TEXT_KEY_NOT_RENEWED,
    TEXT_UNKNOWN,
    /* fields */
    TEXT_FIELD_YEARS,
    TEXT_FIELD_HANDLER_NAME,
    TEXT_FIELD_HANDLER_PHONE,
    TEXT_FIELD_HANDLER_EMAIL,
    TEXT_FIELD_UNKNOWN,
    TEXT_FIELD_AGREEMENT,
    TEXT_FIELD_ID_TYPE,
    TEXT_FIELD_ID_NUMBER,
    TEXT_FIELD_NAME,
    TEXT_FIELD_USER_NAME,
    TEXT_FIELD_LINE,
    TEXT_FIELD_REASON,
    TEXT_FIELD_SEAL_TYPE,
    TEXT_FIELD_TAX_NUMBER,
    TEXT_FIELD_POSTCODE,
    TEXT_FIELD_DELIVERY,
    TEXT_FIELD_RECIPIENT,
    TEXT_FIELD_INVOICE_TITLE,
    TEXT_FIELD_ANSWER_WRONG,
    TEXT_FIELD_YEARS_PAID,
    TEXT_FIELD_CREDENTIAL,
    TEXT_FIELD_PASSWORD,
    TEXT_FIELD_DIFFERS,
    TEXT_FIELD_LINKED,
    TEXT_FIELD_UPSTREAM,
    TEXT_FIELD_PASSPHRASE,
    TEXT_FIELD_ALGORITHM,
    TEXT_DOCUMENT_EMPTY,
    TEXT_DOCUMENT_BYTES,
    TEXT_DOCUMENT_PIXELS,
    TEXT_DOCUMENT_FORMAT,
    TEXT_DOCUMENT_DAMAGED,
    TEXT_DOCUMENT_DPI,
    TEXT_DOCUMENT_COLOUR,
    TEXT_DOCUMENT_MISSING,
    TEXT_FIELD_BANK_CARD,
    TEXT_FIELD_BANK_ACCOUNT,
    /* SMS and mail */
    TEXT_SMS_REGISTER, /* {code} */
    TEXT_SMS_LOGIN,
    TEXT_SMS_CONFIRM,
    TEXT_SMS_QUERY,
    TEXT_SMS_RESET,
    TEXT_SMS_PHONE,
    TEXT_MAIL_EMAIL,
    TEXT_MAIL_EMAIL_SUBJECT,
    TEXT_SMS_FACE,      /* {url} */
    TEXT_MAIL_DOWNLOAD, /* {number}, {code} */
    TEXT_MAIL_DOWNLOAD_SUBJECT,
    TEXT_FIRST_PIN, /* {number}, {pin} */
    TEXT_FIRST_PIN_SUBJECT,
    TEXT_SMS_UNLOCK,    /* {number}, {code} */
    TEXT_MESSAGE_STATE, /* {number}, {state} */
    TEXT_MESSAGE_STATE_SUBJECT,
    TEXT_MESSAGE_INVOICE, /* {number} */
    TEXT_MESSAGE_INVOICE_SUBJECT,
    /* the simulated payment page */
    TEXT_PAY_TITLE,
    TEXT_PAY_NOTE,
    TEXT_PAY_AMOUNT,
    TEXT_PAY_BUTTON,
    TEXT_PAY_DONE,
    TEXT_PAY_ORDER, /* what the payment is for: {number} */
    TEXT_COUNT
};

/* A text of the catalogue; never NULL. */
const char *text_get(enum text text, enum language language);

/* The same with `{name}` replaced by `value`, to `out` (`size` bytes, cut at a whole character if it does not fit). */
void text_fill(enum text text, enum language language, const char *name, const char *value,
               char *out, size_t size);

/* The same for text that has been filled in part. */
void text_replace(const char *text, const char *name, const char *value, char *out, size_t size);

/* The name of an order's state as the portals say it (requirements.md R). */
const char *text_state(enum order_state state, enum language language);

/* What a kind of business is called. */
const char *text_kind(enum order_kind kind, enum language language);

/* What a step of an order is called where the portal has no word of its own. */
const char *text_gate(enum gate gate, enum language language);

/* What an error says: a short title and one sentence that tells what to do. */
const char *text_error_title(enum order_error error, enum language language);
const char *text_error_detail(enum order_error error, enum language language);

/* "zh-CN", "en"; and back (zh* is Chinese, anything else English). */
const char *language_tag(enum language language);
enum language language_of(const char *tag);

/* Fen as yuan with two digits after the point: 20000 is "200.00". */
void text_yuan(int64_t fen, char out[24]);

#endif
