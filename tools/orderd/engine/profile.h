/* A portal as data: everything that differs from one portal to the next (R023-R025, R054, R218). The five manuals' portals and our own
 * are each one file in profiles/; the engine has no other place that knows a portal's name. */
#ifndef TOOLS_ORDERD_ENGINE_PROFILE_H
#define TOOLS_ORDERD_ENGINE_PROFILE_H

#include "tools/orderd/engine/flow.h"
#include "tools/orderd/engine/window.h"

/* A set of kinds. */
#define KINDS(kind) (1u << (kind))

/* What a term costs (R036): one row a kind and number of years; 0 years where the business has no term. */
struct price {
    enum order_kind kind;
    enum subject_type subjects;
    int years;
    int64_t amount_fen;
};

/* Whose identity is checked, and how (R060-R064). */
enum party { PARTY_ORG, PARTY_HANDLER, PARTY_PERSON, PARTY_COUNT };
enum verify_method {
    METHOD_TRANSFER = 1, /* 0.01 yuan to the bank account; its postscript is typed back */
    METHOD_PHONE = 2,    /* name, number and phone agree at the carrier */
    METHOD_BANK_CARD = 4,
    METHOD_FACE = 8
};

/* How an application is confirmed (R120-R122, R221, R032); sets. */
enum confirm_method { CONFIRM_SMS = 1, CONFIRM_TOKEN = 2, CONFIRM_ANSWER = 4 };

enum payment_channel {
    CHANNEL_ALIPAY = 1,
    CHANNEL_WECHAT = 2,
    CHANNEL_TRANSFER = 4 /* with a voucher that finance reviews (R130-R133) */
};

/* Which form an order's public number has. */
enum number_format {
    NUMBER_LETTER, /* R262: yyyyMMdd, letter, four digits */
    NUMBER_UO,     /* R260: UO, yyyyMMddHHmm, six digits */
    NUMBER_RECEIPT /* R261: yyyyMMdd, twelve digits */
};

enum invoice_policy { INVOICE_ON_REQUEST, INVOICE_ON_PAYMENT, INVOICE_ON_RECEIPT };
enum unlock_policy { UNLOCK_CHOSEN_PIN, UNLOCK_FIXED_PIN };

/* What a document must be (R091, R095, R096, R106, R112); formats are a set of enum document_format. */
enum document_format {
    FORMAT_JPEG = 1,
    FORMAT_PNG = 2,
    FORMAT_BMP = 4,
    FORMAT_GIF = 8,
    FORMAT_PDF = 16
};
struct document_limits {
    unsigned formats;
    int64_t max_bytes;
    int min_dpi; /* 0: any */
    bool colour; /* a grey or black-and-white scan is refused */
};

/* One document of one business: the matrix of order-domain.md 8. */
struct document_rule {
    unsigned kinds;
    enum subject_type subjects;
    const char *type; /* "LICENCE", "LEGAL_ID_FRONT", ... */
    bool required;
    const struct document_limits *limits;
};

/* One entry of a form: at which gate it is asked for, and whether it may stay empty. What it must look like is field.h's affair. */
struct field_rule {
    unsigned kinds;
    enum subject_type subjects;
    enum gate gate;
    const char *field;
    bool required;
};

/* How the business of a flow is confirmed; 0 rows: by any way that the kind allows. */
struct confirm_rule {
    unsigned kinds;
    unsigned methods; /* set of enum confirm_method */
};

/* A state or a step in the portal's own words. `kinds` is the set of kinds that it is called so in, 0 any; the first row that fits
 * counts. */
struct state_words {
    enum order_state state;
    const char *zh;
    unsigned kinds;
};
struct gate_words {
    enum gate gate;
    const char *zh;
    unsigned kinds;
};

/* R130: where a transfer goes. */
struct payee {
    const char *name;
    const char *bank;
    const char *account;
};

struct profile {
    const char *id;
    const char *title_zh;
    const char *title_en;
    struct renewal_policy renewal;
    const struct flow *flows;
    size_t flow_count;
    const struct price *prices;
    size_t price_count;
    const struct document_rule *documents;
    size_t document_count;
    const struct field_rule *fields;
    size_t field_count;
    const struct confirm_rule *confirms;
    size_t confirm_count;
    const struct state_words *states; /* ended by NULL words; NULL: the catalogue's own */
    const struct gate_words *steps;   /* likewise */
    unsigned methods[PARTY_COUNT];    /* sets of enum verify_method */
    unsigned channels;                /* set of enum payment_channel */
    struct payee payee;               /* where CHANNEL_TRANSFER is one of them */
    unsigned two_persons;             /* kinds that two reviewers must approve (R157) */
    enum number_format number;
    char number_letter; /* R262: the letter of the day's first numbers */
    enum invoice_policy invoice;
    enum unlock_policy unlock;
    bool seal; /* a certificate comes with a seal */
    unsigned
        linked; /* kinds that an organisation applies for together with its legal representative (R022) */
    unsigned soft; /* kinds whose certificate may go into a file instead of a UKey (R037) */
    bool
        replace_made_here; /* R049: only what a finished NEW order of this service made is replaced */
    const char *consent_version; /* of the statement's wording (R121) */
    int idle_days;               /* T23: an unpaid order that rests this long expires */
    int receipt_days;            /* R165: a parcel that nobody confirms counts as received */
};

/* The profile of this name, or NULL. */
const struct profile *profile_find(const char *id);

/* All profiles, ended by NULL. */
extern const struct profile *const profiles[];

/* The profile's flow for a kind, or NULL when the profile does not offer it to such subjects. */
const struct flow *profile_flow(const struct profile *profile, enum order_kind kind,
                                enum subject_type subject);

/* The price of `years` of a kind (0: it has no term), or -1 when the profile does not sell it. */
int64_t profile_price(const struct profile *profile, enum order_kind kind,
                      enum subject_type subject, int years);

/* The terms that a kind is sold with: years of its rows in order, at most `max`; a kind without term has the one term 0. */
size_t profile_terms(const struct profile *profile, enum order_kind kind, enum subject_type subject,
                     int *years, size_t max);

/* The ways in which this kind may be confirmed: a set of enum confirm_method. */
unsigned profile_confirms(const struct profile *profile, enum order_kind kind);

/* A state or a gate of a kind of business (KIND_COUNT: any) in the portal's own words (zh-CN), or NULL when it has none of its own. */
const char *profile_state_words(const struct profile *profile, enum order_kind kind,
                                enum order_state state);
const char *profile_gate_words(const struct profile *profile, enum order_kind kind, enum gate gate);

#endif
