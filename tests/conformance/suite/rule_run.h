/* Running one rule. */
#ifndef OPENUKEY_CONFORMANCE_RULE_RUN_H
#define OPENUKEY_CONFORMANCE_RULE_RUN_H

#include "tests/conformance/suite/suite.h"

struct outcome {
    enum verdict verdict;
    char words[240]; /* why it failed or does not apply */
};

/* Forks; never fails itself. */
void rule_run(const struct rule *rule, struct outcome *out);

#endif
