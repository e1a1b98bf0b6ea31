/* The cards that the module knows. */
#include "module/token/driver.h"

#include <stddef.h>

const struct token_driver *const token_drivers[] = {&gm_driver, NULL};

const struct token_key_kind *token_kind_find(const struct token_facts *facts,
                                             enum token_algorithm algorithm, uint32_t bits) {
    for (size_t i = 0; i < facts->kind_count; i++) {
        if (facts->kinds[i].algorithm == algorithm && facts->kinds[i].bits == bits) {
            return &facts->kinds[i];
        }
    }
    return NULL;
}
