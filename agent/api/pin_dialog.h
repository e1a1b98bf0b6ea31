/* One question for a PIN, in pinentry, as verify-pin and change-pin ask it. */
#ifndef AGENT_API_PIN_DIALOG_H
#define AGENT_API_PIN_DIALOG_H

#include "agent/api/key.h"

struct pin_question {
    enum word title, prompt;
    enum word error;   /* shown in red from the beginning; WORD_COUNT: none */
    bool is_for_a_try; /* say how many tries are left, once some have been used */
};

/* Who asks, and until when. */
struct pin_asker {
    const char *pinentry;
    const struct consent_terminal *terminal;
    const char *origin;
    enum http_language language;
    const struct consent_watch *watch;
};

/* Ask until the length is one that the key takes (a PIN of the wrong length would be a try for nothing), three times at most. On
 * CONSENT_GIVEN *pin is to be freed with consent_pin_free(); else NULL. Inside an action that has begun. */
enum consent_result pin_dialog_ask(const struct pin_asker *asker, const struct token_facts *facts,
                                   const struct pin_question *question, struct consent_pin **pin);

/* The same for a new PIN, typed twice the same; `old_pin` (may be NULL) is another one. */
enum consent_result pin_dialog_ask_new(const struct pin_asker *asker,
                                       const struct token_facts *facts, enum word title,
                                       const struct consent_pin *old_pin, struct consent_pin **pin);

/* A page's request as who asks; `watch` is made for it. */
struct pin_asker pin_dialog_asker(const struct http_request *request, struct token *token,
                                  struct key_watch *watch);

/* Why no PIN of this key may be tried for this page now, answered; false: one may. */
bool pin_try_is_refused(struct http_request *request, const struct token_facts *facts);

#endif
